"""The network of WaveNet, with its two faces: all times at once for training, one sample at a time with queues for sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.audio import mu_law_edges, mu_law_encode
from tfgen.layers import GatedBlock1D
from tfgen.layers.arguments import check_dilations
from tfgen.layers.causal_1d import later, product

__all__ = ["WaveNetNetwork"]

State = dict[str, Any]


def _inside_xla() -> bool:
    """Whether what is traced now is for XLA."""
    graph: Any = tf.compat.v1.get_default_graph()
    while graph is not None:
        context = graph._get_control_flow_context()
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False


def _written(queue: tf.Tensor, places: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Overwrites rows of a queue: in place, as a copy would cost the more the further the network sees.

    XLA has no such operation, and avoids the copy by itself.
    """
    if _inside_xla():
        return tf.tensor_scatter_nd_update(queue, places[:, None], values)
    return tf.raw_ops.InplaceUpdate(x=queue, i=places, v=values)


@keras.saving.register_keras_serializable("tfgen")
class WaveNetNetwork(keras.layers.Layer):
    """Gated blocks of dilated causal convolutions over a waveform, then ReLU, 1x1, ReLU, 1x1 on the sum of all skip paths.

    The outputs at time t see the samples before t, `receptive_field = 1 + sum(dilations)` of them, and nothing else: the input
    moves by one, zeros before the clip. With `codes` a sample enters as its mu-law code, one vector a code; otherwise as the
    value and its mu-law compression.

    Args:
      outputs: numbers for each sample.
      codes: number of mu-law codes of the input, 0 for the waveform itself.
      dilations: dilation of each block.
      filters: features of the residual path.
      gated: gated units of each block.
      skip: features of the skip path and of the head.
      conditions: features that the outputs are conditional on, of each time or of the whole clip, 0 for none.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import WaveNetNetwork
      >>> network = WaveNetNetwork(256, dilations=(1, 2, 4), filters=4, gated=4, skip=8)
      >>> network(tf.zeros((2, 30, 1))).shape, network.receptive_field
      (TensorShape([2, 30, 256]), 8)

    Reference: van den Oord et al., 2016, WaveNet, arXiv 1609.03499; Paine et al., 2016, Fast WaveNet generation algorithm,
    arXiv 1611.09482.
    """

    def __init__(
        self,
        outputs: int,
        *,
        codes: int = 256,
        dilations: Sequence[int] = (1, 2, 4, 8),
        filters: int = 32,
        gated: int = 32,
        skip: int = 64,
        conditions: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # a half-precision waveform would lose its low bits
        self.outputs, self.dilations = outputs, check_dilations(dilations)
        self.codes = codes = checks.integer(codes, "codes", least=0)
        if codes == 1:
            raise ValueError("`codes` must be 0 for the waveform itself, or at least 2. Received: codes=1")
        self.filters, self.gated, self.skip, self.conditions = filters, gated, skip, conditions
        count = len(self.dilations)
        self.gated_blocks = [
            GatedBlock1D(
                filters,
                gated=gated,
                skip=skip,
                dilation=dilation,
                conditions=conditions,
                last=i == count - 1,
                autocast=False,
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i, dilation in enumerate(self.dilations)
        ]

    @property
    def receptive_field(self) -> int:
        """How many samples before t the outputs at t depend on."""
        return 1 + sum(self.dilations)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] != 1:
            raise ValueError(f"Expected waveforms of one channel. Received: input_shape={input_shape}")
        scale = keras.initializers.RandomNormal(stddev=1.0 if self.codes else 0.5)
        self.embedding = self.add_weight(name="embedding", shape=(self.codes or 3, self.filters), initializer=scale)
        for block in self.gated_blocks:
            block.build((None, None, self.filters))
        self.skip_bias = self.add_weight(name="skip_bias", shape=(self.skip,), initializer="zeros")
        self.head = self.add_weight(name="head", shape=(self.skip, self.skip), initializer="he_uniform")
        self.head_bias = self.add_weight(name="head_bias", shape=(self.skip,), initializer="zeros")
        self.last = self.add_weight(name="outputs", shape=(self.skip, self.outputs))
        self.last_bias = self.add_weight(name="outputs_bias", shape=(self.outputs,), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.outputs)

    def _features(self, x: tf.Tensor) -> tf.Tensor:
        """Lays out the waveform, 1, and the waveform compressed, so that quiet sounds are told apart."""
        compressed = tf.sign(x) * tf.math.log1p(255.0 * tf.abs(x)) / np.log(256.0).astype(np.float32)
        return tf.concat([x, compressed, tf.ones_like(x)], -1)

    def call(self, inputs: tf.Tensor, conditions: tf.Tensor | None = None) -> tf.Tensor:
        dtype = tf.as_dtype(self.compute_dtype)
        x = tf.cast(inputs, tf.float32)
        if self.codes:  # a product, as the gradient of a lookup is a sparse one that replicas cannot add up
            x = tf.one_hot(mu_law_encode(x[..., 0], levels=self.codes), self.codes, dtype=dtype)
        else:
            x = tf.cast(self._features(x), dtype)
        h = later(product(x, self.embedding), 1)
        if conditions is not None and conditions.shape.rank == 2:
            conditions = conditions[:, None]
        units = []
        for block in self.gated_blocks:
            h, m = block(h, conditions=conditions)
            units.append(m)
        skips = tf.concat([tf.convert_to_tensor(block.skip_kernel) for block in self.gated_blocks], 0)
        s = tf.nn.relu(product(tf.concat(units, -1), skips) + tf.cast(self.skip_bias, dtype))
        s = tf.nn.relu(product(s, self.head) + tf.cast(self.head_bias, dtype))
        return tf.cast(product(s, self.last) + tf.cast(self.last_bias, dtype), tf.float32)

    # ---- one sample at a time: float32, queues of (dilation, batch, filters) one after the other in one tensor ----

    def initial_state(self, batch: tf.Tensor) -> State:
        """Makes the queues of an empty past; they are as long as the dilations, however long the clip.

        Args:
          batch: number of rows of the batch, a scalar.

        Returns:
          state: `queue`, overwritten in place by `step`; `past`, (blocks, batch, filters): what each block's past input is at the
            time that comes; `recent`, (batch, filters): what the last sample enters as.
        """
        # a stateful operation: zeros of a known shape would become a constant of the graph, which steps would write to
        shape = tf.stack([tf.constant(sum(self.dilations)), tf.cast(batch, tf.int32), tf.constant(self.filters)])
        return {
            "queue": tf.raw_ops.Empty(shape=shape, dtype=tf.float32, init=True),
            "past": tf.zeros((len(self.dilations), batch, self.filters)),
            "recent": tf.zeros((batch, self.filters)),
        }

    @property
    def _filling(self) -> int:
        """How many zeros make what stands beside a block's input a multiple of 64 bytes, so that it is unstacked without a copy."""
        return -(self.filters + 1 + self.conditions) % 16

    def beside(self, batch: tf.Tensor, conditions: tf.Tensor | None = None) -> tf.Tensor:
        """Lays out what each block's product takes beside the block's input, now and before.

        Args:
          batch: number of rows of the batch, a scalar.
          conditions: (batch, conditions) of one time, None without conditions.

        Returns:
          side: (blocks, batch, features): 1 for the bias, the conditions, zeros.
        """
        parts = [tf.ones((batch, 1)), *([] if conditions is None else [conditions]), tf.zeros((batch, self._filling))]
        return tf.repeat(tf.concat(parts, -1)[None], len(self.dilations), axis=0)

    def prepare_step(self) -> State:
        """Computes what every step needs and no step changes.

        Returns:
          prepared: kernels. Some are negated, and subtracted where others would be added: TensorFlow merges a small product
            with an addition into an operation that takes five times as long as the two.
        """
        blocks = self.gated_blocks
        starts = np.concatenate([[0], np.cumsum(self.dilations)[:-1]]).astype(np.int32)
        weights = {
            name: tf.cast(tf.convert_to_tensor(getattr(self, name)), tf.float32) for name in ("embedding", "head", "last")
        }
        return {
            **weights,
            "edges": tf.constant(mu_law_edges(self.codes or 2)),
            "starts": tf.constant(starts),
            "dilations": tf.constant(self.dilations, tf.int32),
            "kernels": [tf.pad(block.step_kernel(), [[0, self._filling], [0, 0]]) for block in blocks],
            "outs": [-tf.cast(tf.convert_to_tensor(block.out), tf.float32) for block in blocks[:-1]],
            "skip": tf.concat([tf.cast(tf.convert_to_tensor(block.skip_kernel), tf.float32) for block in blocks], 0),
            "biases": [-tf.cast(tf.convert_to_tensor(b), tf.float32) for b in (self.skip_bias, self.head_bias, self.last_bias)],
        }

    def step(self, state: State, time: tf.Tensor, prepared: State, side: tf.Tensor) -> tuple[tf.Tensor, State]:
        """Computes the outputs at one time from the queues.

        Args:
          state: the queues after the sample before.
          time: the sample's number, a scalar.
          prepared: what `prepare_step` returned.
          side: what `beside` returned.

        Returns:
          outputs: (batch, outputs) float32.
          state: that of the next time, but for `recent`, which `push` adds.
        """
        blocks, queue, past = len(self.dilations), state["queue"], state["past"]
        places = prepared["starts"] + time % prepared["dilations"]
        following = prepared["starts"] + (time + 1) % prepared["dilations"]
        h, inputs, units = state["recent"], [], []
        for i, before in enumerate(tf.unstack(tf.concat([past, side], -1), num=blocks)):
            inputs.append(h)
            if i == blocks - 1:
                # one thing after the other, here, where nothing else is ready: handing any of it to another thread takes
                # longer than doing it, and two such turns were a quarter of a step
                queue = _written(queue, places, tf.stack(inputs))
                past = tf.gather(queue, following)
                with tf.control_dependencies([past]):
                    queue, before = tf.identity(queue), tf.identity(before)
            features, gates = tf.split(tf.matmul(tf.concat([h, before], -1), prepared["kernels"][i]), 2, axis=-1)
            units.append(tf.tanh(features) * tf.sigmoid(gates))
            if i < len(prepared["outs"]):
                h = h - tf.matmul(units[-1], prepared["outs"][i])
        biases = prepared["biases"]
        s = tf.nn.relu(tf.matmul(tf.concat(units, -1), prepared["skip"]) - biases[0])
        s = tf.nn.relu(tf.matmul(s, prepared["head"]) - biases[1])
        return tf.matmul(s, prepared["last"]) - biases[2], {"queue": queue, "past": past}

    def push(self, x: tf.Tensor, state: State, prepared: State) -> State:
        """Lets the sample that was drawn, or observed, into the network.

        Args:
          x: (batch,) in [-1, 1].
          state: what `step` returned.
          prepared: what `prepare_step` returned.

        Returns:
          state: that of the next time.
        """
        if self.codes:  # as `mu_law_encode` does, in fewer operations
            code = tf.reduce_sum(tf.cast(prepared["edges"] <= x[:, None], tf.int32), -1)
            recent = tf.gather(prepared["embedding"], code)
        else:
            recent = tf.matmul(self._features(x[:, None]), prepared["embedding"])
        return {**state, "recent": recent}

    def get_config(self) -> dict[str, Any]:
        names = ("outputs", "codes", "dilations", "filters", "gated", "skip", "conditions")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
