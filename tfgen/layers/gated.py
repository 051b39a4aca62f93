"""The gated block of Gated PixelCNN: a vertical stack that sees all rows above, a horizontal one that sees the row to the left."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.layers.arguments import check_multiple, check_odd, check_rate
from tfgen.layers.causal import channel_groups, valid_convolution
from tfgen.layers.compiled import gate
from tfgen.layers.dropout import RowDropout
from tfgen.layers.weights import class_bias, uniform

__all__ = ["GatedBlock"]


@keras.saving.register_keras_serializable("tfgen")
class GatedBlock(keras.layers.Layer):
    """One layer of both stacks, without a blind spot.

    `a = V * v + b`, `v' = gate(a + c)`; `m = gate(H * h + U a + d + e)`, `h' = R m (+ h, but in the first layer)`.

    The vertical map v at row i depends on all columns of rows above i and on nothing else: the first layer's kernel `V` leaves
    out its own row, all later ones take it in. The horizontal kernel `H` reaches to the left, in the first layer (mask A)
    without the position itself. `c` and `e` are the class's, if there are classes. Where colour channels are ordered, the
    maps of h and m come in one group per channel, and features and gates in the same groups. The block holds the weights of its
    skip path, too: the network multiplies the units m of all blocks by those of all at once.

    Args:
      filters: maps of each stack, a multiple of `groups`.
      skip: maps of the skip path, a multiple of `groups`.
      kernel_size: odd width and height of the kernel that the halves are taken of.
      dilation: distance between taps, in pixels, at least 1.
      place: "first" hides the position itself, "middle", or "last", after which nobody reads v and h.
      dropout: share of the gated units v' and m that are dropped where row seeds are given, in [0, 1).
      groups: number of colour channels that are ordered within a pixel.
      num_classes: number of classes, 0 for none.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.layers import GatedBlock
      >>> x = tf.zeros((2, 5, 6, 1))
      >>> v, h, m = GatedBlock(4, skip=8, kernel_size=7, place="first")((x, x))
      >>> v.shape, h.shape, m.shape
      (TensorShape([2, 5, 6, 4]), TensorShape([2, 5, 6, 4]), TensorShape([2, 5, 6, 4]))

    Reference: van den Oord et al., 2016, Conditional image generation with PixelCNN decoders, arXiv 1606.05328.
    """

    def __init__(
        self,
        filters: int,
        *,
        skip: int,
        kernel_size: int = 3,
        dilation: int = 1,
        place: str = "middle",
        dropout: float = 0.0,
        groups: int = 1,
        num_classes: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups, self.num_classes = checks.integer(groups, "groups", least=1), num_classes
        self.filters, self.skip = check_multiple(filters, "filters", groups), check_multiple(skip, "skip", groups)
        self.kernel_size = check_odd(kernel_size, "kernel_size", least=3)
        self.dilation = checks.integer(dilation, "dilation", least=1)
        self.place, self.dropout = checks.one_of(place, "place", ("first", "middle", "last")), check_rate(dropout, "dropout")
        self.first, self.last = place == "first", place == "last"
        self.dropouts = [RowDropout(dropout, stream=stream, dtype=self.dtype_policy) for stream in range(2)]

    @property
    def reach(self) -> int:
        """How many taps lie on each side of the centre, and above it."""
        return self.kernel_size // 2

    def build(self, input_shape: Any) -> None:
        """Makes the weights; `input_shape` is that of v, which h shares."""
        shape = input_shape[0] if isinstance(input_shape[0], (tuple, list)) else input_shape
        inputs, both, rows = int(shape[-1]), 2 * self.filters, self.reach + (not self.first)
        groups = self.groups
        source, features = channel_groups(inputs, groups), channel_groups(self.filters, groups)
        halves = np.tile(features, 2)  # a feature and its gate serve the same channel
        own = source[:, None] < halves if self.first else source[:, None] <= halves
        taps = np.ones((self.reach, inputs, both), bool)
        self._left_mask = np.concatenate([taps, own[None]]).astype(np.float32)
        self._out_mask = (features[:, None] <= features).astype(np.float32)
        self._skip_mask = (features[:, None] <= channel_groups(self.skip, groups)).astype(np.float32)
        fan_in = rows * self.kernel_size * inputs
        # a gate lets an eighth of the variance through, and the vertical stack has no residual path around it
        self.vertical = self._kernel("vertical", (rows, self.kernel_size, inputs, both), fan_in / (1.0 if self.first else 8.0))
        self.vertical_bias = self.add_weight(name="vertical_bias", shape=(both,), initializer="zeros")
        self.across = self._kernel("across", (both, both))
        self.left = self._kernel("left", self._left_mask.shape, max(float(self._left_mask[..., -1].sum()), 1.0))
        self.bias = self.add_weight(name="bias", shape=(both,), initializer="zeros")
        self.out = None if self.last else self._kernel("out", (self.filters, self.filters))
        self.skipped = self._kernel("skip", (self.filters, self.skip))
        if self.num_classes:
            self.classes = self.add_weight(name="classes", shape=(self.num_classes, 2 * both), initializer="zeros")
        self.built = True

    def _kernel(self, name: str, shape: tuple[int, ...], visible: float = 0.0) -> Any:
        """Adds a kernel of unit gain; fan-in counts the visible taps only."""
        return self.add_weight(name=name, shape=shape, initializer=uniform(visible or float(np.prod(shape[:-1]))))

    def kernels(self, dtype: Any) -> dict[str, tf.Tensor]:
        """Returns the kernels with what must not be seen at zero.

        Args:
          dtype: the number format wanted.

        Returns:
          kernels: "vertical" (rows, kernel_size, inputs, 2 * filters), top row first; "across" (2 * filters, 2 * filters);
            "left" (reach + 1, inputs, 2 * filters), the position itself last, left out where it is hidden from all; "out"
            (filters, filters), but in the last layer; "skip" (filters, skip).
        """
        found = {
            "vertical": tf.cast(self.vertical, dtype),
            "across": tf.cast(self.across, dtype),
            "left": self._masked(self.left, self._left_mask, dtype),
            "skip": self._masked(self.skipped, self._skip_mask, dtype),
        }
        if self.first and self.groups == 1:
            found["left"] = found["left"][:-1]
        if self.out is not None:
            found["out"] = self._masked(self.out, self._out_mask, dtype)
        return found

    @staticmethod
    def _masked(kernel: Any, mask: np.ndarray, dtype: Any) -> tf.Tensor:
        kernel = tf.cast(kernel, dtype)
        return kernel if mask.all() else kernel * tf.constant(mask, kernel.dtype)

    def class_biases(self, label: tf.Tensor | None, dtype: Any) -> tuple[Any, Any]:
        """Returns what a class adds in both stacks.

        Args:
          label: (batch,) integers, or None without classes.
          dtype: the number format wanted.

        Returns:
          vertical: (batch, 2 * filters), or 0.
          horizontal: (batch, 2 * filters), or 0.
        """
        if label is None:
            return 0.0, 0.0
        return tuple(tf.split(class_bias(self.classes, label, dtype), 2, axis=-1))  # type: ignore[return-value]

    def call(
        self,
        inputs: tuple[tf.Tensor, tf.Tensor],
        label: tf.Tensor | None = None,
        seeds: tf.Tensor | None = None,
        training: bool = False,
    ) -> tuple[Any, Any, tf.Tensor]:
        v, h = inputs
        dtype = v.dtype
        kernels = self.kernels(dtype)
        above, beside = ([] if label is None else [bias[:, None, None]] for bias in self.class_biases(label, dtype))
        # the biases of a are added where it is gated, and what they come to across is added there: no pass over the map is theirs
        a, bias = self._vertical_map(v, kernels["vertical"]), tf.cast(self.vertical_bias, dtype)
        left, across = self._left_map(h, kernels["left"]), tf.nn.conv2d(a, kernels["across"][None, None], 1, "VALID")
        from_above = tf.cast(tf.linalg.matvec(self.across, self.vertical_bias, transpose_a=True) + self.bias, dtype)
        m = self.dropouts[0](gate(left, across, from_above, *beside, training=training), seeds=seeds)
        if self.last:
            return None, None, m
        out = tf.nn.conv2d(m, kernels["out"][None, None], 1, "VALID")
        v = self.dropouts[1](gate(a, bias, *above, training=training), seeds=seeds)
        return v, out if self.first else h + out, m

    def _vertical_map(self, v: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        pad, rows = self.reach * self.dilation, (int(kernel.shape[0]) - 1) * self.dilation
        if self.first:  # the row itself is not seen: all move down by one
            v = tf.pad(v[:, :-1], [[0, 0], [rows + 1, 0], [pad, pad], [0, 0]])
        else:
            v = tf.pad(v, [[0, 0], [rows, 0], [pad, pad], [0, 0]])
        return valid_convolution(v, kernel, self.dilation)

    def _left_map(self, h: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        taps = int(kernel.shape[0])
        pad = self.reach * self.dilation
        if taps == self.reach:  # without the position itself, the last tap is the neighbour
            h = h[:, :, : -self.dilation]
        h = tf.pad(h, [[0, 0], [0, 0], [pad, 0], [0, 0]])
        return valid_convolution(h, kernel[None], self.dilation)

    def get_config(self) -> dict[str, Any]:
        names = ("filters", "skip", "kernel_size", "dilation", "place", "dropout", "groups", "num_classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
