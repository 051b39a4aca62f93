"""NADE's chunks against the recurrence written as a plain loop: values, gradients, and how much memory they take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfgen.networks import NADENetwork

ROWS = 3


def network_of(size: int, **arguments: Any) -> Any:
    network = NADENetwork((1, size, 1), **{"hidden": 5, **arguments})
    network.build((None, 1, size, 1))
    noise = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(noise.normal(0.0, 0.7, variable.shape))
    return network


def plain_loop(network: Any, x: tf.Tensor) -> tf.Tensor:
    """Adds one value at a time."""
    kernel, bias, output_kernel, output_bias = (tf.convert_to_tensor(v) for v in network.trainable_variables)
    total, outputs = tf.tile(bias[None], (len(x), 1)), [tf.zeros(())] * network.size
    flat = tf.reshape(x, (len(x), -1))
    for number, place in enumerate(network.orderings[0]):
        outputs[place] = tf.matmul(network.activation(total), output_kernel[number], transpose_b=True) + output_bias[number]
        total += flat[:, place, None] * kernel[number]
    return tf.reshape(tf.stack(outputs, 1), (len(x), 1, network.size, -1))


def with_gradients(network: Any, function: Any, x: tf.Tensor) -> list[np.ndarray]:
    weights = tf.constant(np.random.default_rng(1).normal(size=(len(x), 1, network.size, network.num_parameters)), tf.float32)
    variables = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        value = tf.reduce_sum(y * weights)
    return [y.numpy(), *(gradient.numpy() for gradient in tape.gradient(value, [x, *variables]))]


# chunks hold 16 values
@pytest.mark.parametrize("size", [2, 15, 16, 17, 50])
@pytest.mark.parametrize(
    "arguments", [{}, {"activation": "relu", "num_parameters": 3}, {"activation": "tanh", "ordering": "random"}], ids=str
)
@pytest.mark.in_turn(every=4)
def test_chunks_equal_the_plain_loop(size: int, arguments: dict[str, Any]) -> None:
    network = network_of(size, **arguments)
    x = tf.constant(np.random.default_rng(2).random((ROWS, 1, size, 1)), tf.float32)
    for found, expected in zip(
        with_gradients(network, tf.function(network), x),
        with_gradients(network, lambda x: plain_loop(network, x), x),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


def test_one_value_has_nothing_before_it() -> None:
    network = network_of(1)
    one, two = (network(tf.fill((1, 1, 1, 1), value)) for value in (0.0, 1.0))
    np.testing.assert_array_equal(one, two)


def test_memory_is_bounded_by_a_chunk() -> None:
    """No tensor of a training step's graph holds the hidden layers of all values."""
    size, rows, hidden = 256, 32, 24
    network = network_of(size, hidden=hidden)

    @tf.function(autograph=False)
    def step(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(x))
        return tape.gradient(loss, [variable.value for variable in network.trainable_variables])

    graph: Any = step.get_concrete_function(tf.TensorSpec((rows, 1, size, 1))).graph
    graphs, seen = [graph], []
    while graphs:
        graph = graphs.pop()
        graphs += [function.graph for function in graph._functions.values() if getattr(function, "graph", None) is not None]
        seen += [tensor.shape.num_elements() or 0 for operation in graph.get_operations() for tensor in operation.outputs]
    assert len(seen) > 300  # the loops' bodies are among them
    assert 16 * rows * hidden <= max(seen) < size * rows * hidden / 4
