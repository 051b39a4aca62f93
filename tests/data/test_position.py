"""Reading from a place: what is made of a data set follows, cardinality is kept, and nobody else is touched."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import at_position, from_arrays, get_epoch, get_skip, resumable, set_position
from tfgen.data.position import follow, hidden, ordered, with_cardinality


def numbers(dataset):
    return [np.asarray(element).ravel().tolist() for element in dataset.as_numpy_iterator()]


def counted():
    """Epoch e of four batches: 10 e, 10 e + 1, ..."""
    return ordered(lambda epoch, skip: tf.data.Dataset.range(10 * epoch + skip, 10 * epoch + 4), 4)


def flat(dataset):
    return [number for batch in numbers(dataset) for number in batch]


def even(number):
    if number % 2 == 0:  # a branch that AutoGraph has to convert, here and wherever the data set is read from
        return number
    return -number


DERIVED = {
    "map": (lambda data: data.map(even), [20, -21, 22, -23]),
    "batch": (lambda data: data.batch(2), [20, 21, 22, 23]),
    "filter": (lambda data: data.filter(lambda i: i != 21), [20, 22, 23]),
    "take": (lambda data: data.take(3).prefetch(1), [20, 21, 22]),
    "shuffle": (lambda data: data.shuffle(1), [20, 21, 22, 23]),
    "flat_map": (
        lambda data: data.flat_map(lambda i: tf.data.Dataset.from_tensors(i).repeat(2)),
        [20, 20, 21, 21, 22, 22, 23, 23],
    ),
    "concatenate": (lambda data: data.concatenate(data.map(lambda i: i + 1)), [20, 21, 22, 23, 21, 22, 23, 24]),
    "apply": (lambda data: data.apply(tf.data.experimental.assert_cardinality(4)), [20, 21, 22, 23]),
    "repeat": (lambda data: data.repeat(3), [60, 61, 62, 63, 70, 71, 72, 73, 80, 81, 82, 83]),
    "repeat of nobody knows how many": (lambda data: data.filter(lambda i: i % 10 < 2).repeat(2), [40, 41, 50, 51]),
    "with_options": (lambda data: data.with_options(tf.data.Options()), [20, 21, 22, 23]),
}


@pytest.mark.parametrize("name", DERIVED)
def test_what_is_made_of_a_data_set_can_be_read_from_any_place(name):
    derive, expected = DERIVED[name]
    data = derive(counted())
    assert flat(at_position(data, 2)) == expected
    per_batch = 2 if name == "batch" else 1
    for skip in (1, 3, 5):
        assert flat(at_position(data, 2, skip)) == expected[skip * per_batch :]
    assert flat(data) == flat(at_position(data, 0)) == flat(data)
    size = int(data.cardinality())
    assert size < 0 or (size, int(at_position(data, 1, 1).cardinality())) == (len(expected) // per_batch, size - 1)


def test_endless_data_reads_epoch_after_epoch():
    data = counted().repeat()
    assert data.cardinality() == at_position(data, 0, 3).cardinality() == tf.data.INFINITE_CARDINALITY
    assert flat(at_position(data, 0, 6).take(5)) == [12, 13, 20, 21, 22]
    assert flat(at_position(data.map(lambda i: 2 * i), 1, 4).take(2)) == [40, 42]


def test_skipped_rows_are_not_read():
    read = []

    def note(row):
        read.append(int(row))
        return row

    source = resumable(tf.data.Dataset.range(2**20))
    data = source.map(lambda i: tf.ensure_shape(tf.numpy_function(note, [i], tf.int64), ()))
    assert flat(at_position(data, 0, 2**19).take(1)) == [2**19]
    assert min(read) == 2**19


def test_a_plain_data_set_leaves_batches_out():
    data = tf.data.Dataset.range(10).batch(3)
    assert numbers(at_position(data, 4, 2)) == [[6, 7, 8], [9]]
    assert numbers(at_position(resumable(data), 4, 5)) == []


def test_who_follows_a_place_asks_at_each_iteration_and_touches_nobody():
    place, data = [3, 1], counted()
    mine, other = follow(lambda: tuple(place), data.read_from), follow(lambda: (0, 0), data.read_from)
    assert flat(mine) == [31, 32, 33]
    place[:] = [5, 0]
    assert flat(mine) == [50, 51, 52, 53]
    assert flat(data) == flat(other) == [0, 1, 2, 3]


def test_two_threads_read_one_data_set_from_two_places():
    data = from_arrays(np.zeros((6, 1, 1, 1)), np.arange(6), batch_size=1).map(lambda _, label: label)
    expected = [flat(at_position(data, epoch, epoch)) for epoch in range(4)]
    found = {}

    def read(epoch):
        found[epoch] = [flat(at_position(data, epoch, epoch)) for _ in range(3)]

    threads = [threading.Thread(target=read, args=(epoch,)) for epoch in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[epoch] for epoch in range(4)] == [[order] * 3 for order in expected]


def test_what_hides_a_place_is_known():
    data = counted()
    assert not hidden(data.map(even).batch(2)) and not hidden(tf.data.Dataset.range(3).batch(2))
    for made in (tf.data.Dataset.zip(data, data), data.cache(), tf.data.Dataset.zip(data, data).batch(2)):
        assert hidden(made)


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
    for data in (wrapped, wrapped.batch(1), at_position(wrapped, 0, 1)):
        assert data.options().experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.DATA


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


@pytest.mark.parametrize("read", [resumable, lambda data: at_position(data, 0)])
def test_only_datasets_are_read(read):
    with pytest.raises(TypeError, match=r"Expected a tf.data.Dataset. Received: dataset=3"):
        read(3)


@pytest.mark.parametrize("arguments", [(1.0,), ("1",), (True,), (0, None)])
def test_positions_are_integers(arguments):
    for function in (lambda *given: at_position(counted(), *given), quietly):
        with pytest.raises(TypeError, match=r"`(epoch|skip_batches)` must be an integer. Received"):
            function(*arguments)


@pytest.mark.parametrize("arguments", [(-1,), (0, -1)])
def test_positions_are_not_negative(arguments):
    for function in (lambda *given: at_position(counted(), *given), quietly):
        with pytest.raises(ValueError, match=r"`(epoch|skip_batches)` must be an integer of at least 0. Received"):
            function(*arguments)


# ---- the old way ----


def deprecated():
    """`set_position` and its like warn, and name what to use."""
    return pytest.warns(DeprecationWarning, match=r"`tfgen.data.\w+` is of the whole process; .*`tfgen.data.at_position\(")


def quietly(*arguments):
    with deprecated():
        set_position(*arguments)


@pytest.fixture
def at_the_start():
    yield
    quietly(0)


def test_the_old_way_still_leads_there(at_the_start):
    data = counted()
    with deprecated():
        set_position(7, skip_batches=3)
        assert (get_epoch(), get_skip()) == (7, 3)
    assert flat(at_position(data, 1)) == [10, 11, 12, 13]  # who names a place is not told another
    assert flat(data.map(even)) == [-73]
    assert flat(data) == [70, 71, 72, 73]  # the skip is used once
    with deprecated():
        assert (get_epoch(), get_skip()) == (7, 0)
    with pytest.raises(ValueError):
        quietly(5, -1)
    with deprecated():
        assert get_epoch() == 7
