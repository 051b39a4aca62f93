"""The network of PixelRNN, with its two faces: all positions at once for training, one at a time for sampling."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.layers import CausalConv2D, DiagonalBiLSTM, RowLSTM, lstm_cell
from tfgen.networks._pixel_rnn_rows import DiagonalLSTMRows, RowLSTMRows
from tfgen.networks.pixelcnn import CausalNetwork

__all__ = ["PixelRNNNetwork"]

State = dict[str, Any]
_CELLS: dict[str, tuple[Any, Any]] = {"row_lstm": (RowLSTM, RowLSTMRows), "diagonal_bilstm": (DiagonalBiLSTM, DiagonalLSTMRows)}


@keras.saving.register_keras_serializable("tfgen")
class PixelRNNNetwork(CausalNetwork):
    """A 7x7 mask-A convolution, then residual LSTM layers `x + U lstm(x)`, then {ReLU, 1x1} twice and the outputs.

    The hidden states have `filters` maps, the residual path twice as many. One position costs one cell a layer; what comes
    from the rows above is computed once a row for the whole row, with the Diagonal BiLSTM's scan from the right.

    Args:
      outputs: numbers per position, a multiple of `channels` where these are ordered.
      channels: colour channels of the image.
      ordered: whether the outputs of a channel see those before it in their own pixel; False for a likelihood that couples
        the channels itself.
      cell: "row_lstm" or "diagonal_bilstm".
      filters: maps of the hidden states.
      blocks: number of LSTM layers.
      kernel_size: size of the first, mask-A convolution.
      num_classes: number of classes, 0 for an unconditional network.

    Raises:
      ValueError: an argument is out of its range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.networks import PixelRNNNetwork
      >>> PixelRNNNetwork(1, cell="row_lstm", filters=4, blocks=1)(tf.zeros((2, 6, 5, 1))).shape
      TensorShape([2, 6, 5, 1])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(
        self,
        outputs: int,
        *,
        channels: int = 1,
        ordered: bool = True,
        cell: str = "row_lstm",
        filters: int = 32,
        blocks: int = 4,
        kernel_size: int = 7,
        num_classes: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs, self.channels, self.ordered, self.num_classes = outputs, channels, ordered, num_classes
        self.cell = checks.one_of(cell, "cell", tuple(_CELLS))
        self.filters = filters = checks.integer(filters, "filters", least=1)
        self.blocks = blocks = checks.integer(blocks, "blocks", least=1)
        self.kernel_size = kernel_size = checks.integer(kernel_size, "kernel_size", least=3)
        groups = channels if ordered else 1
        maps = -(-filters // groups) * groups  # the next multiple, so that groups are equal
        wide = 2 * maps
        shared: dict[str, Any] = {"channels": groups, "dtype": self.dtype_policy}
        layer, rows = _CELLS[cell]
        self.first = CausalConv2D(wide, kernel_size, mask="A", name="first", **shared)
        own: dict[str, Any] = {"groups": groups, "num_classes": num_classes, "dtype": self.dtype_policy}
        # the last pixel of a row is in none of the first convolution's maps of that row: the scan from the right reads pixels
        seen = [{"pixels": channels} if i == 0 and cell == "diagonal_bilstm" else {} for i in range(blocks)]
        self.cells = [layer(maps, name=f"cell_{i}", **own, **seen[i]) for i in range(blocks)]
        self.ups = [CausalConv2D(wide, 1, name=f"up_{i}", **shared) for i in range(blocks)]
        self.head_layers = [CausalConv2D(wide, 1, name=f"head_{i}", **shared) for i in range(2)]
        self.last = CausalConv2D(outputs, 1, name="outputs", **shared)
        self._rows = rows(self.cells)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if input_shape[-1] != self.channels:
            raise ValueError(f"Expected images with {self.channels} channels. Received: input_shape={input_shape}")
        self.first.build((None, None, None, self.channels))
        wide = (None, None, None, self.first.filters)
        for cell, up in zip(self.cells, self.ups, strict=True):
            cell.build(wide)
            up.build((None, None, None, cell.filters))
        for layer in (*self.head_layers, self.last):
            layer.build(wide)
            wide = layer.compute_output_shape(wide)
        self.built = True

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.outputs)

    def call(self, inputs: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        self._expect_label(label)
        x = 2.0 * inputs - 1.0
        pixels, x = (tf.transpose(t, (1, 2, 0, 3)) for t in (x, self.first(x)))  # rows first, as the scans go down
        for cell, up in zip(self.cells, self.ups, strict=True):
            x = x + up(cell(x, label=label, pixels=pixels) if getattr(cell, "pixels", 0) else cell(x, label=label))
        for layer in self.head_layers:
            x = layer(tf.nn.relu(x))
        return tf.cast(tf.transpose(self.last(tf.nn.relu(x)), (2, 0, 1, 3)), tf.float32)

    # ---- one position at a time: float32, time-major (width, layers, batch, features) rows ----

    def initial_state(self, batch: tf.Tensor, width: int, label: tf.Tensor | None = None) -> State:
        self._expect_label(label)
        return {"first": self.first.initial_state(batch, width), "row": self._rows.initial_state(batch, width, label)}

    def prepare_step(self) -> State:
        return {
            **self._rows.prepare_step(),
            "first": self.first.step_kernel(),
            "up": [layer.step_weights() for layer in self.ups],
            "head": [layer.step_weights() for layer in (*self.head_layers, self.last)],
        }

    def start_row(self, state: State) -> State:
        reach = self.first.reach
        above = state["first"]["rows"][-1][reach:-reach]  # without the zeros beside the image
        return {"first": self.first.start_row(state["first"]), "row": self._rows.start_row(state["row"], above)}

    def step(self, x: tf.Tensor, state: State, column: tf.Tensor, prepared: State) -> tuple[tf.Tensor, State]:
        x, first = self.first.step(2.0 * x - 1.0, state["first"], column, prepared["first"])
        gates, cells, beside = self._rows.ready(state["row"], column, prepared)
        inputs, hiddens, news = [], [], []
        for i, (kernel, negative) in enumerate(prepared["up"]):
            hidden, cell = lstm_cell(tf.matmul(x, prepared["own"][i]) + gates[i], cells[i])
            inputs.append(x)
            hiddens.append(hidden)
            news.append(cell)
            output = hidden if beside is None else hidden + beside[i]
            x = x + (tf.matmul(output, kernel) - negative)
        row = self._rows.written(state["row"], column, inputs, hiddens, news)
        for kernel, negative in prepared["head"]:
            x = tf.matmul(tf.nn.relu(x), kernel) - negative
        return x, {"first": first, "row": row}

    def commit(self, x: tf.Tensor, state: State, column: tf.Tensor) -> State:
        # mask A hides the last channel from every feature map of its own pixel, so only the input's cache lacks it
        return {**state, "first": self.first.write(2.0 * x - 1.0, state["first"], column)}

    def end_row(self, state: State) -> State:
        return {"first": self.first.end_row(state["first"]), "row": self._rows.end_row(state["row"])}

    def get_config(self) -> dict[str, Any]:
        names = ("outputs", "channels", "ordered", "cell", "filters", "blocks", "kernel_size", "num_classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
