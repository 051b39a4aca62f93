"""The causal convolution: its two faces agree, and its masks hold exactly."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import CausalConv2D, causal

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


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
@pytest.mark.parametrize(
    ("taps", "dilation", "known"), [((2, 3), 2, True), ((2, 3), 3, False), ((1, 2), 4, True), ((3, 3), 1, True)]
)
def test_phases_of_rows_and_columns_give_a_dilated_convolution(
    dtype: tf.DType, taps: tuple[int, int], dilation: int, known: bool
) -> None:
    generator = tf.random.Generator.from_seed(0)
    x = tf.cast(generator.uniform((2, 9, 11, 3), maxval=8, dtype=tf.int32), dtype)  # small integers: every sum is exact
    kernel = tf.cast(generator.uniform((*taps, 3, 4), -2, 3, dtype=tf.int32), dtype)
    convolve = tf.function(
        lambda x: causal.phased_convolution(x, kernel, dilation),
        input_signature=[tf.TensorSpec(x.shape if known else (None, None, None, 3), dtype)],
    )
    expected = tf.nn.conv2d(tf.cast(x, tf.float32), tf.cast(kernel, tf.float32), 1, "VALID", dilations=dilation)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        outputs = causal.phased_convolution(x, kernel, dilation)
    assert outputs.dtype == dtype and outputs.shape == expected.shape
    np.testing.assert_array_equal(tf.cast(outputs, tf.float32), expected)
    np.testing.assert_array_equal(tf.cast(convolve(x), tf.float32), expected)
    seen = [
        tf.reduce_sum(x[:, row * dilation :, column * dilation :][:, : expected.shape[1], : expected.shape[2]], (0, 1, 2))
        for row, column in itertools.product(range(taps[0]), range(taps[1]))
    ]
    gradient = tf.reshape(tf.cast(tape.gradient(outputs, kernel), tf.float32), (-1, 3, 4))
    wanted = np.repeat(np.stack([tf.cast(part, tf.float32) for part in seen])[..., None], 4, -1)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6 if dtype == tf.float32 else 2e-2)


def test_both_ways_of_a_dilated_convolution_train_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = built(4, 3, dilation=2), images(1)

    def gradients() -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x)))
        return [np.asarray(gradient) for gradient in tape.gradient(loss, layer.trainable_variables)]

    first = gradients()
    monkeypatch.setattr(causal, "has_dilated_gradient", lambda dtype: False)
    for here, there in zip(first, gradients(), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-5, atol=1e-5)


def test_dilated_convolutions_train_without_onednn() -> None:
    """TensorFlow leaves oneDNN off on processors without AVX512, and has no other gradient of them on a CPU."""
    program = (
        "import numpy as np, tfgen\n"
        "model = tfgen.GatedPixelCNN((6, 6, 1), filters=2, dilations=(2,), kernel_size=3, seed=0)\n"
        "model.compile()\n"
        "x = np.zeros((8, 6, 6, 1), np.float32)\n"
        "assert np.isfinite(model.fit(x, batch_size=4, verbose=0).history['loss'][-1])\n"
        "print(tfgen.layers.causal.has_dilated_gradient(np.float32))\n"
    )
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    if platform.machine() == "x86_64" and not tf.config.list_physical_devices("GPU"):
        assert done.stdout.split()[-1] == "False"


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
