"""The network of NADE: one hidden layer whose weights all conditionals share, so that a value adds one column to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.networks.ordered import OrderedNetwork, as_float32, draw_orderings, get_activation

__all__ = ["NADENetwork"]

_CHUNK = 16  # values computed together: their hidden layers fit in a processor's cache

Activation = Callable[[Any], Any]


@keras.saving.register_keras_serializable("tfgen")
class NADENetwork(OrderedNetwork):
    """A neural autoregressive distribution estimator: `y[i] = V[i] @ activation(c + sum{ W[j] x[j] : j < i }) + b[i]`.

    The sum grows by one term a value, so all D conditionals cost O(D H). `call` adds up a chunk of values at a time by a matrix
    product; its gradient is written by hand and computes the hidden layers again, so that memory is bounded by one chunk:
    (16, batch, hidden) instead of (D, batch, hidden). Weights lie in the order of drawing. All of it is float32: the sum has
    hundreds of terms.

    Args:
      image_shape: (height, width, channels).
      num_parameters: numbers that describe one value.
      hidden: units of the hidden layer.
      activation: of the hidden layer, a Keras name.
      ordering: "raster" or "random", a permutation fixed by the seed.
      ordering_seed: fixes a random order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import NADENetwork
      >>> NADENetwork((6, 5, 1), hidden=8)(tf.zeros((2, 6, 5, 1))).shape
      TensorShape([2, 6, 5, 1])

    Reference: Larochelle, Murray, 2011, The neural autoregressive distribution estimator, AISTATS; Uria, Cote, Gregor, Murray,
    Larochelle, 2016, Neural autoregressive distribution estimation, arXiv 1605.02226.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        num_parameters: int = 1,
        hidden: int = 500,
        activation: str = "sigmoid",
        ordering: str = "raster",
        ordering_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        hidden = checks.integer(hidden, "hidden", least=1)
        orderings = draw_orderings(ordering, int(np.prod(tuple(image_shape))), seed=ordering_seed)
        super().__init__(image_shape, num_parameters=num_parameters, orderings=orderings, wanted_block=1, **kwargs)
        self.hidden, self.ordering, self.ordering_seed = hidden, ordering, ordering_seed
        self.activation = get_activation(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._check_built_for(input_shape)
        limit = float(np.sqrt(6.0 / (self.size + self.hidden)))
        uniform = keras.initializers.RandomUniform(-limit, limit)
        outputs = (self.size, self.num_parameters)
        self.kernel = self.add_weight(name="kernel", shape=(self.size, self.hidden), initializer=uniform)
        self.bias = self.add_weight(name="bias", shape=(self.hidden,), initializer="zeros")
        self.output_kernel = self.add_weight(name="output_kernel", shape=(*outputs, self.hidden), initializer=uniform)
        self.output_bias = self.add_weight(name="output_bias", shape=outputs, initializer="zeros")
        self.built = True

    def outputs(self, x: tf.Tensor, ordering: tf.Tensor | int) -> tf.Tensor:
        x = tf.transpose(x)
        if self.ordering != "raster":
            x = tf.gather(x, self.order(ordering))
        kernel, bias, output_kernel = (as_float32(weight) for weight in (self.kernel, self.bias, self.output_kernel))
        y = _recurrence(x, kernel, bias, output_kernel, self.activation) + as_float32(self.output_bias)[:, None]
        if self.ordering != "raster":
            y = tf.gather(y, np.argsort(self.orderings[0]))
        return tf.reshape(tf.transpose(y, (1, 0, 2)), (-1, self.size * self.num_parameters))

    # ---- value by value ----

    def initial_state(self, batch: tf.Tensor) -> tf.Tensor:
        """Makes the hidden layer's sum before any value is known, (hidden, batch)."""
        return tf.tile(as_float32(self.bias)[:, None], (1, batch))

    def start_block(self, state: tf.Tensor, block: tf.Tensor, ordering: tf.Tensor | int) -> dict[str, tf.Tensor]:
        del ordering  # weights lie in the order of drawing
        hidden: Any = self.activation(state)
        outputs = tf.matmul(as_float32(self.output_kernel)[block], hidden)
        outputs += as_float32(self.output_bias)[block][:, None]
        return {"outputs": tf.transpose(outputs)[None], "column": as_float32(self.kernel)[block]}

    def block_outputs(self, values: tf.Tensor, context: dict[str, tf.Tensor]) -> tf.Tensor:
        return context["outputs"]

    def end_block(self, values: tf.Tensor, state: tf.Tensor, context: dict[str, tf.Tensor]) -> tf.Tensor:
        return state + context["column"][:, None] * values

    def get_config(self) -> dict[str, Any]:
        names = ("image_shape", "num_parameters", "hidden", "ordering", "ordering_seed")
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "activation": activation}


# ---- all values at once: x is (size, batch), kernel (size, hidden), output_kernel (size, num_parameters, hidden) ----


def _recurrence(x: Any, kernel: Any, bias: Any, output_kernel: Any, activation: Activation) -> Any:
    """Computes `output_kernel[i] @ activation(bias + sum{ kernel[j] x[j] : j < i })`, (size, batch, num_parameters)."""

    @tf.custom_gradient
    def run(x: Any, kernel: Any, bias: Any, output_kernel: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        chunks_of_x, chunks_of_kernel, chunks_of_output = (_in_chunks(tensor) for tensor in (x, kernel, output_kernel))
        padded = (chunks_of_x, chunks_of_kernel, chunks_of_output)
        y, sums = _forward(*padded, bias, activation)

        def gradient(upstream: Any) -> tuple[Any, ...]:
            arguments: Any = (*padded, sums, _in_chunks(upstream), activation)
            # two loops, so that training, which needs no gradient for its data, runs only the first
            for_kernel, for_bias, for_output = _backward(*arguments)
            for_x = _flat(_backward_to_inputs(*arguments), x)
            return for_x, _flat(for_kernel, kernel), for_bias, _flat(for_output, output_kernel)

        return _flat(y, x), gradient

    return run(x, kernel, bias, output_kernel)


def _in_chunks(tensor: Any) -> Any:
    """Pads the first axis and splits it: (chunks, _CHUNK, ...)."""
    size = int(tensor.shape[0])
    padded = tf.pad(tensor, [[0, -size % _CHUNK]] + [[0, 0]] * (len(tensor.shape) - 1))
    return tf.reshape(padded, tf.concat([[-(-size // _CHUNK), _CHUNK], tf.shape(tensor)[1:]], 0))


def _flat(chunks: Any, like: Any) -> Any:
    """Undoes `_in_chunks`."""
    size = int(like.shape[0])
    return tf.reshape(chunks, tf.concat([[int(chunks.shape[0]) * _CHUNK], tf.shape(chunks)[2:]], 0))[:size]


def _before(x: Any) -> Any:
    """Repeats a chunk of values with those that are drawn later at zero: (_CHUNK, batch) to (_CHUNK * batch, _CHUNK)."""
    earlier = np.tril(np.ones((_CHUNK, _CHUNK), np.float32), -1)
    return tf.reshape(tf.transpose(x)[None] * earlier[:, None], (-1, _CHUNK))


def _hidden(x: Any, kernel: Any, total: Any) -> Any:
    """Computes a chunk's sums from the sum before it, `total`: (_CHUNK, batch, hidden)."""
    return tf.reshape(tf.matmul(_before(x), kernel), (_CHUNK, -1, kernel.shape[-1])) + total


def _forward(x: Any, kernel: Any, output_kernel: Any, bias: Any, activation: Activation) -> tuple[Any, Any]:
    """Returns the outputs of all chunks and the sums before each of them."""
    chunks, batch = int(x.shape[0]), tf.shape(x)[2]

    def body(chunk: Any, total: Any, outputs: Any, sums: Any) -> tuple[Any, Any, Any, Any]:
        h = activation(_hidden(x[chunk], kernel[chunk], total))
        y = tf.matmul(h, output_kernel[chunk], transpose_b=True)
        after = total + tf.matmul(x[chunk], kernel[chunk], transpose_a=True)
        return chunk + 1, after, outputs.write(chunk, y), sums.write(chunk, total)

    arrays = [tf.TensorArray(tf.float32, size=chunks) for _ in range(2)]
    start = (tf.constant(0), tf.tile(bias[None], (batch, 1)), *arrays)
    _, _, outputs, sums = tf.while_loop(lambda chunk, *_: chunk < chunks, body, start, maximum_iterations=chunks)
    y, sums = outputs.stack(), sums.stack()
    y.set_shape((chunks, _CHUNK, None, output_kernel.shape[2]))
    sums.set_shape((chunks, None, kernel.shape[2]))
    return y, sums


def _towards_sums(
    x: Any, kernel: Any, output_kernel: Any, total: Any, upstream: Any, activation: Activation
) -> tuple[Any, Any]:
    """Computes a chunk's hidden units again, and the gradient for their sums, (_CHUNK, batch, hidden) both."""
    a = _hidden(x, kernel, total)
    with tf.GradientTape() as tape:
        tape.watch(a)
        h = activation(a)
    return h, tape.gradient(h, a, tf.matmul(upstream, output_kernel))


def _backward(
    x: Any, kernel: Any, output_kernel: Any, sums: Any, upstream: Any, activation: Activation
) -> tuple[Any, Any, Any]:
    """Computes the gradients for the weights, from the last chunk to the first."""
    chunks = int(x.shape[0])

    def body(left: Any, later: Any, for_kernel: Any, for_output: Any) -> tuple[Any, Any, Any, Any]:
        chunk = left - 1
        h, da = _towards_sums(x[chunk], kernel[chunk], output_kernel[chunk], sums[chunk], upstream[chunk], activation)
        inside = tf.matmul(_before(x[chunk]), tf.reshape(da, (-1, da.shape[-1])), transpose_a=True)
        for_kernel = for_kernel.write(chunk, inside + tf.matmul(x[chunk], later))
        for_output = for_output.write(chunk, tf.matmul(upstream[chunk], h, transpose_a=True))
        return chunk, later + tf.reduce_sum(da, 0), for_kernel, for_output

    arrays = [tf.TensorArray(tf.float32, size=chunks, element_shape=tensor.shape[1:]) for tensor in (kernel, output_kernel)]
    start = (tf.constant(chunks), tf.zeros_like(sums[0]), *arrays)
    _, later, *found = tf.while_loop(lambda left, *_: left > 0, body, start, maximum_iterations=chunks)
    return found[0].stack(), tf.reduce_sum(later, 0), found[1].stack()


def _backward_to_inputs(x: Any, kernel: Any, output_kernel: Any, sums: Any, upstream: Any, activation: Activation) -> Any:
    """Computes the gradient for the values, (chunks, _CHUNK, batch)."""
    chunks = int(x.shape[0])
    earlier = np.tril(np.ones((_CHUNK, _CHUNK), np.float32), -1)

    def body(left: Any, later: Any, for_x: Any) -> tuple[Any, Any, Any]:
        chunk = left - 1
        _, da = _towards_sums(x[chunk], kernel[chunk], output_kernel[chunk], sums[chunk], upstream[chunk], activation)
        inside = tf.einsum("ibh,jh,ij->jb", da, kernel[chunk], earlier)
        for_x = for_x.write(chunk, inside + tf.matmul(kernel[chunk], later, transpose_b=True))
        return chunk, later + tf.reduce_sum(da, 0), for_x

    array = tf.TensorArray(tf.float32, size=chunks, element_shape=(_CHUNK, None))
    start = (tf.constant(chunks), tf.zeros_like(sums[0]), array)
    return tf.while_loop(lambda left, *_: left > 0, body, start, maximum_iterations=chunks)[2].stack()
