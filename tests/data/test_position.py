"""The process-wide position: read at each iteration, its skip used once, cardinality kept."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import get_epoch, get_skip, resumable, set_position
from tfgen.data.position import positions, take_position, with_cardinality


@pytest.fixture(autouse=True)
def at_the_start():
    set_position(0)
    yield
    set_position(0)


def numbers(dataset):
    return [np.asarray(element).ravel().tolist() for element in dataset.as_numpy_iterator()]


def test_the_cell_holds_what_was_set():
    set_position(7, skip_batches=3)
    assert (get_epoch(), get_skip()) == (7, 3)
    set_position(8)
    assert (get_epoch(), get_skip()) == (8, 0)


def test_a_skip_is_taken_once():
    set_position(7, skip_batches=3)
    assert take_position() == (7, 3)
    assert take_position() == (7, 0)


@pytest.mark.parametrize("arguments", [(1.0,), ("1",), (True,), (0, None)])
def test_positions_are_integers(arguments):
    with pytest.raises(TypeError, match=r"`(epoch|skip_batches)` must be an integer. Received"):
        set_position(*arguments)


@pytest.mark.parametrize("arguments", [(-1,), (0, -1)])
def test_positions_are_not_negative(arguments):
    with pytest.raises(ValueError, match=r"`(epoch|skip_batches)` must be an integer of at least 0. Received"):
        set_position(*arguments)


def test_a_refused_position_changes_nothing():
    set_position(4, skip_batches=2)
    with pytest.raises(ValueError):
        set_position(5, skip_batches=-1)
    assert (get_epoch(), get_skip()) == (4, 2)


def test_positions_are_read_when_iteration_starts():
    dataset = positions().map(lambda epoch, skip: epoch * 10 + skip).prefetch(1)
    set_position(3, skip_batches=4)
    assert numbers(dataset) == [[34]]
    set_position(5)
    assert numbers(dataset) == [[50]]


def test_resumable_skips_the_next_iteration_only():
    dataset = resumable(tf.data.Dataset.range(10).batch(3))
    set_position(0, skip_batches=2)
    assert numbers(dataset) == [[6, 7, 8], [9]]
    assert numbers(dataset) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_pipelines_made_of_a_resumable_one_follow():
    dataset = resumable(tf.data.Dataset.range(6)).map(lambda i: i * 2).batch(2).prefetch(1)
    set_position(0, skip_batches=3)
    assert numbers(dataset) == [[6, 8], [10]]


def test_wrapping_twice_skips_once():
    dataset = resumable(resumable(tf.data.Dataset.range(5)).prefetch(2))
    set_position(0, skip_batches=2)
    assert numbers(dataset) == [[2], [3], [4]]


def test_skipping_everything_is_empty():
    dataset = resumable(tf.data.Dataset.range(3))
    set_position(0, skip_batches=5)
    assert numbers(dataset) == []


STRUCTURES = {
    "batches": lambda: tf.data.Dataset.range(7).batch(2),
    "pairs": lambda: tf.data.Dataset.zip(tf.data.Dataset.range(7), tf.data.Dataset.range(7).map(tf.as_string)),
    "dictionaries": lambda: tf.data.Dataset.from_tensor_slices({"x": [1, 2], "y": ([3, 4], [5, 6])}),
    "ragged": lambda: tf.data.Dataset.from_tensors(tf.ragged.constant([[1], [2, 3]])),
    "empty": lambda: tf.data.Dataset.range(0),
    "unknown": lambda: tf.data.Dataset.range(7).filter(lambda i: i > 2),
    "endless": lambda: tf.data.Dataset.range(3).repeat(),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_types_and_cardinality_are_kept(structure):
    dataset = STRUCTURES[structure]()
    wrapped = resumable(dataset)
    assert wrapped.element_spec == dataset.element_spec
    assert wrapped.cardinality().numpy() == dataset.cardinality().numpy()
    for left, right in zip(wrapped.take(5), dataset.take(5), strict=True):
        for a, b in zip(tf.nest.flatten(left, True), tf.nest.flatten(right, True), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_options_are_kept():
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    wrapped = resumable(tf.data.Dataset.range(3).with_options(options))
    assert wrapped.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.DATA


def test_a_reshuffling_pipeline_still_reshuffles():
    dataset = resumable(tf.data.Dataset.range(50).shuffle(50, seed=1).batch(50))
    assert numbers(dataset) != numbers(dataset)


def test_declaring_a_cardinality_reads_no_element_twice():
    reads = []

    def read(i):
        reads.append(int(i))
        return i

    source = tf.data.Dataset.range(4).map(lambda i: tf.ensure_shape(tf.numpy_function(read, [i], tf.int64), ()))
    known = with_cardinality(source.filter(lambda i: i >= 0), 4)
    assert numbers(known) == [[0], [1], [2], [3]]
    assert reads == [0, 1, 2, 3]


def test_only_datasets_are_wrapped():
    with pytest.raises(TypeError, match=r"Expected a tf.data.Dataset. Received: dataset=3"):
        resumable(3)
