"""PixelCNN's causality, by gradients: exactly nothing from what is drawn later, something from all that it can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.distributions import Bernoulli, Categorical, Likelihood

from .small import conditionals, dependence, images, mixed_outputs, moved_by_training, pixelcnn, randomise, untouched

SETTINGS = {
    "grey": ((7, 6, 1), {}),
    "colour": ((5, 4, 3), {"filters": 9}),
    "dilated": ((9, 9, 1), {"dilations": (1, 2), "blocks": 2}),
    "wide kernel": ((6, 7, 1), {"kernel_size": 5, "blocks": 2}),
    "two channels, levels": ((4, 5, 2), {"likelihood": Categorical(3), "filters": 8}),
}


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


def check(model: tfgen.PixelCNN, numbers: Any = mixed_outputs, sees_itself: bool = False) -> None:
    """Compares what the numbers of each value depend on with the taps; `sees_itself` adds the value itself."""
    height, width, channels = model.event_shape
    # several rows, as a ReLU that is dead at one image is alive at another
    several = [images(model.event_shape, 2, model.likelihood.levels, seed) for seed in range(6)]
    jacobians = [dependence(model, x, numbers) for x in several]
    others = np.max([j[:, :, 1] for j in jacobians], 0)
    assert not others.any(), "a number depends on another row of the batch"
    seen = np.max([j[:, :, 0] for j in jacobians], 0)  # (position, channel, source position, source channel)
    field = receptive_field(model)
    order = np.arange(height * width * channels).reshape(-1, channels)
    for position in range(height * width):
        for channel in range(channels):
            visible = channel + sees_itself
            expected = np.repeat(field[position][:, None], channels, 1)
            expected[position] = np.arange(channels) < visible
            found = seen[position, channel] > 0
            future = order >= position * channels + visible
            assert not found[future].any(), f"position {position}, channel {channel} sees the future"
            np.testing.assert_array_equal(found, expected, f"position {position}, channel {channel}")


@pytest.mark.parametrize("name", SETTINGS)
def test_as_built_with_large_weights_and_after_training(name: str) -> None:
    shape, arguments = SETTINGS[name]
    model = untouched(shape, **arguments)
    check(model)
    randomise(model.network)  # biases are zero as built
    check(model)
    assert all(moved_by_training(model, 4))
    check(model)


def test_the_blind_spot_is_where_the_paper_says() -> None:
    """Stacked masked kernels see the rows above only within 45 degrees to the right of the position, by gradients."""
    model = pixelcnn((6, 9, 1), blocks=2, filters=8)
    found = [dependence(model, images((6, 9, 1), 1, seed=seed)) for seed in range(4)]
    seen = (np.max(found, 0) > 0).reshape(6, 9, 6, 9)[4, 3]
    for up in range(1, 4):  # three layers, each a row up and a column to the side
        assert seen[4 - up, : 4 + up].all() and not seen[4 - up, 4 + up :].any()
    assert seen[4, :3].all() and not seen[4, 3:].any()
    assert not seen[0].any() and not seen[5].any()


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical(3)], ids=["bernoulli", "categorical"])
@pytest.mark.parametrize("name", ["grey", "colour"])
def test_likelihood_is_causal_too(name: str, likelihood: Likelihood) -> None:
    """The terms that `log_prob` sums have a gradient by each past value in reach, and by their own value where it has one."""
    shape, arguments = SETTINGS[name]
    model = pixelcnn(shape, **arguments, likelihood=likelihood)
    # a Bernoulli term is linear in its value; a category is looked up, which has no gradient
    check(model, conditionals, sees_itself=isinstance(likelihood, Bernoulli))
    x = images(shape, 3, model.likelihood.levels)
    terms = conditionals(model, tf.constant(x)).numpy().reshape(3, -1)
    np.testing.assert_allclose(terms.sum(1), model.log_prob(x), rtol=1e-5)
