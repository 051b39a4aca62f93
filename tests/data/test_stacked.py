"""Stacks: their channels are three images of one split, their mode is the three classes, and they are never stored."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tfgen.data import arrays, at_position, class_names, from_stacks, load, stack_indices
from tfgen.data.memory import epoch_order
from tfgen.random import row_keys, row_seeds

SMALL = "stacked_fashion_mnist_small"


def test_indices_follow_their_formula_and_are_uniform():
    indices = stack_indices(4000, 10, seed=2)
    assert indices.shape == (4000, 3)
    seeds = row_seeds(2, 4000)
    for channel in range(3):
        np.testing.assert_array_equal(indices[:, channel], np.array(row_keys(seeds, channel)) % 10)
    triples = np.bincount(indices @ [100, 10, 1], minlength=1000)
    assert stats.chisquare(triples).pvalue > 1e-3
    np.testing.assert_array_equal(stack_indices(7, 10, seed=2), indices[:7])
    assert (stack_indices(7, 10, seed=3) != indices[:7]).any()


def numbered(n=10):
    """Images of one grey value each, of class 0, 1, 2 and so on."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), (n, 2, 3, 1)), np.arange(n)


def test_channels_and_modes_are_those_of_the_chosen_images():
    data = from_stacks(*numbered(), n=50, batch_size=16, shuffle=False, draw_seed=4)
    images, modes = (np.concatenate(column) for column in zip(*data.as_numpy_iterator(), strict=True))
    indices = stack_indices(50, 10, seed=4)
    assert images.shape == (50, 2, 3, 3) and images.dtype == np.float32
    np.testing.assert_array_equal(images, np.broadcast_to(np.float32(indices[:, None, None]) / np.float32(255), images.shape))
    np.testing.assert_array_equal(modes, indices @ [100, 10, 1])


def test_an_epoch_has_an_order_of_its_own():
    data = from_stacks(*numbered(), n=50, batch_size=50, seed=6)
    modes = stack_indices(50, 10) @ [100, 10, 1]
    for epoch in (0, 1):
        (read,) = at_position(data, epoch).as_numpy_iterator()
        np.testing.assert_array_equal(read[1], modes[epoch_order(6, epoch, 50)])


def test_floats_stacks_without_labels_and_binary_pixels():
    images = np.random.default_rng(0).random((4, 2, 2, 1)).astype(np.float32)
    (stacks,) = from_stacks(images, n=9, batch_size=9, shuffle=False).as_numpy_iterator()
    np.testing.assert_array_equal(stacks, images[stack_indices(9, 4)][..., 0].transpose(0, 2, 3, 1))
    (binary,) = from_stacks(images, n=9, batch_size=9, shuffle=False, view="binarized").as_numpy_iterator()
    assert set(np.unique(binary)) == {0.0, 1.0}


def test_the_published_number_of_stacks_is_not_stored():
    images, labels = arrays("fashion_mnist_small")
    data = from_stacks(images, labels, batch_size=1000)
    assert len(data) == 128
    first = next(iter(data))
    assert first[0].shape == (1000, 28, 28, 3)
    assert len(np.unique(first[1])) > 550  # of 1000 modes, 1 - 1 / e are expected


@pytest.mark.parametrize(("split", "seed", "total"), [("train", 0, 128_000), ("test", 1, 26_000)])
def test_load_stacks_images_of_one_split(split, seed, total):
    images, labels = arrays("fashion_mnist_small", split)
    indices = stack_indices(total, len(images), seed=seed)
    stacks, modes = arrays(SMALL, f"{split}[100:130]")
    assert stacks.dtype == np.uint8 and not stacks.flags.writeable
    np.testing.assert_array_equal(stacks, images[indices[100:130]][..., 0].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(modes, labels[indices[100:130]] @ [100, 10, 1])
    read = next(load(SMALL, f"{split}[100:130]", labels=True, shuffle=False).as_numpy_iterator())
    np.testing.assert_array_equal(read[0], stacks / np.float32(255))
    np.testing.assert_array_equal(read[1], modes)
    assert len(load(SMALL, split, batch_size=1000)) == total // 1000


def test_stacks_are_resized():
    assert next(iter(load(SMALL, "test[:4]", image_size=(14, 12)))).shape == (4, 14, 12, 3)


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda: stack_indices(3, 0), ValueError, "`num_images` must be an integer of at least 1. Received: num_images=0"),
        (lambda: stack_indices(2.0, 3), TypeError, "`n` must be an integer. Received: n=2.0"),
        (lambda: from_stacks(np.zeros((2, 4, 4, 3))), ValueError, r"Expected `images` of shape \(batch, any, any, 1\)"),
        (lambda: from_stacks(np.full((2, 4, 4, 1), 7.0)), ValueError, "Divide by 255"),
        (lambda: from_stacks(*numbered(11)), ValueError, r"Expected `labels` in \[0, 10\)"),
        (lambda: from_stacks(numbered()[0], np.arange(3)), ValueError, "one label per image. Received: 10 images and 3 labels"),
        (lambda: from_stacks(*numbered(), n=0), ValueError, "at least one example"),
        (lambda: load("stacked_nonsense"), ValueError, "Expected the name of a data set"),
        (lambda: class_names(SMALL), ValueError, "whose labels are numbers of modes"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()
