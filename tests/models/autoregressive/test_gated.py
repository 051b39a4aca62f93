"""Gated PixelCNN: no blind spot, by gradients, where stacked masked kernels have one; dropout by row seeds."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import random
from tfgen.distributions import Categorical, DiscretizedLogisticMixture

from .small import dependence, images, moved_by_training, pixelcnn, randomise, untouched

SETTINGS: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "one block": ((5, 6, 1), {"blocks": 1}),
    "three blocks": ((6, 5, 1), {"blocks": 3, "dilations": (1,)}),
    "dilated, wide kernel": ((8, 7, 1), {"blocks": 2, "dilations": (1, 2), "kernel_size": 5}),
    "colour": ((3, 4, 3), {"blocks": 2, "likelihood": Categorical(3)}),
    "two channels": ((3, 5, 2), {"blocks": 1}),
    "coupled colour": ((3, 3, 3), {"blocks": 1, "likelihood": DiscretizedLogisticMixture(2, levels=4)}),
    "one column": ((5, 1, 1), {}),
}


def gated(name: str, build: Any = pixelcnn) -> tfgen.GatedPixelCNN:
    shape, arguments = SETTINGS[name]
    return build(shape, **{"system": tfgen.GatedPixelCNN, "filters": 4, **arguments})


def field(model: tfgen.GatedPixelCNN, position: tuple[int, int]) -> np.ndarray:
    """Follows the taps of both stacks from a position down to the pixels: what the formula says that it sees."""
    height, width, _ = model.event_shape

    def inside(row: int, column: int) -> bool:
        return 0 <= row < height and 0 <= column < width

    @cache
    def vertical(layer: int, row: int, column: int) -> frozenset[tuple[int, int]]:
        if layer < 0:
            return frozenset({(row, column)})
        block = model.network.gated[layer]
        found: set[tuple[int, int]] = set()
        for up in range(1 if layer == 0 else 0, block.reach + 1):
            for side in range(-block.reach, block.reach + 1):
                r, c = row - up * block.dilation, column + side * block.dilation
                if inside(r, c):
                    found |= vertical(layer - 1, r, c)
        return frozenset(found)

    @cache
    def horizontal(layer: int, row: int, column: int) -> frozenset[tuple[int, int]]:
        if layer < 0:
            return frozenset({(row, column)})
        block = model.network.gated[layer]
        found = set(vertical(layer, row, column))
        for left in range(1 if layer == 0 else 0, block.reach + 1):
            c = column - left * block.dilation
            if inside(row, c):
                found |= horizontal(layer - 1, row, c)
        return frozenset(found)

    seen = np.zeros((height, width), bool)
    for layer in range(len(model.network.gated)):
        for pixel in horizontal(layer, *position):
            seen[pixel] = True
    return seen


def check(model: tfgen.GatedPixelCNN) -> None:
    height, width, channels = model.event_shape
    # several images, as the head's ReLUs that are dead at one are alive at another
    several = [images(model.event_shape, 2, model.likelihood.levels, seed) for seed in range(5)]
    found = np.any([(pixelwise if model.likelihood.coupled else dependence)(model, x) > 0 for x in several], 0)
    assert not found[:, :, 1].any(), "an output depends on another row of the batch"
    seen = found[:, :, 0]  # (position, channel, source position, source channel)
    for position in range(height * width):
        expected = np.repeat(field(model, divmod(position, width)).ravel()[:, None], channels, 1)
        for channel in range(channels):
            expected[position] = np.arange(channels) < (0 if model.likelihood.coupled else channel)
            np.testing.assert_array_equal(seen[position, channel], expected, f"position {position}, channel {channel}")


def mixed_pixels(model: tfgen.GatedPixelCNN, x: tf.Tensor) -> tf.Tensor:
    """Mixes the outputs of each pixel, which belong to its channels together, to one number: (batch, height, width)."""
    outputs = model.network(x)
    return tf.linalg.matvec(outputs, tf.constant(np.random.default_rng(0).normal(size=outputs.shape[-1]), tf.float32))


def pixelwise(model: tfgen.GatedPixelCNN, x: np.ndarray) -> np.ndarray:
    """The dependence of a pixel's outputs, all together, repeated for its channels."""
    return np.repeat(dependence(model, x, mixed_pixels), model.event_shape[-1], 1)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.in_turn(every=3)
def test_sees_all_that_comes_before_and_nothing_else(name: str) -> None:
    """As built, with large weights, after training: zero to the future and all its channels, non-zero to the past in reach."""
    model = gated(name, untouched)
    check(model)
    randomise(model.network)  # biases are zero as built
    check(model)
    # where nothing stands to the left, or no row above is in sight, kernels meet zeros alone
    assert all(moved_by_training(model, 4)) or name == "one column"
    check(model)


def test_where_stacked_masks_have_a_blind_spot() -> None:
    """In reach of both, to the right above the position, stacked masked kernels see a wedge, two stacks the rectangle."""
    position = 4 * 9 + 3
    x = images((6, 9, 1), 1)
    arguments: dict[str, Any] = {"kernel_size": 3, "blocks": 2, "dilations": (1,)}
    stacked, two = (
        (dependence(pixelcnn((6, 9, 1), system=system, filters=8, **arguments), x) > 0)[position, 0, 0, :, 0].reshape(6, 9)
        for system in (tfgen.PixelCNN, tfgen.GatedPixelCNN)
    )
    assert not stacked[3, 5] and not stacked[2, 6] and not stacked[3, 6]  # the blind spot
    for seen in (stacked, two):
        assert seen[3, 4] and seen[2, 5] and seen[4, :3].any() and not seen[4, 3:].any() and not seen[5].any()
    assert (
        two[1:4, :7].all() and not two[1:4, 7:].any() and not two[0].any()
    )  # three layers: three rows up, three columns aside
    assert two[4, :3].all()


def test_in_the_first_row_a_position_sees_all_to_its_left_and_nothing_else() -> None:
    model = gated("three blocks")
    found = [dependence(model, images(model.event_shape, 1, seed=seed)) for seed in range(5)]
    seen = (np.max(found, 0) > 0).reshape(6, 5, 6, 5)[0]
    np.testing.assert_array_equal(seen[:, 0], np.tri(5, k=-1, dtype=bool))
    assert not seen[:, 1:].any()


# ---- dropout ----


def dropped(rate: float = 0.5, **arguments: Any) -> tfgen.GatedPixelCNN:
    return pixelcnn((5, 4, 1), system=tfgen.GatedPixelCNN, filters=8, blocks=2, dropout=rate, **arguments)


def test_dropout_follows_row_seeds_and_is_off_without() -> None:
    model, plain = dropped(), dropped(0.0)
    x = tf.constant(images((5, 4, 1), 3))
    seeds = tf.constant(random.row_seeds(0, 3))
    first, again = (model.network(x, seeds=seeds).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(model.network(x).numpy(), plain.network(x).numpy())
    assert np.abs(first - model.network(x).numpy()).max() > 1e-3
    # a row's mask is its own: rows in another order keep theirs
    order = [2, 0, 0]
    np.testing.assert_allclose(model.network(tf.gather(x, order), seeds=tf.gather(seeds, order)), first[order], atol=1e-6)
    np.testing.assert_array_equal(model.log_prob(x.numpy()), plain.log_prob(x.numpy()))
    np.testing.assert_array_equal(model.sample(3, seed=1), plain.sample(3, seed=1))


def test_dropout_is_on_in_training_and_follows_the_step() -> None:
    x = images((5, 4, 1), 8)
    losses = {}
    for name, model in {"with": dropped(), "again": dropped(), "without": dropped(0.0)}.items():
        model.compile(optimizer="sgd")
        model.optimizer.learning_rate = 0.0
        losses[name] = model.fit(x, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]
        assert model.evaluate(x, verbose=0, return_dict=True)["loss"] == pytest.approx(-model.log_prob(x).mean(), rel=1e-5)
    assert losses["with"] == losses["again"]
    assert len(set(losses["with"])) == 3 and len(set(np.round(losses["without"], 3))) == 1


@pytest.mark.parametrize(
    "arguments",
    [{"filters": 0}, {"blocks": 0}, {"dilations": ()}, {"dilations": (0,)}, {"kernel_size": 4}, {"dropout": 1.0}, {"dropout": -0.1},
     {"num_classes": 0}, {"num_classes": 1.5}],
)  # fmt: skip
def test_bad_arguments_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        tfgen.GatedPixelCNN(**{"image_shape": (4, 4, 1), **arguments})
