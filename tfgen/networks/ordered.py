"""Networks over the values of an image in an order of their own, with two faces: all values at once, and block by block."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, random

__all__ = ["OrderedNetwork", "as_float32", "draw_integers", "draw_orderings", "get_activation"]


def draw_orderings(ordering: str, size: int, *, count: int = 1, seed: int = 0) -> np.ndarray:
    """Makes the orders in which the values of an image are drawn.

    Args:
      ordering: "raster" (left to right, top to bottom, the channels of a pixel in their order) or "random", a
        permutation drawn by the seed.
      size: number of values of an image.
      count: number of orders.
      seed: fixes random orders, on every machine and version; order k does not depend on `count`.

    Returns:
      orderings: (count, size) int32; `orderings[k, i]` is the place in raster order of what is drawn i-th.

    Raises:
      ValueError: `ordering` is neither.
      TypeError: the seed, which models call `ordering_seed`, is not an integer.

    Example:
      >>> from tfgen.networks.ordered import draw_orderings
      >>> draw_orderings("raster", 3).tolist()
      [[0, 1, 2]]
    """
    checks.one_of(ordering, "ordering", ("raster", "random"))
    try:
        seed = checks.integer(seed, "ordering_seed")
    except ValueError as error:  # any integer is a seed, so what is refused has the wrong type
        raise TypeError(str(error)) from None
    if ordering == "raster":
        return np.tile(np.arange(size, dtype=np.int32), (count, 1))
    keys = [random.row_seeds(int(key), size) for key in random.row_seeds(seed, count)]
    return np.argsort(np.stack(keys), axis=1, kind="stable").astype(np.int32)


def draw_integers(low: int, high: int, size: int, *, seed: int) -> np.ndarray:
    """Draws integers uniformly, on every machine and version the same.

    Args:
      low: the smallest.
      high: the largest.
      size: how many.
      seed: fixes them.

    Returns:
      integers: (size,) int32 in [low, high].

    Example:
      >>> from tfgen.networks.ordered import draw_integers
      >>> draw_integers(2, 2, 3, seed=0).tolist()
      [2, 2, 2]
    """
    return (low + random.row_seeds(seed, size) % (high - low + 1)).astype(np.int32)


def get_activation(activation: Any) -> Any:
    """Finds an activation, and sees that it takes each unit by itself: one that mixes units lets values see what comes after.

    Args:
      activation: a Keras name, or a function.

    Returns:
      activation: the function.

    Raises:
      ValueError: the name is unknown, or the activation mixes units.

    Example:
      >>> from tfgen.networks.ordered import get_activation
      >>> float(get_activation("relu")(-1.0))
      0.0
    """
    function, count = keras.activations.get(activation), 6
    units = np.linspace(-0.2, 0.2, count) + 0.1 * np.eye(count + 1, count)  # one moved in each row but the last
    values = np.asarray(function(tf.constant(units, tf.float32)))
    others = ~np.eye(count, dtype=bool)
    if values.shape != units.shape or not np.allclose(values[:-1][others], np.tile(values[-1], (count, 1))[others], atol=1e-6):
        raise ValueError(
            f"Expected an `activation` of each unit by itself, 'relu' or 'sigmoid' for example. Received: activation={activation!r}"
        )
    return function


def as_float32(weight: Any) -> tf.Tensor:
    """Reads a weight in float32, also where a model of half precision, which is running, would have it cast.

    Args:
      weight: a Keras variable.

    Returns:
      values: float32, of the weight's shape.

    Example:
      >>> import keras
      >>> from tfgen.networks.ordered import as_float32
      >>> as_float32(keras.Variable([1.0, 2.0])).numpy().tolist()
      [1.0, 2.0]
    """
    return tf.cast(tf.convert_to_tensor(weight), tf.float32)


def _block_size(size: int, wanted: int) -> int:
    """Finds the divisor of an image's size that is nearest to what is wanted, as ratios go."""
    divisors = [number for number in range(1, size + 1) if size % number == 0]
    return min(divisors, key=lambda number: abs(math.log(number / wanted)))


class OrderedNetwork(keras.layers.Layer, abc.ABC):
    """A network from images to the parameters of each value's distribution given the values drawn before it.

    An image of shape (height, width, channels) is a list of `size = height * width * channels` values. `call` gives the
    outputs of all of them, in the places of the image. The four methods below it give the same numbers block by block, a block
    being `block_size` values that follow each other in the order of drawing. They hold values first, rows of the batch second,
    so that a block lies together in memory, and compute in float32. States and contexts are nested structures of tensors.

    Args:
      image_shape: (height, width, channels).
      num_parameters: numbers that describe one value.
      orderings: (count, size): orders of drawing, as `draw_orderings` makes them.
      wanted_block: values in a block; the nearest divisor of `size` is taken.
      **kwargs: Keras's `name` and `dtype`.
    """

    def __init__(
        self, image_shape: Sequence[int], *, num_parameters: int, orderings: np.ndarray, wanted_block: int, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # half precision would round grey levels
        self.image_shape = tuple(int(length) for length in image_shape)
        self.num_parameters = num_parameters
        self.orderings = orderings
        self.size = math.prod(self.image_shape)
        self.block_size = _block_size(self.size, wanted_block)

    @property
    def num_orderings(self) -> int:
        """How many orders the network can be run in."""
        return len(self.orderings)

    def order(self, ordering: tf.Tensor | int = 0) -> tf.Tensor:
        """Lists the places of an image's values in the order of drawing.

        Args:
          ordering: the number of the order, a scalar.

        Returns:
          places: (size,) int32.
        """
        return tf.constant(self.orderings)[ordering]

    def _check_built_for(self, input_shape: Sequence[int | None]) -> None:
        if tuple(input_shape[1:]) != self.image_shape:
            raise ValueError(f"Expected images of shape {self.image_shape}. Received: input_shape={tuple(input_shape)}")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.image_shape[-1] * self.num_parameters)

    @abc.abstractmethod
    def outputs(self, x: tf.Tensor, ordering: tf.Tensor | int) -> tf.Tensor:
        """Computes all outputs at once.

        Args:
          x: (batch, size) float32 in [0, 1], in raster order.
          ordering: the number of the order of drawing, a scalar.

        Returns:
          outputs: (batch, size * num_parameters), in raster order.
        """

    def call(self, inputs: tf.Tensor, ordering: tf.Tensor | int = 0) -> tf.Tensor:
        """Computes (batch, height, width, channels * num_parameters) float32 from images, in one of the orders."""
        x = tf.reshape(tf.cast(inputs, tf.float32), (-1, self.size))
        height, width, channels = self.image_shape
        outputs = tf.cast(self.outputs(x, ordering), tf.float32)
        return tf.reshape(outputs, (-1, height, width, channels * self.num_parameters))

    # ---- block by block ----

    @abc.abstractmethod
    def initial_state(self, batch: tf.Tensor) -> Any:
        """Makes the caches of an empty image.

        Args:
          batch: number of rows, a scalar.

        Returns:
          state: a nested structure of tensors.
        """

    @abc.abstractmethod
    def start_block(self, state: Any, block: tf.Tensor, ordering: tf.Tensor | int) -> Any:
        """Computes what all earlier blocks contribute to a block.

        Args:
          state: the caches after the blocks before.
          block: the block's number, a scalar.
          ordering: the number of the order of drawing, a scalar.

        Returns:
          context: what the two methods below need.
        """

    @abc.abstractmethod
    def block_outputs(self, values: tf.Tensor, context: Any) -> tf.Tensor:
        """Computes a block's outputs; those of a value depend on the values before it alone.

        Args:
          values: (block_size, batch) float32 in [0, 1], in the order of drawing; what is not yet drawn may be anything.
          context: what `start_block` returned.

        Returns:
          outputs: (block_size, batch, num_parameters) float32.
        """

    @abc.abstractmethod
    def end_block(self, values: tf.Tensor, state: Any, context: Any) -> Any:
        """Files a finished block in the caches.

        Args:
          values: (block_size, batch) float32 in [0, 1], all drawn.
          state: the caches after the blocks before.
          context: what `start_block` returned.

        Returns:
          state: the caches for the next block.
        """
