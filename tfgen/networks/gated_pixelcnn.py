"""The network of Gated PixelCNN, with its two faces: all positions at once for training, one at a time for sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks, random
from tfgen.layers import CausalConv2D, GatedBlock, gate
from tfgen.layers.arguments import check_dilations
from tfgen.layers.rows import padded_row, row_product
from tfgen.networks.pixelcnn import CausalNetwork

__all__ = ["GatedPixelCNNNetwork"]

State = dict[str, Any]
_DROPOUT = 16  # keys the masks of dropout


@keras.saving.register_keras_serializable("tfgen")
class GatedPixelCNNNetwork(CausalNetwork):
    """Gated blocks of a vertical and a horizontal stack, then ReLU, 1x1, ReLU, 1x1 on the sum of all skip paths.

    The first block has kernels of `kernel_size`, then follows one 3x3 block for each of `dilations`. Skip path and head have
    `2 * filters` maps. One position costs a step of the horizontal stack; the vertical one runs once a row, for the whole row.

    Args:
      outputs: numbers per position, a multiple of `channels` where these are ordered.
      channels: colour channels of the image.
      ordered: whether the outputs of a channel see those before it in their own pixel; False for a likelihood that couples
        the channels itself.
      filters: maps of each stack.
      dilations: dilation of each 3x3 block.
      kernel_size: size of the first block's kernels.
      dropout: share of each block's gated units that a training step drops, in [0, 1).
      num_classes: number of classes, 0 for an unconditional network.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import GatedPixelCNNNetwork
      >>> GatedPixelCNNNetwork(1, filters=4, dilations=(1,))(tf.zeros((2, 6, 5, 1))).shape
      TensorShape([2, 6, 5, 1])

    Reference: van den Oord et al., 2016, Conditional image generation with PixelCNN decoders, arXiv 1606.05328.
    """

    def __init__(
        self,
        outputs: int,
        *,
        channels: int = 1,
        ordered: bool = True,
        filters: int = 32,
        dilations: Sequence[int] = (1, 2, 1, 4, 1, 2),
        kernel_size: int = 7,
        dropout: float = 0.0,
        num_classes: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs, self.channels, self.ordered, self.kernel_size = outputs, channels, ordered, kernel_size
        self.filters = filters = checks.integer(filters, "filters", least=1)
        self.dilations = check_dilations(dilations)
        self.dropout, self.num_classes, self.takes_seeds = dropout, num_classes, dropout > 0.0
        groups = channels if ordered else 1
        maps = -(-filters // groups) * groups  # the next multiple, so that groups are equal
        places = ["first", *["middle"] * (len(self.dilations) - 1), "last"]
        shared: dict[str, Any] = {"groups": groups, "num_classes": num_classes, "dropout": dropout, "dtype": self.dtype_policy}
        self.gated = [
            GatedBlock(
                maps,
                skip=2 * maps,
                kernel_size=3 if i else kernel_size,
                dilation=dilation,
                place=places[i],
                name=f"block_{i}",
                **shared,
            )
            for i, dilation in enumerate((1, *self.dilations))
        ]
        head: dict[str, Any] = {"channels": groups, "dtype": self.dtype_policy}
        self.head_layer = CausalConv2D(2 * maps, 1, name="head", **head)
        self.last = CausalConv2D(outputs, 1, name="outputs", **head)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] != self.channels:
            raise ValueError(f"Expected images with {self.channels} channels. Received: input_shape={input_shape}")
        shape: tuple[int | None, ...] = (None, None, None, self.channels)
        for block in self.gated:
            block.build(shape)
            shape = (None, None, None, block.filters)
        wide = (None, None, None, self.gated[0].skip)
        self.skip_bias = self.add_weight(name="skip_bias", shape=wide[-1:], initializer="zeros")
        self.head_layer.build(wide)
        self.last.build(wide)
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.outputs)

    def call(self, inputs: tf.Tensor, label: tf.Tensor | None = None, seeds: tf.Tensor | None = None) -> tf.Tensor:
        self._expect_label(label)
        v = h = 2.0 * inputs - 1.0
        units = []
        for i, block in enumerate(self.gated):
            v, h, m = block((v, h), label=label, seeds=None if seeds is None else random.row_keys(seeds, _DROPOUT, i))
            units.append(m)
        m = tf.concat(units, -1)
        skips = tf.concat(
            [block.kernels(m.dtype)["skip"] for block in self.gated], 0
        )  # the sum of the skip paths is one product
        total = tf.nn.conv2d(m, skips[None, None], 1, "VALID") + tf.cast(self.skip_bias, m.dtype)
        return tf.cast(self.last(tf.nn.relu(self.head_layer(tf.nn.relu(total)))), tf.float32)

    # ---- one position at a time: float32, time-major (width, batch, features) rows ----

    @property
    def _order(self) -> list[int]:
        """The 3x3 blocks in the order of their dilations: those of one dilation are read and written together."""
        return sorted(range(1, len(self.gated)), key=lambda i: self.gated[i].dilation)

    @property
    def _members(self) -> dict[int, list[int]]:
        return {d: [i for i in self._order if self.gated[i].dilation == d] for d in sorted(set(self.dilations))}

    def initial_state(self, batch: tf.Tensor, width: int, label: tf.Tensor | None = None) -> State:
        self._expect_label(label)
        rows = []
        for i, block in enumerate(self.gated):
            inputs = self.channels if i == 0 else block.filters
            pad = block.reach * block.dilation
            rows.append([tf.zeros((width + 2 * pad, batch, inputs))] * pad)
        biases = [block.class_biases(label, tf.float32) for block in self.gated] if label is not None else []
        return {"rows": rows, "classes": biases, **self._new_row(batch, width)}

    def _new_row(self, batch: tf.Tensor, width: int) -> State:
        """Makes the caches of what stands to the left, zero where nothing does, and room for what the rows above contribute."""
        filters, lefts = self.gated[0].filters, []
        for dilation, members in self._members.items():
            shape = (len(members), None, filters)
            left = tf.TensorArray(tf.float32, size=width + dilation, element_shape=shape, clear_after_read=False)
            for position in range(dilation):
                left = left.write(position, tf.zeros((len(members), batch, filters)))
            lefts.append(left)
        return {
            "first": tf.zeros((width, batch, 2 * filters)),
            "above": tf.zeros((width, len(self.dilations), batch, 2 * filters)),
            "lefts": lefts,
            "recent": tf.zeros((batch, self.gated[0].reach * self.channels)),
            "pixels": padded_row((batch, self.channels), width, self.gated[0].reach, (None, self.channels)),
        }

    def prepare_step(self) -> State:
        kernels = [block.kernels(tf.float32) for block in self.gated]
        return {
            "left": [tf.reshape(found["left"], (-1, 2 * self.gated[0].filters)) for found in kernels],
            "out": [found["out"] for found in kernels[:-1]],
            "skip": tf.concat([found["skip"] for found in kernels], 0),  # the sum of the skip paths is one product
            "head": [layer.step_weights() for layer in (self.head_layer, self.last)],
        }

    def start_row(self, state: State) -> State:
        width, batch = int(state["first"].shape[0]), tf.shape(state["recent"])[0]
        rows, above, v = [], [], None
        for i, block in enumerate(self.gated):
            kernels = block.kernels(tf.float32)
            seen = kept = state["rows"][i]
            if v is not None:  # the row itself is seen too, as it depends on rows above alone
                pad = block.reach * block.dilation
                seen = [*seen, tf.pad(v, [[pad, pad], [0, 0], [0, 0]])]
                kept = seen[1:]
            before, beside = state["classes"][i] if state["classes"] else (0.0, 0.0)
            a = row_product(seen[:: block.dilation], kernels["vertical"], block.dilation) + block.vertical_bias
            above.append(tf.tensordot(a, kernels["across"], 1) + (block.bias + beside))
            v = gate(a + before)
            rows.append(kept)
        fresh = {**self._new_row(batch, width), "first": above[0], "above": tf.stack([above[i] for i in self._order], 1)}
        return {**state, **fresh, "rows": rows}

    def step(self, x: tf.Tensor, state: State, column: tf.Tensor, prepared: State) -> tuple[tf.Tensor, State]:
        x = 2.0 * x - 1.0
        seen = tf.concat([state["recent"], x], -1) if self.ordered and self.channels > 1 else state["recent"]
        m = gate(tf.matmul(seen, prepared["left"][0]) + state["first"][column])
        h = tf.matmul(m, prepared["out"][0])
        left = [found for array in state["lefts"] for found in tf.unstack(array.read(column))]
        beside = dict(zip(self._order, zip(left, tf.unstack(state["above"][column]), strict=True), strict=True))
        inputs, units = [h], [m]
        for i in range(1, len(self.gated)):
            left, above = beside[i]
            m = gate(tf.matmul(tf.concat([left, h], -1), prepared["left"][i]) + above)
            units.append(m)
            if i < len(self.gated) - 1:
                h = h + tf.matmul(m, prepared["out"][i])
                inputs.append(h)
        lefts = [
            array.write(column + dilation, tf.stack([inputs[i - 1] for i in members]))
            for array, (dilation, members) in zip(state["lefts"], self._members.items(), strict=True)
        ]
        s = tf.matmul(tf.concat(units, -1), prepared["skip"]) + self.skip_bias
        for kernel, negative in prepared["head"]:
            s = tf.matmul(tf.nn.relu(s), kernel) - negative
        return s, {**state, "lefts": lefts}

    def commit(self, x: tf.Tensor, state: State, column: tf.Tensor) -> State:
        # no feature map has seen the last channel of its own pixel, so only the caches of the pixels themselves lack it
        x = 2.0 * x - 1.0
        recent = tf.concat([state["recent"][:, self.channels :], x], -1)
        return {**state, "recent": recent, "pixels": state["pixels"].write(column + self.gated[0].reach, x)}

    def end_row(self, state: State) -> State:
        rows = state["rows"]
        return {**state, "rows": [[*rows[0][1:], state["pixels"].stack()], *rows[1:]]}

    def get_config(self) -> dict[str, Any]:
        names = ("outputs", "channels", "ordered", "filters", "dilations", "kernel_size", "dropout", "num_classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
