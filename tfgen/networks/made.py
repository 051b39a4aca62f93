"""The network of MADE: an autoencoder whose masks leave each output only the inputs drawn before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, random
from tfgen.networks.ordered import OrderedNetwork, as_float32, draw_integers, draw_orderings, get_activation

__all__ = ["MADENetwork"]

_BLOCK = 64  # values drawn together: fewer blocks against more rounds in each (measured at 28x28)


@keras.saving.register_keras_serializable("tfgen")
class MADENetwork(OrderedNetwork):
    """Dense layers with masks drawn by a seed, any number of them, and optional direct connections.

    Every unit has a degree: the number of values, first in the order of drawing, that it may see. An input's degree is
    its place in the order, m0 = 1...D; hidden degrees are uniform on {min of the layer below, ..., D - 1}. A hidden unit sees
    those of the layer below of its own degree or less, an output those of less than its place:

    `h[l] = activation((K[l] * (m[l][:, None] >= m[l - 1])) @ h[l - 1] + b[l])`,
    `y = (V * (m0[:, None] > m[L])) @ h[L] + (A * (m0[:, None] > m0)) @ x + c`

    The masks act in the forward pass, so they hold before any training. Without hidden layers only the direct
    connections `A` remain: a logistic regression for each value on all values before it.

    Args:
      image_shape: (height, width, channels).
      num_parameters: numbers that describe one value.
      hidden: units of the hidden layers.
      activation: of the hidden layers, a Keras name.
      direct: whether inputs are also connected to the outputs directly.
      ordering: "raster" or "random".
      num_masks: how many sets of masks, each with an order of its own, or, in raster order, with degrees of its own.
      ordering_seed: fixes orders and degrees.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of its range, or nothing connects inputs to outputs.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import MADENetwork
      >>> MADENetwork((6, 5, 1), hidden=(8,))(tf.zeros((2, 6, 5, 1))).shape
      TensorShape([2, 6, 5, 1])

    Reference: Germain, Gregor, Murray, Larochelle, 2015, MADE: masked autoencoder for distribution estimation, arXiv 1502.03509.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        num_parameters: int = 1,
        hidden: Sequence[int] = (500,),
        activation: str = "relu",
        direct: bool = False,
        ordering: str = "raster",
        num_masks: int = 1,
        ordering_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        num_masks, hidden = checks.integer(num_masks, "num_masks", least=1), checks.integers(hidden, "hidden")
        if not (direct or hidden):
            raise ValueError(f"Expected hidden layers, or `direct=True`. Received: hidden={hidden}, direct={direct}")
        size = int(np.prod(tuple(image_shape)))
        orderings = draw_orderings(ordering, size, count=num_masks, seed=ordering_seed)
        super().__init__(image_shape, num_parameters=num_parameters, orderings=orderings, wanted_block=_BLOCK, **kwargs)
        self.hidden, self.direct = hidden, direct
        self.ordering, self.num_masks, self.ordering_seed = ordering, num_masks, ordering_seed
        self.activation = get_activation(activation)
        places = np.argsort(orderings, axis=1).astype(np.int32) + 1
        self.degrees = [places, *self._draw_degrees()]
        self._windows = [self._make_windows(degrees) for degrees in self.degrees[1:]]

    def _draw_degrees(self) -> list[np.ndarray]:
        """Draws (num_masks, units) degrees for each hidden layer."""
        keys = random.row_seeds(self.ordering_seed + 1, self.num_masks)
        found: list[list[np.ndarray]] = [[] for _ in self.hidden]
        for key in keys:
            low, high = 1, max(self.size - 1, 1)
            for layer, layer_key in enumerate(random.row_seeds(int(key), len(self.hidden))):
                found[layer].append(draw_integers(low, high, self.hidden[layer], seed=int(layer_key)))
                low = int(found[layer][-1].min())
        return [np.stack(degrees) for degrees in found]

    def _make_windows(self, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Sorts a layer's units by degree: (masks, units), where each block's units start: (masks, blocks), and their number.

        All windows are as wide as the widest, so that shapes are static; units of other blocks in them are masked.
        """
        units = np.argsort(degrees, axis=1, kind="stable").astype(np.int32)
        edges = np.arange(0, self.size + 1, self.block_size)
        starts = np.stack([np.searchsorted(row, edges, side="right") for row in np.sort(degrees, axis=1)])
        width = max(int(np.diff(starts, axis=1).max()), 1)
        return units, np.minimum(starts[:, :-1], degrees.shape[1] - width).astype(np.int32), width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._check_built_for(input_shape)

        def kernel(name: str, outputs: Sequence[int], inputs: int) -> Any:
            # masks leave about half of the connections
            limit = float(np.sqrt(6.0 / (0.5 * (inputs + outputs[0]))))
            initializer = keras.initializers.RandomUniform(-limit, limit)
            return self.add_weight(name=name, shape=(*outputs, inputs), initializer=initializer)

        shape, below = (self.size, self.num_parameters), self.size
        self.kernels, self.biases = [], []
        for layer, units in enumerate(self.hidden):
            self.kernels.append(kernel(f"kernel_{layer}", (units,), below))
            self.biases.append(self.add_weight(name=f"bias_{layer}", shape=(units,), initializer="zeros"))
            below = units
        if self.hidden:
            self.output_kernel = kernel("output_kernel", shape, below)
        self.output_bias = self.add_weight(name="output_bias", shape=shape, initializer="zeros")
        if self.direct:
            self.direct_kernel = self.add_weight(name="direct_kernel", shape=(*shape, self.size), initializer="zeros")
        self.built = True

    def _last_kernels(self) -> list[tuple[int, Any]]:
        """Lists what the outputs are connected to: layer 0 is the values, layer l the l-th hidden one."""
        hidden = [(len(self.hidden), self.output_kernel)] if self.hidden else []
        return hidden + ([(0, self.direct_kernel)] if self.direct else [])

    def outputs(self, x: tf.Tensor, ordering: tf.Tensor | int) -> tf.Tensor:
        degrees = [tf.constant(table)[ordering] for table in self.degrees]
        layers = [tf.cast(x, self.compute_dtype)]
        for kernel, bias, seen, own in zip(self.kernels, self.biases, degrees, degrees[1:], strict=False):
            below = layers[-1]
            kernel = tf.cast(tf.convert_to_tensor(kernel), below.dtype) * tf.cast(own[:, None] >= seen, below.dtype)
            layers.append(self.activation(tf.matmul(below, kernel, transpose_b=True) + tf.cast(bias, below.dtype)))
        layers[0] = x
        y = tf.reshape(as_float32(self.output_bias), (-1,))
        for layer, kernel in self._last_kernels():  # float32 in every precision: outputs are log-odds and the like
            visible = tf.cast(degrees[0][:, None] > degrees[layer], tf.float32)
            kernel = tf.reshape(as_float32(kernel) * visible[:, None], (self.size * self.num_parameters, -1))
            y += tf.matmul(tf.cast(layers[layer], tf.float32), kernel, transpose_b=True)
        return y

    # ---- block by block: each layer's units of the block's degrees, from caches that hold only what is final ----

    def initial_state(self, batch: tf.Tensor) -> list[tf.Tensor]:
        """Makes zeros for the values, then for each hidden layer, (units, batch)."""
        return [tf.zeros((units, batch)) for units in (self.size, *self.hidden)]

    def start_block(self, state: list[tf.Tensor], block: tf.Tensor, ordering: tf.Tensor | int) -> dict[str, Any]:
        first = block * self.block_size
        positions = tf.slice(self.order(ordering), [first], [self.block_size])
        # of the values, then of each hidden layer: which units, their degrees, whether they are new in this block
        units, degrees = [positions], [first + 1 + tf.range(self.block_size)]
        new = [tf.ones((self.block_size,), tf.bool)]
        hidden = []
        for layer, (table, starts, width) in enumerate(self._windows):
            window = tf.slice(tf.constant(table)[ordering], [tf.constant(starts)[ordering, block]], [width])
            degree = tf.gather(tf.constant(self.degrees[layer + 1])[ordering], window)
            rows = tf.gather(as_float32(self.kernels[layer]), window)
            bias = tf.gather(as_float32(self.biases[layer]), window)[:, None]
            visible = (degree[:, None] >= degrees[-1]) & new[-1]
            inside = tf.gather(rows, units[-1], axis=1) * tf.cast(visible, tf.float32)
            hidden.append((self._earlier(rows, state[layer], layer, first) + bias, inside))
            units, degrees, new = [*units, window], [*degrees, degree], [*new, degree > first]
        base, last = tf.reshape(tf.gather(as_float32(self.output_bias), positions), (-1, 1)), []
        for layer, kernel in self._last_kernels():
            rows = tf.gather(as_float32(kernel), positions)  # (block_size, num_parameters, units of the layer)
            base += self._earlier(tf.reshape(rows, (-1, rows.shape[-1])), state[layer], layer, first)
            visible = (degrees[0][:, None] > degrees[layer]) & new[layer]
            inside = tf.gather(rows, units[layer], axis=2) * tf.cast(visible, tf.float32)[:, None]
            last.append(tf.reshape(inside, (self.block_size * self.num_parameters, -1)))
        complete = [fresh & (degree <= first + self.block_size) for fresh, degree in zip(new, degrees, strict=True)]
        return {"units": units, "complete": complete, "hidden": hidden, "base": base, "last": last}

    def _earlier(self, rows: tf.Tensor, cache: tf.Tensor, layer: int, first: tf.Tensor) -> tf.Tensor:
        """Adds up what a layer's finished units contribute; in raster order those of the values are the first ones."""
        if layer == 0 and self.ordering == "raster":
            rows, cache = rows[:, :first], cache[:first]
        return tf.matmul(rows, cache)

    def _layers_of_block(self, values: tf.Tensor, context: dict[str, Any]) -> list[tf.Tensor]:
        """Computes the block's units of each layer, (units, batch), the values first."""
        found = [values]
        for base, kernel in context["hidden"]:
            found.append(self.activation(base + tf.matmul(kernel, found[-1])))
        return found

    def block_outputs(self, values: tf.Tensor, context: dict[str, Any]) -> tf.Tensor:
        found, y = self._layers_of_block(values, context), context["base"]
        for (layer, _), kernel in zip(self._last_kernels(), context["last"], strict=True):
            y += tf.matmul(kernel, found[layer])
        return tf.transpose(tf.reshape(y, (self.block_size, self.num_parameters, -1)), (0, 2, 1))

    def end_block(self, values: tf.Tensor, state: list[tf.Tensor], context: dict[str, Any]) -> list[tf.Tensor]:
        filed = []
        found = self._layers_of_block(values, context)
        for cache, units, complete, new in zip(state, context["units"], context["complete"], found, strict=True):
            kept = tf.where(complete[:, None], new, tf.gather(cache, units))
            filed.append(tf.tensor_scatter_nd_update(cache, units[:, None], kept))
        return filed

    def get_config(self) -> dict[str, Any]:
        names = ("image_shape", "num_parameters", "hidden", "direct", "ordering", "num_masks", "ordering_seed")
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, "activation": activation}
