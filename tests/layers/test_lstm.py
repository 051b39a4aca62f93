"""The cells of PixelRNN against loops over pixels in numpy, and the scan's own gradient against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import DiagonalBiLSTM, RowLSTM, lstm_cell, lstm_scan


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def cell_by_numpy(gates: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    i, f, o, g = np.split(gates, 4, -1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def row_by_loops(layer: RowLSTM, x: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """The formula of the docstring, pixel by pixel, in float64."""
    height, width, batch, _ = x.shape
    kernels = {name: kernel.numpy().astype(np.float64) for name, kernel in layer.kernels("float32").items()}
    bias = layer.bias.numpy() + (0 if label is None else layer.classes.numpy()[label])
    state = np.split(kernels["state"], 3)
    h, c = np.zeros((2, height + 1, width + 2, batch, layer.filters))  # with a border of zeros
    for i in range(height):
        for j in range(width):
            gates = bias + x[i, j] @ kernels["own"] + (x[i, j - 1] @ kernels["left"] if j else 0)
            gates = gates + sum(h[i, j + s] @ state[s] for s in range(3))
            h[i + 1, j + 1], c[i + 1, j + 1] = cell_by_numpy(gates, c[i, j + 1])
    return h[1:, 1:-1]


def diagonal_by_loops(
    layer: DiagonalBiLSTM, x: np.ndarray, label: np.ndarray | None, pixels: np.ndarray | None = None
) -> np.ndarray:
    height, width, batch, _ = x.shape
    kernels = {name: kernel.numpy().astype(np.float64) for name, kernel in layer.kernels("float32").items()}
    classes = np.zeros((2, batch, 1)) if label is None else np.split(layer.classes.numpy()[label], 2, -1)
    found = np.zeros((height, width, batch, layer.filters))
    for direction, columns in ((0, range(width)), (1, range(width)[::-1])):
        h, c = np.zeros((2, height + 1, width, batch, layer.filters))
        for i in range(height):
            for number, j in enumerate(columns):
                gates = layer.bias.numpy()[direction] + classes[direction] + x[i, j] @ kernels["own"][direction]
                gates = gates + h[i, j] @ kernels["above"][direction]
                if pixels is not None and direction:
                    gates = gates + pixels[i, j] @ layer.pixel_kernel.numpy()
                before = columns[number - 1]
                gates = gates + (h[i + 1, before] @ kernels["beside"][direction] if number else 0)
                h[i + 1, j], c[i + 1, j] = cell_by_numpy(gates, c[i + 1, before] if number else np.zeros_like(c[0, 0]))
        found += h[:-1] if direction else h[1:]  # h[0] is the border: the map from the right, one row lower
    return found


LOOPS: dict[Any, Any] = {RowLSTM: row_by_loops, DiagonalBiLSTM: diagonal_by_loops}


def randomised(layer: Any, inputs: int, seed: int = 0) -> Any:
    layer.build((None, None, None, inputs))
    noise = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(noise.normal(0.0, 0.5, variable.shape))
    return layer


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (1, 4), (4, 1), (1, 1)])
@pytest.mark.parametrize("arguments", [{}, {"groups": 3, "filters": 6}, {"num_classes": 3}])
@pytest.mark.parametrize("kind", LOOPS)
def test_equals_loops_over_pixels(kind: Any, arguments: dict[str, int], shape: tuple[int, int]) -> None:
    layer = randomised(kind(**{"filters": 4, **arguments}), 6)
    x = np.random.default_rng(1).normal(size=(*shape, 3, 6))
    label = np.array([2, 0, 2]) if layer.num_classes else None
    found = layer(tf.constant(x, tf.float32), label=None if label is None else tf.constant(label))
    np.testing.assert_allclose(found, LOOPS[kind](layer, x, label), atol=2e-6)


def test_pixels_reach_the_gates_from_the_right_only() -> None:
    layer = randomised(DiagonalBiLSTM(4, pixels=3), 6)
    noise = np.random.default_rng(1)
    x, pixels = noise.normal(size=(3, 5, 2, 6)), noise.normal(size=(3, 5, 2, 3))
    found = layer(tf.constant(x, tf.float32), pixels=tf.constant(pixels, tf.float32))
    np.testing.assert_allclose(found, diagonal_by_loops(layer, x, None, pixels), atol=2e-6)
    with tf.GradientTape() as tape:
        tape.watch(pixels := tf.constant(pixels, tf.float32))
        output = tf.reduce_sum(layer(tf.constant(x, tf.float32), pixels=pixels)[2, 1])
    seen = tape.gradient(output, pixels).numpy().any((2, 3))
    assert not seen[2].any() and seen[1, 1:].all() and not seen[1, 0]  # of the row above, from the position to the right


def plain_scan(inputs: Any, kernel: Any, offsets: tuple[int, ...], valid: np.ndarray) -> tf.Tensor:
    """The same scan as plain operations, for TensorFlow to differentiate."""
    steps, scans, positions, batch, wide = inputs.shape
    hidden = cell = tf.zeros((scans, positions, batch, wide // 4))
    found = []
    for step in range(steps):
        taps = [
            tf.stack([hidden[:, p + s] if 0 <= p + s < positions else tf.zeros_like(hidden[:, 0]) for p in range(positions)], 1)
            for s in offsets
        ]
        hidden, cell = lstm_cell(inputs[step] + tf.einsum("dpnk,dko->dpno", tf.concat(taps, -1), kernel), cell)
        mask = valid[step][..., None, None]
        hidden, cell = hidden * mask, cell * mask
        found.append(hidden)
    return tf.stack(found)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("offsets", "scans", "masked"), [((-1, 0, 1), 1, False), ((-1, 0), 2, True), ((0,), 3, False), ((1,), 1, True)]
)
def test_gradients_of_the_scan_are_those_of_plain_operations(
    offsets: tuple[int, ...], scans: int, masked: bool, compiled: bool
) -> None:
    noise = np.random.default_rng(0)
    steps, positions, batch, filters = 5, 4, 3, 2
    inputs = tf.constant(noise.normal(size=(steps, scans, positions, batch, 4 * filters)), tf.float32)
    kernel = tf.constant(noise.normal(size=(scans, len(offsets) * filters, 4 * filters)), tf.float32)
    valid = noise.integers(0, 2, (steps, scans, positions)).astype(np.float32)
    valid = valid if masked else np.ones_like(valid)
    weights = tf.constant(noise.normal(size=(steps, scans, positions, batch, filters)), tf.float32)

    def ours(inputs: Any, kernel: Any) -> Any:
        return lstm_scan(inputs, kernel, offsets=offsets, valid=valid if masked else None)

    def gradients(scan: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel])
            outputs = scan(inputs, kernel)
            loss = tf.reduce_sum(outputs * weights)
        return outputs, tape.gradient(loss, [inputs, kernel])

    expected, slopes = gradients(lambda *tensors: plain_scan(*tensors, offsets, valid))
    found, mine = tf.function(gradients)(ours) if compiled else gradients(ours)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for a, b in zip(mine, slopes, strict=True):
        assert np.abs(b).max() > 0.05
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("kind", LOOPS)
def test_gradients_of_layers_are_differences(kind: Any) -> None:
    """Along random directions of the inputs and all weights, by central differences."""
    layer = randomised(kind(3), 4)
    noise = np.random.default_rng(2)
    x = tf.Variable(noise.normal(size=(4, 3, 2, 4)), dtype=tf.float32)
    weights = tf.constant(noise.normal(size=(4, 3, 2, 3)), tf.float32)
    tensors = [x, *(variable.value for variable in layer.trainable_variables)]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) * weights)
    slopes = tape.gradient(loss, tensors)
    for tensor, slope in zip(tensors, slopes, strict=True):
        direction = noise.normal(size=tensor.shape).astype(np.float32)
        start, values = tensor.numpy(), []
        for step in (1e-2, -1e-2):
            tensor.assign(start + step * direction)
            values.append(float(tf.reduce_sum(layer(x) * weights)))
        tensor.assign(start)
        assert (values[0] - values[1]) / 2e-2 == pytest.approx(float((slope * direction).numpy().sum()), rel=5e-3, abs=1e-3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", LOOPS)
def test_half_precision_is_near(kind: Any, dtype: str) -> None:
    layer = randomised(kind(3), 4)
    x = tf.constant(np.random.default_rng(1).normal(size=(6, 5, 2, 4)), tf.float32)
    half = tf.cast(x, dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, half])
        exact, near = layer(x), layer.call(half)
        losses = tf.reduce_sum(exact), tf.reduce_sum(tf.cast(near, tf.float32))
    assert near.dtype == dtype
    np.testing.assert_allclose(tf.cast(near, tf.float32), exact, atol=0.03)
    for variable in layer.trainable_variables:
        slope = tape.gradient(losses[0], variable.value)
        np.testing.assert_allclose(tape.gradient(losses[1], variable.value), slope, atol=0.03 * np.abs(slope).max())


def seen(layer: Any, position: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Which inputs an output position has a gradient by."""
    x = tf.constant(np.random.default_rng(0).normal(size=(*shape, 2, 4)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = tf.reduce_sum(layer(x)[position][0])
    slope = tape.gradient(output, x).numpy()
    assert not slope[:, :, 1].any(), "an output depends on another row of the batch"
    return (slope[:, :, 0] != 0).any(-1)


def test_a_row_lstm_sees_a_triangle() -> None:
    found = seen(randomised(RowLSTM(3), 4), (3, 4), (5, 9))
    expected = np.zeros((5, 9), bool)
    expected[3, 3:5] = expected[2, 2:6] = expected[1, 1:7] = expected[0, 0:8] = True
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("position", [(0, 0), (0, 3), (2, 0), (2, 2), (2, 4), (3, 4)])
def test_a_diagonal_lstm_sees_all_that_comes_before(position: tuple[int, int]) -> None:
    """Also what lies to the right in the rows above, and nothing to the right in its own: the map from the right is lower."""
    found = seen(randomised(DiagonalBiLSTM(3), 4), position, (4, 5))
    np.testing.assert_array_equal(found.ravel(), np.arange(20) <= position[0] * 5 + position[1])


@pytest.mark.parametrize("kind", LOOPS)
def test_ordered_channels_see_their_own_and_earlier_groups(kind: Any) -> None:
    """At the position itself; of positions before, each group sees all."""
    layer = randomised(kind(6, groups=3), 3)
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 1, 3)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        output = layer(x)[1, 1, 0]
    slopes = tape.jacobian(output, x, experimental_use_pfor=False).numpy()[:, :, :, 0] != 0  # (maps, rows, columns, channels)
    np.testing.assert_array_equal(slopes[:, 1, 1], np.arange(3) <= np.arange(6)[:, None] // 2)
    assert slopes[:, :1].any((1, 2)).all() and slopes[:, 1, 0].all() and not slopes[:, 1, 2].any() and not slopes[:, 2].any()


@pytest.mark.parametrize("kind", LOOPS)
def test_config_comes_back(kind: Any) -> None:
    layer = kind(4, groups=2, num_classes=3)
    assert kind.from_config(layer.get_config()).get_config() == layer.get_config()
    for arguments in ({"filters": 0}, {"filters": 3, "groups": 2}):
        with pytest.raises(ValueError, match="Received"):
            kind(**arguments)


@pytest.mark.parametrize("kind", LOOPS)
def test_cells_are_kept_from_the_start(kind: Any) -> None:
    layer = kind(2)
    layer.build((None, None, None, 4))
    np.testing.assert_array_equal(
        np.atleast_2d(layer.bias.numpy()) == 1.0, [[0, 0, 1, 1, 0, 0, 0, 0]] * (1 if kind is RowLSTM else 2)
    )
