"""The network of PixelCNN, with its two faces: all positions at once for training, one at a time for sampling."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.layers import CausalConv2D, residual_relu
from tfgen.layers.arguments import check_dilations
from tfgen.layers.rows import padded_row, row_product

__all__ = ["CausalNetwork", "PixelCNNNetwork"]

State = dict[str, Any]


class CausalNetwork(keras.layers.Layer, abc.ABC):
    """A network over images in raster order that can also be run one pixel at a time.

    `call(images)` gives every position's outputs; the methods below give the same numbers pixel by pixel from caches, for the
    cost of a few passes over the whole image. States are nested structures of tensors, legal loop variables.

    `ordered` says whether the outputs of a channel depend on those before it in their own pixel. A conditional network takes
    `label=` in `call` and in `initial_state`; with `takes_seeds` its `call` takes row seeds for the noise of training, `seeds=`.
    """

    ordered: bool = True
    takes_seeds: bool = False
    num_classes: int = 0

    def _expect_label(self, label: Any) -> None:
        """Refuses to run a conditional network as that of no class, which no training step has seen."""
        if self.num_classes and label is None:
            raise ValueError(
                f"This network is conditional on {self.num_classes} classes: expected `label`, one for each row. "
                "Received: label=None"
            )

    @abc.abstractmethod
    def initial_state(self, batch: tf.Tensor, width: int) -> Any:
        """Makes the caches of an empty image.

        Args:
          batch: number of rows of the batch, a scalar.
          width: width of the image, static.

        Returns:
          state: a nested structure of tensors.
        """

    @abc.abstractmethod
    def prepare_step(self) -> Any:
        """Computes what every step needs and no step changes: masked kernels.

        Returns:
          prepared: a nested structure of tensors.
        """

    @abc.abstractmethod
    def start_row(self, state: Any) -> Any:
        """Computes, for a whole row at once, what the rows above contribute.

        Args:
          state: the caches, the row above finished.

        Returns:
          state: the caches of the row that begins.
        """

    @abc.abstractmethod
    def step(self, x: tf.Tensor, state: Any, column: tf.Tensor, prepared: Any) -> tuple[tf.Tensor, Any]:
        """Computes one position.

        Args:
          x: (batch, channels) in [0, 1]; channels that are not yet drawn may hold anything.
          state: the caches of the current row.
          column: the position's column, a scalar.
          prepared: what `prepare_step` returned.

        Returns:
          outputs: (batch, outputs) float32.
          state: the new caches.
        """

    @abc.abstractmethod
    def commit(self, x: tf.Tensor, state: Any, column: tf.Tensor) -> Any:
        """Writes the drawn pixel into the caches: `step` had to run before all of it was known.

        Args:
          x: (batch, channels) in [0, 1].
          state: the caches that the last `step` of this position returned.
          column: the position's column, a scalar.

        Returns:
          state: the caches for the next position.
        """

    @abc.abstractmethod
    def end_row(self, state: Any) -> Any:
        """Files the finished row in the caches.

        Args:
          state: the caches after the last position of a row.

        Returns:
          state: the caches, ready for `start_row`.
        """


@keras.saving.register_keras_serializable("tfgen")
class PixelCNNNetwork(CausalNetwork):
    """Masked convolutions with residual blocks: 7x7 mask A, then {ReLU, 1x1, ReLU, 3x3 mask B, ReLU, 1x1} blocks, then a head.

    With `dilations`, the 3x3 convolution of block i has dilation `dilations[i % len(dilations)]`, which widens the
    receptive field at no cost.

    Args:
      outputs: numbers per position, a multiple of `channels` where these are ordered.
      channels: colour channels of the image.
      ordered: whether the channels are ordered, with one group of maps each; False hides a pixel's own channels from its
        outputs, for a likelihood that couples them itself.
      filters: maps inside a block; the residual path carries twice as many.
      blocks: number of residual blocks.
      kernel_size: size of the first, mask-A convolution, odd and at least 3.
      dilations: pattern of dilations, repeated over the blocks.
      head: maps of the last hidden 1x1 layers; 0 for as many as the residual path.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import PixelCNNNetwork
      >>> PixelCNNNetwork(1, filters=4, blocks=1)(tf.zeros((2, 6, 5, 1))).shape
      TensorShape([2, 6, 5, 1])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(
        self,
        outputs: int,
        *,
        channels: int = 1,
        ordered: bool = True,
        filters: int = 64,
        blocks: int = 5,
        kernel_size: int = 7,
        dilations: Sequence[int] = (1,),
        head: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs, self.channels, self.ordered = outputs, channels, ordered
        self.filters = filters = checks.integer(filters, "filters", least=1)
        self.blocks = blocks = checks.integer(blocks, "blocks", least=0)
        self.kernel_size = kernel_size = checks.integer(kernel_size, "kernel_size", least=3)
        self.dilations = check_dilations(dilations)
        self.head = head = checks.integer(head, "head", least=0)
        groups = channels if ordered else 1
        filters = -(-filters // groups) * groups  # the next multiple, so that groups are equal
        wide, last = 2 * filters, -(-(head or 2 * filters) // groups) * groups
        shared: dict[str, Any] = {"channels": groups, "dtype": self.dtype_policy}
        self.first = CausalConv2D(wide, kernel_size, mask="A", name="first", **shared)
        self.block_layers = [
            (
                CausalConv2D(filters, 1, name=f"block_{i}_in", **shared),
                CausalConv2D(filters, 3, dilation=self.dilations[i % len(self.dilations)], name=f"block_{i}", **shared),
                CausalConv2D(wide, 1, name=f"block_{i}_out", **shared),
            )
            for i in range(blocks)
        ]
        self.head_layers = [CausalConv2D(last, 1, name=f"head_{i}", **shared) for i in range(2)]
        self.last = CausalConv2D(outputs, 1, name="outputs", **shared)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape: tuple[int | None, ...] = (None, None, None, self.channels)
        if input_shape[-1] != self.channels:
            raise ValueError(f"Expected images with {self.channels} channels. Received: input_shape={input_shape}")
        self.first.build(shape)
        shape = self.first.compute_output_shape(shape)
        for block in self.block_layers:
            inner = shape
            for layer in block:
                layer.build(inner)
                inner = layer.compute_output_shape(inner)
        for layer in (*self.head_layers, self.last):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.outputs)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.first(2.0 * inputs - 1.0)
        rectified = tf.nn.relu(x)
        for inner, middle, outer in self.block_layers:
            y = outer(tf.nn.relu(middle(tf.nn.relu(inner(rectified)))))
            x, rectified = residual_relu(x, y, training=training)
        for layer in self.head_layers:
            rectified = tf.nn.relu(layer(rectified))
        return tf.cast(self.last(rectified), tf.float32)

    # ---- one position at a time: float32, time-major (width, blocks, batch, features) rows ----

    @property
    def _members(self) -> dict[int, list[int]]:
        """The blocks of each dilation: they are read, multiplied and written together."""
        dilations = [block[1].dilation for block in self.block_layers]
        return {d: [i for i, dilation in enumerate(dilations) if dilation == d] for d in sorted(set(dilations))}

    def initial_state(self, batch: tf.Tensor, width: int) -> State:
        blocks = []
        for dilation, members in self._members.items():
            shape = (len(members), batch, self._inner)
            rows = [tf.zeros((width + 2 * dilation, *shape))] * dilation
            blocks.append({"rows": rows, "left": self._new_row(batch, width, dilation), "above": tf.zeros((width, *shape))})
        return {"first": self.first.initial_state(batch, width), "blocks": blocks}

    @property
    def _inner(self) -> int:
        return self.block_layers[0][1].filters

    def _new_row(self, batch: tf.Tensor, width: int, dilation: int) -> tf.TensorArray:
        """Makes the cache of a row of one dilation's blocks, with zeros on both sides of the image."""
        shape = (len(self._members[dilation]), batch, self._inner)
        return padded_row(shape, width, dilation, (shape[0], None, self._inner))

    def prepare_step(self) -> State:
        return {
            "first": self.first.step_kernel(),
            "blocks": [
                (inner.step_weights(), middle.step_kernel(), outer.step_weights()) for inner, middle, outer in self.block_layers
            ],
            "head": [layer.step_weights() for layer in (*self.head_layers, self.last)],
        }

    def start_row(self, state: State) -> State:
        blocks = []
        for (dilation, members), cache in zip(self._members.items(), state["blocks"], strict=True):
            layers = [self.block_layers[i][1] for i in members]
            kernel = tf.stack([layer.masked_kernel(tf.float32)[:-1] for layer in layers])
            bias = tf.stack([tf.convert_to_tensor(layer.bias) for layer in layers])[:, None]
            above = row_product(cache["rows"][:1], kernel, dilation) + bias
            width, batch = int(above.shape[0]), tf.shape(above)[2]
            blocks.append({**cache, "above": above, "left": self._new_row(batch, width, dilation)})
        return {"first": self.first.start_row(state["first"]), "blocks": blocks}

    def end_row(self, state: State) -> State:
        blocks = [{**cache, "rows": [*cache["rows"][1:], cache["left"].stack()]} for cache in state["blocks"]]
        return {"first": self.first.end_row(state["first"]), "blocks": blocks}

    def commit(self, x: tf.Tensor, state: State, column: tf.Tensor) -> State:
        # mask A hides the last channel from every feature map of its own pixel, so only the input's cache lacks it
        return {**state, "first": self.first.write(2.0 * x - 1.0, state["first"], column)}

    def step(self, x: tf.Tensor, state: State, column: tf.Tensor, prepared: State) -> tuple[tf.Tensor, State]:
        h, first = self.first.step(2.0 * x - 1.0, state["first"], column, prepared["first"])
        left: dict[int, tf.Tensor] = {}
        above: dict[int, tf.Tensor] = {}
        for members, cache in zip(self._members.values(), state["blocks"], strict=True):
            left.update(zip(members, tf.unstack(cache["left"].read(column)), strict=True))
            above.update(zip(members, tf.unstack(cache["above"][column]), strict=True))
        inputs = []
        for i, ((inner, inner_negative), middle, (outer, outer_negative)) in enumerate(prepared["blocks"]):
            y = tf.nn.relu(tf.matmul(tf.nn.relu(h), inner) - inner_negative)
            inputs.append(y)
            y = tf.nn.relu(tf.matmul(tf.concat([left[i], y], -1), middle) + above[i])
            h = h + (tf.matmul(y, outer) - outer_negative)
        blocks = []
        for (dilation, members), cache in zip(self._members.items(), state["blocks"], strict=True):
            written = cache["left"].write(column + dilation, tf.stack([inputs[i] for i in members]))
            blocks.append({**cache, "left": written})
        for kernel, negative in prepared["head"]:
            h = tf.matmul(tf.nn.relu(h), kernel) - negative
        return h, {"first": first, "blocks": blocks}

    def get_config(self) -> dict[str, Any]:
        names = ("outputs", "channels", "ordered", "filters", "blocks", "kernel_size", "dilations", "head")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
