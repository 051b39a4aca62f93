"""PixelCNN's causality, by gradients: exactly nothing from what is drawn later, something from all that it can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.distributions import Categorical

from .small import images, moved_by_training, pixelcnn

SETTINGS = {
    "grey": ((7, 6, 1), {}),
    "colour": ((5, 4, 3), {"filters": 9}),
    "dilated": ((9, 9, 1), {"dilations": (1, 2), "blocks": 2}),
    "wide kernel": ((6, 7, 1), {"kernel_size": 5, "blocks": 2}),
    "two channels, levels": ((4, 5, 2), {"likelihood": Categorical(3), "filters": 8}),
}


def dependence(model: tfgen.PixelCNN, x: np.ndarray) -> np.ndarray:
    """Takes absolute gradients of every output by every input: (positions, channels, rows of the batch, positions, channels)."""
    height, width, channels = model.event_shape

    def jacobian(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = model.network(x)[0]  # of the first row of the batch
            outputs = tf.reshape(outputs, (height * width * channels, -1))
            weights = tf.constant(np.random.default_rng(0).normal(size=outputs.shape[1]), tf.float32)
            values = tf.linalg.matvec(outputs, weights)
        return tape.jacobian(values, x, experimental_use_pfor=True)

    compiled = model._compiled("jacobian", jacobian)  # traced once for all images
    return np.abs(compiled(tf.constant(x)).numpy()).reshape(height * width, channels, len(x), height * width, channels)


def receptive_field(model: tfgen.PixelCNN) -> np.ndarray:
    """Follows the layers' taps from output positions to inputs: the past without the blind spot of stacked masked kernels."""
    height, width, _ = model.event_shape
    network: Any = model.network
    layers = [network.first, *(block[1] for block in network.block_layers)]  # the others see one position

    def before(reached: np.ndarray, layer: Any, own: bool) -> np.ndarray:
        found = np.zeros_like(reached)
        for row, column in np.argwhere(reached):
            for up in range(layer.reach + 1):
                for side in range(-layer.reach, layer.reach + 1):
                    r, c = row - up * layer.dilation, column + side * layer.dilation
                    visible = up > 0 or side < 0 or (own and side == 0)
                    if visible and 0 <= r < height and 0 <= c < width:
                        found[r, c] = True
        return found

    fields = []
    for position in range(height * width):
        reached = np.zeros((height, width), bool)
        reached[divmod(position, width)] = True
        for layer in reversed(layers[1:]):
            reached |= before(reached, layer, own=True)
        fields.append(before(reached, layers[0], own=False).ravel())
    return np.array(fields)


def check(model: tfgen.PixelCNN) -> None:
    height, width, channels = model.event_shape
    # several rows, as a ReLU that is dead at one image is alive at another
    jacobians = [dependence(model, images(model.event_shape, 2, model.likelihood.levels, seed)) for seed in range(6)]
    others = np.max([j[:, :, 1] for j in jacobians], 0)
    assert not others.any(), "an output depends on another row of the batch"
    seen = np.max([j[:, :, 0] for j in jacobians], 0)  # (position, channel, source position, source channel)
    field = receptive_field(model)
    for position in range(height * width):
        for channel in range(channels):
            expected = np.repeat(field[position][:, None], channels, 1)
            expected[position] = np.arange(channels) < channel
            found = seen[position, channel] > 0
            order = np.arange(height * width * channels).reshape(-1, channels)
            assert not found[order >= order[position, channel]].any(), f"position {position}, channel {channel} sees the future"
            np.testing.assert_array_equal(found, expected, f"position {position}, channel {channel}")


@pytest.mark.parametrize("name", SETTINGS)
def test_at_initialisation_and_after_training(name: str) -> None:
    shape, arguments = SETTINGS[name]
    model = pixelcnn(shape, **arguments)
    check(model)
    assert all(moved_by_training(model, 4))
    check(model)


def test_the_blind_spot_is_where_the_paper_says() -> None:
    """Stacked masked kernels see the rows above only within 45 degrees to the right of the position."""
    model = pixelcnn((6, 9, 1), blocks=2)
    field = receptive_field(model).reshape(6, 9, 6, 9)[4, 3]
    assert field[3, 4] and not field[3, 5]  # one row up: one column to the right
    assert field[2, 5] and not field[2, 6]
    assert field[4, :3].all() and not field[4, 3:].any() and not field[5].any()


@pytest.mark.parametrize("name", ["grey", "colour"])
def test_likelihood_is_causal_too(name: str) -> None:
    """What `log_prob` sums has a gradient by each past value, through the parallel pass that training uses."""
    shape, arguments = SETTINGS[name]
    model = pixelcnn(shape, **arguments)
    x = images(shape, 1)
    changed = x.copy()
    changed[0, -1, -1, -1] = 1 - changed[0, -1, -1, -1]  # the very last value drawn
    one, two = (model._parameters(model.network(tf.constant(values))).numpy() for values in (x, changed))
    np.testing.assert_array_equal(one, two)
