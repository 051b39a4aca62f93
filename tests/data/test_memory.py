"""Data sets in memory: each example once an epoch, the same order everywhere for the same (seed, epoch)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import at_position, from_arrays, load
from tfgen.data.memory import epoch_order
from tfgen.random import row_keys, row_seeds, uniform

N = 23


def numbered(n=N):
    return np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), np.arange(n)


def read(dataset, epoch=0, skip=0):
    """The labels of each batch, which are the examples' numbers."""
    return [labels.tolist() for _, labels in at_position(dataset, epoch, skip).as_numpy_iterator()]


def flat(batches):
    return [number for batch in batches for number in batch]


def test_every_example_comes_once_an_epoch_with_its_label():
    dataset = from_arrays(*numbered(), batch_size=4)
    assert dataset.element_spec[0].shape.as_list() == [None, 1, 1, 1]
    assert dataset.element_spec[0].dtype == tf.float32 and dataset.element_spec[1].dtype == tf.int64
    for epoch in range(4):
        seen = []
        for images, labels in at_position(dataset, epoch).as_numpy_iterator():
            np.testing.assert_array_equal(np.round(images.ravel() * 255), labels)
            seen += labels.tolist()
        assert sorted(seen) == list(range(N))


def test_the_order_follows_its_formula():
    expected = np.argsort(row_seeds(int(row_seeds(5, 4)[3]), N), kind="stable").tolist()
    assert epoch_order(5, 3, N).tolist() == expected
    assert flat(read(from_arrays(*numbered(), batch_size=4, seed=5), epoch=3)) == expected


def test_epochs_and_seeds_differ_and_repeat():
    dataset, other = from_arrays(*numbered(), batch_size=4), from_arrays(*numbered(), batch_size=4, seed=1)
    orders = [flat(read(dataset, epoch)) for epoch in range(3)] + [flat(read(other, 0))]
    assert len({tuple(order) for order in orders}) == 4
    assert [flat(read(dataset, epoch)) for epoch in range(3)] == orders[:3]


def test_order_is_uniform():
    first = [epoch_order(seed, epoch, 5)[0] for seed in range(40) for epoch in range(50)]
    counts = np.bincount(first, minlength=5)
    assert ((counts - 400) ** 2 / 400).sum() < 18.5  # chi-squared with 4 degrees of freedom, one in a thousand


def test_without_shuffling_the_order_is_the_given_one():
    assert read(from_arrays(*numbered(5), batch_size=2, shuffle=False), epoch=3) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("skip", [0, 1, 5, 6, 9])
def test_a_skip_resumes_exactly(skip):
    dataset = from_arrays(*numbered(), batch_size=4)
    assert read(dataset, epoch=2, skip=skip) == read(dataset, epoch=2)[skip:]


def test_derived_pipelines_follow():
    dataset = from_arrays(*numbered(), batch_size=4)
    derived = dataset.map(lambda images, labels: (images * 2, labels)).prefetch(2)
    assert len(derived) == len(dataset) == 6
    for epoch in (0, 1):
        assert read(derived, epoch, skip=2) == read(dataset, epoch)[2:]


def test_the_global_seed_does_not_matter():
    dataset = from_arrays(*numbered(), batch_size=4)
    expected = read(dataset)
    tf.keras.utils.set_random_seed(99)
    assert read(from_arrays(*numbered(), batch_size=4)) == expected


def grey(n=6, level=0.5):
    return np.full((n, 4, 4, 1), level, np.float32)


def draw(dataset, epoch=0):
    return np.concatenate(list(at_position(dataset, epoch).as_numpy_iterator()))


def test_a_shuffled_binary_view_is_drawn_anew_each_epoch():
    images = np.random.default_rng(0).random((N, 4, 4, 1)).astype(np.float32)
    dataset = from_arrays(images, np.arange(N), batch_size=4, view="binarized", seed=3)
    for epoch in (0, 1):
        for batch, labels in at_position(dataset, epoch).as_numpy_iterator():
            seeds = row_keys(3, epoch, labels)
            u = np.array(uniform(seeds, (4, 4, 1)))
            np.testing.assert_array_equal(batch, (u < images[labels]).astype(np.float32))
    assert (draw(dataset.map(lambda x, _: x), 0) != draw(dataset.map(lambda x, _: x), 1)).any()


def test_an_unshuffled_binary_view_is_one_fixed_draw():
    dataset = from_arrays(grey(), batch_size=4, view="binarized", shuffle=False, seed=3)
    u = np.array(uniform(row_seeds(3, 6), (4, 4, 1)))
    np.testing.assert_array_equal(draw(dataset, 0), (u < 0.5).astype(np.float32))
    np.testing.assert_array_equal(draw(dataset, 5), draw(dataset, 0))
    assert (draw(from_arrays(grey(), view="binarized", shuffle=False, seed=4)) != draw(dataset)).any()


CHILD = """
import json, sys
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfgen.data import at_position, from_arrays, load

def merged(values):
    return [number for value in values for number in np.asarray(value).tolist()]

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    images = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1)
    dataset = from_arrays(images, np.arange(23), batch_size=4)
    numbers = dataset.map(lambda _, labels: labels)
    distributed = {
        str(skip): strategy.experimental_distribute_dataset(at_position(numbers.prefetch(1), 3, skip)) for skip in (0, 2)
    }
    user = strategy.experimental_distribute_dataset(at_position(tf.data.Dataset.range(12).batch(4), 3, 1))
answer = {"new process": [batch.tolist() for batch in at_position(numbers, 3).as_numpy_iterator()]}
for name, data in {**distributed, "user": user}.items():
    answer[name] = [merged(strategy.experimental_local_results(batch)) for batch in data]
batch = next(iter(at_position(load("fashion_mnist_small", batch_size=8, view="binarized"), 2)))
answer["binarized"] = int(tf.reduce_sum(batch))
print(json.dumps(answer))
"""


def test_a_new_process_and_two_replicas_read_the_same_order():
    root = Path(__file__).parents[2]
    environment = dict(os.environ, PYTHONPATH=str(root), TF_CPP_MIN_LOG_LEVEL="3")
    output = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=False)
    assert output.returncode == 0, output.stderr
    answer = json.loads(output.stdout.splitlines()[-1])
    here = read(from_arrays(*numbered(), batch_size=4), epoch=3)
    assert answer["new process"] == here
    assert answer["0"] == here
    assert answer["2"] == here[2:]
    assert answer["user"] == [[4, 5, 6, 7], [8, 9, 10, 11]]
    batch = next(iter(at_position(load("fashion_mnist_small", batch_size=8, view="binarized"), 2)))
    assert answer["binarized"] == int(tf.reduce_sum(batch))


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"images": grey() * 300}, ValueError, "Expected `images` in \\[0, 1\\]. Divide by 255"),
        ({"images": grey(level=np.nan)}, ValueError, "96 NaN or infinite"),
        ({"images": grey()[..., 0]}, ValueError, "The channel axis is missing"),
        ({"images": grey(0)}, ValueError, "at least one example"),
        ({"images": np.array(["a"])}, TypeError, "real numbers"),
        ({"labels": np.arange(5)}, ValueError, "6 images and 5 labels"),
        ({"labels": np.arange(6) - 1}, ValueError, "out of range, the first labels\\[0\\]=-1"),
        ({"labels": np.arange(6) / 2}, TypeError, "to be integers"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be an integer of at least 1. Received: batch_size=0"),
        ({"batch_size": 2.0}, TypeError, "`batch_size` must be an integer. Received: batch_size=2.0"),
        ({"view": "binary"}, ValueError, "'8bit', 'binarized'. Received: view='binary'"),
        ({"shuffle": "yes"}, TypeError, "`shuffle` to be True, False or None"),
        ({"seed": 2**63}, ValueError, "fit 64 bits"),
        ({"seed": 0.5}, TypeError, "`seed` must be an integer. Received: seed=0.5"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(options, kind, sentence):
    options = {"images": grey(), **options}
    with pytest.raises(kind, match=sentence):
        from_arrays(options.pop("images"), options.pop("labels", None), **options)
