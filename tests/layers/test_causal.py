"""The causal convolution: its two faces agree, and its masks hold exactly."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import CausalConv2D

HEIGHT, WIDTH = 6, 7


def images(channels: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=(2, HEIGHT, WIDTH, channels)), tf.float32)


def built(filters: int, *arguments: object, inputs: int = 1, **keywords: object) -> CausalConv2D:
    """A layer with a bias that is not zero."""
    keras.utils.set_random_seed(1)
    layer = CausalConv2D(filters, *arguments, **keywords)
    layer.build((None, None, None, inputs))
    layer.bias.assign(np.linspace(-1.0, 1.0, filters))
    return layer


def by_steps(layer: CausalConv2D, x: tf.Tensor) -> np.ndarray:
    """Computes `layer(x)` one position at a time, as sampling does."""
    height, width = x.shape[1:3]
    state, kernel = layer.initial_state(tf.shape(x)[0], width), layer.step_kernel()
    outputs = []
    for row in range(height):
        state = layer.start_row(state)
        for column in range(width):
            y, state = layer.step(x[:, row, column], state, tf.constant(column), kernel)
            outputs.append(y.numpy())
        state = layer.end_row(state)
    return np.stack(outputs, 1).reshape(len(x), height, width, layer.filters)


def by_loops(layer: CausalConv2D, x: np.ndarray) -> np.ndarray:
    """The formula of the class's docstring, in float64, with the mask of the paper written out."""
    kernel, reach, groups = layer.kernel.numpy().astype(np.float64), layer.kernel_size // 2, layer.channels
    inputs, filters = kernel.shape[2:]
    outputs = np.zeros((*x.shape[:3], filters)) + layer.bias.numpy()
    for row, column, up, side in itertools.product(range(HEIGHT), range(WIDTH), range(reach + 1), range(-reach, reach + 1)):
        r, c = row - up * layer.dilation, column + side * layer.dilation
        if r < 0 or not 0 <= c < WIDTH or (up == 0 and side > 0):
            continue
        taps = kernel[reach - up, side + reach]
        if (up, side) == (0, 0):
            source, target = np.arange(inputs) * groups // inputs, np.arange(filters) * groups // filters
            seen = source[:, None] < target if layer.mask == "A" else source[:, None] <= target
            taps = taps * seen
        outputs[:, row, column] += x[:, r, c].astype(np.float64) @ taps
    return outputs


SETTINGS = [
    (kernel_size, mask, dilation, channels)
    for kernel_size, mask, dilation, channels in itertools.product((1, 3, 5), "AB", (1, 2), (1, 3))
    if (kernel_size, dilation) != (1, 2) and not (kernel_size == 1 and mask == "A" and channels == 1)
]


@pytest.mark.parametrize(("kernel_size", "mask", "dilation", "channels"), SETTINGS)
def test_both_faces_equal_the_formula(kernel_size: int, mask: str, dilation: int, channels: int) -> None:
    layer = built(6, kernel_size, mask=mask, dilation=dilation, channels=channels, inputs=channels)
    x = images(channels)
    expected = by_loops(layer, x.numpy())
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    np.testing.assert_allclose(by_steps(layer, x), expected, atol=1e-5)


@pytest.mark.parametrize(("mask", "channels", "dilation"), [("A", 1, 1), ("B", 1, 2), ("A", 3, 2), ("B", 3, 1)])
def test_gradient_reaches_the_past_alone(mask: str, channels: int, dilation: int) -> None:
    layer = built(channels, 3, mask=mask, channels=channels, dilation=dilation, inputs=channels)
    x, row, column = images(channels), 3, 3
    for channel in range(channels):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)[0, row, column, channel]
        gradient = tape.gradient(y, x).numpy()
        seen = np.zeros((HEIGHT, WIDTH, channels), bool)
        for up, side in itertools.product((0, 1), (-1, 0, 1)):
            if up or side < 0:
                seen[row - up * dilation, column + side * dilation] = True
        seen[row, column, : channel + (mask == "B")] = True
        assert ((gradient[0] != 0) == seen).all()
        assert not gradient[1].any()


def test_mask_holds_whatever_the_kernel_becomes() -> None:
    layer = built(3, 3, mask="A", channels=3, inputs=3)
    layer.kernel.assign(tf.ones_like(layer.kernel))
    x = np.zeros((1, HEIGHT, WIDTH, 3), np.float32)
    x[0, 2, 2, 2] = 1.0  # the last channel: nothing of its own pixel may see it
    moved = (layer(x) - layer(np.zeros_like(x))).numpy()
    assert not moved[0, 2, 2].any()
    assert moved[0, 2, 3].all()
    assert moved[0, 3, 1:4].all()
    assert not moved[0, :2].any() and not moved[0, 2, :2].any()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_half_precision_computes_and_learns(dtype: str, dilation: int) -> None:
    layer = CausalConv2D(4, 3, dilation=dilation, dtype=dtype)
    x = images(1)
    with tf.GradientTape() as tape:
        outputs = layer(x)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert outputs.dtype == dtype.removeprefix("mixed_")
    assert all(gradient.dtype == tf.float32 for gradient in gradients)
    positions = float(2 * HEIGHT * WIDTH)
    np.testing.assert_array_equal(gradients[1], [positions] * 4)  # a sum in half precision would stop growing at 256


def test_config_round_trip() -> None:
    layer = built(6, 5, mask="A", dilation=2, channels=3, inputs=3)
    twin = CausalConv2D.from_config(layer.get_config())
    twin.build((None, None, None, 3))
    twin.set_weights(layer.get_weights())
    x = images(3)
    np.testing.assert_array_equal(twin(x), layer(x))
    assert twin.compute_output_shape((None, 4, 5, 3)) == (None, 4, 5, 6)


@pytest.mark.parametrize(
    "keywords", [{"kernel_size": 2}, {"kernel_size": 0}, {"mask": "C"}, {"dilation": 0}, {"channels": 3}, {"filters": 0}]
)
def test_bad_arguments_are_named(keywords: dict[str, object]) -> None:
    arguments = {"filters": 4, **keywords}
    with pytest.raises(ValueError, match="Received"):
        CausalConv2D(**arguments)
