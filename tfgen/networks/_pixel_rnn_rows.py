"""What PixelRNN's sampler keeps of the rows above and of the current one, for all layers together."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfgen.layers import DiagonalBiLSTM, RowLSTM, lstm_scan

__all__ = ["DiagonalLSTMRows", "RowLSTMRows"]

State = dict[str, Any]


class Rows(abc.ABC):
    """The states of a stack of LSTM layers while an image is drawn; all layers are read and written together.

    Rows are (width, layers, batch, features). A subclass says what a pixel writes, and what a new row makes of it.

    Args:
      layers: the LSTM layers, from the first to the last.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self._layers = tuple(layers)

    @property
    def _filters(self) -> int:
        return self._layers[0].filters

    @property
    def _inputs(self) -> int:
        return 2 * self._filters

    def _stacked(self, name: str, direction: int | None = None) -> tf.Tensor:
        kernels = [layer.kernels(tf.float32)[name] for layer in self._layers]
        return tf.stack(kernels if direction is None else [kernel[direction] for kernel in kernels])

    def _zeros(self, width: int | None, batch: Any, features: int) -> tf.Tensor:
        shape = (len(self._layers), batch, features)
        return tf.zeros(shape if width is None else (width, *shape))

    def _array(self, width: int, features: int) -> tf.TensorArray:
        shape = (len(self._layers), None, features)
        return tf.TensorArray(tf.float32, size=width, element_shape=shape)

    @staticmethod
    def _gates(state: State, column: tf.Tensor, prepared: State) -> list[tf.Tensor]:
        """Adds what stands to the left to what the row above contributes; layer by layer, as small batched products are slow."""
        above = tf.unstack(state["gates"][column])
        return [
            tf.matmul(x, kernel) + gates
            for x, kernel, gates in zip(tf.unstack(state["left"]), prepared["left"], above, strict=True)
        ]

    @staticmethod
    def _product(rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Multiplies (width, layers, batch, a) by each layer's (a, b)."""
        width, layers, _, inputs = rows.shape
        flat = tf.reshape(tf.transpose(rows, (1, 0, 2, 3)), (layers, -1, inputs))
        product = tf.reshape(tf.matmul(flat, kernel), (layers, width, -1, kernel.shape[-1]))
        return tf.transpose(product, (1, 0, 2, 3))

    @abc.abstractmethod
    def initial_state(self, batch: Any, width: int, label: tf.Tensor | None) -> State:
        """Makes the states of an empty image.

        Args:
          batch: number of rows of the batch, a scalar.
          width: width of the image, static.
          label: (batch,) integers, or None without classes.

        Returns:
          state: tensors.
        """

    @abc.abstractmethod
    def prepare_step(self) -> State:
        """Lays out the kernels of a step: "own" a list, one of each layer, "left" (layers, ...) of what stands to the left."""

    @abc.abstractmethod
    def start_row(self, state: State, pixels: tf.Tensor) -> State:
        """Computes what all rows above contribute to the gates of the row that begins.

        Args:
          state: the states, the row above filed.
          pixels: (width, batch, channels), the row above itself.

        Returns:
          state: the states of the row that begins.
        """

    @abc.abstractmethod
    def ready(self, state: State, column: tf.Tensor, prepared: State) -> tuple[list[Any], list[Any], list[Any] | None]:
        """Returns what each layer's cell at a position needs beside its own input.

        Args:
          state: the states of the current row.
          column: the position's column, a scalar.
          prepared: what `prepare_step` returned.

        Returns:
          gates: the gates without the position's own input, (batch, 4 * filters) for each layer.
          cells: the cells to go on from, (batch, filters) for each layer.
          beside: what is added to the hidden states, (batch, filters) for each layer, or None.
        """

    @abc.abstractmethod
    def written(self, state: State, column: tf.Tensor, inputs: list[Any], hidden: list[Any], cells: list[Any]) -> State:
        """Writes a position's tensors down, one of each layer.

        Args:
          state: the states of the current row.
          column: the position's column, a scalar.
          inputs: inputs of the layers.
          hidden: hidden states.
          cells: cells.

        Returns:
          state: the states for the next position.
        """

    @abc.abstractmethod
    def end_row(self, state: State) -> State:
        """Files the finished row.

        Args:
          state: the states after the last position of a row.

        Returns:
          state: the states, ready for `start_row`.
        """


class RowLSTMRows(Rows):
    """The states of Row LSTM layers: the sums over three states above are computed for the whole row when it begins.

    Args:
      layers: the layers.

    Example:
      >>> from tfgen.layers import RowLSTM
      >>> from tfgen.networks._pixel_rnn_rows import RowLSTMRows
      >>> layer = RowLSTM(4)
      >>> layer.build((None, None, None, 8))
      >>> RowLSTMRows([layer]).initial_state(2, 5, None)["hidden"].shape
      TensorShape([5, 1, 2, 4])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(self, layers: Sequence[RowLSTM]) -> None:
        super().__init__(layers)

    def initial_state(self, batch: Any, width: int, label: tf.Tensor | None) -> State:
        filters = self._filters
        biases = [tf.broadcast_to(layer.biases(label, tf.float32), (batch, 4 * filters)) for layer in self._layers]
        return {
            "biases": tf.stack(biases),
            "hidden": self._zeros(width, batch, filters),
            "cells": self._zeros(width, batch, filters),
            "gates": self._zeros(width, batch, 4 * filters),
            "left": self._zeros(None, batch, self._inputs),
            "written": self._array(width, 2 * filters),
        }

    def prepare_step(self) -> State:
        return {name: [layer.kernels(tf.float32)[name] for layer in self._layers] for name in ("own", "left")}

    def start_row(self, state: State, pixels: tf.Tensor) -> State:
        hidden, width = tf.pad(state["hidden"], [[1, 1], [0, 0], [0, 0], [0, 0]]), int(state["hidden"].shape[0])
        taps = tf.concat([hidden[s : s + width] for s in range(3)], -1)
        gates = self._product(taps, self._stacked("state")) + state["biases"]
        left, written = tf.zeros_like(state["left"]), self._array(width, 2 * self._filters)
        return {**state, "gates": gates, "left": left, "written": written}

    def ready(self, state: State, column: tf.Tensor, prepared: State) -> tuple[list[Any], list[Any], list[Any] | None]:
        return self._gates(state, column, prepared), tf.unstack(state["cells"][column]), None

    def written(self, state: State, column: tf.Tensor, inputs: list[Any], hidden: list[Any], cells: list[Any]) -> State:
        both = tf.concat([tf.stack(hidden), tf.stack(cells)], -1)
        return {**state, "left": tf.stack(inputs), "written": state["written"].write(column, both)}

    def end_row(self, state: State) -> State:
        hidden, cells = tf.split(state["written"].stack(), 2, axis=-1)
        return {**state, "hidden": hidden, "cells": cells}


class DiagonalLSTMRows(Rows):
    """The states of Diagonal BiLSTM layers: when a row begins, the scan from the right runs over the row above it.

    Args:
      layers: the layers.

    Example:
      >>> from tfgen.layers import DiagonalBiLSTM
      >>> from tfgen.networks._pixel_rnn_rows import DiagonalLSTMRows
      >>> layer = DiagonalBiLSTM(4)
      >>> layer.build((None, None, None, 8))
      >>> DiagonalLSTMRows([layer]).initial_state(2, 5, None)["beside"].shape
      TensorShape([5, 1, 2, 4])

    Reference: van den Oord, Kalchbrenner, Kavukcuoglu, 2016, Pixel recurrent neural networks, arXiv 1601.06759.
    """

    def __init__(self, layers: Sequence[DiagonalBiLSTM]) -> None:
        super().__init__(layers)

    def initial_state(self, batch: Any, width: int, label: tf.Tensor | None) -> State:
        filters = self._filters
        shape = (2, batch, 4 * filters)
        biases = [tf.broadcast_to(layer.biases(label, tf.float32), shape) for layer in self._layers]
        return {
            "biases": tf.stack(biases, 1),  # (2, layers, batch, 4 * filters)
            "row": tf.constant(0),
            "hidden": self._zeros(width, batch, filters),
            "inputs": self._zeros(width, batch, self._inputs),
            "beside": self._zeros(width, batch, filters),
            "gates": self._zeros(width, batch, 4 * filters),
            "left": self._zeros(None, batch, filters),
            "cells": self._zeros(None, batch, filters),
            "written": self._array(width, filters + self._inputs),
        }

    def prepare_step(self) -> State:
        names = {"own": "own", "left": "beside"}
        return {name: [layer.kernels(tf.float32)[kernel][0] for layer in self._layers] for name, kernel in names.items()}

    def start_row(self, state: State, pixels: tf.Tensor) -> State:
        gates = self._product(state["hidden"], self._stacked("above", 0)) + state["biases"][0]
        # nothing above the first row, not even the states that biases alone would make
        beside = self._from_the_right(state, pixels) * tf.cast(state["row"] > 0, tf.float32)
        left, cells = tf.zeros_like(state["left"]), tf.zeros_like(state["cells"])
        width = int(state["hidden"].shape[0])
        written = self._array(width, self._filters + self._inputs)
        fresh = {"gates": gates, "beside": beside, "left": left, "cells": cells, "written": written}
        return {**state, **fresh, "row": state["row"] + 1}

    def _from_the_right(self, state: State, pixels: tf.Tensor) -> tf.Tensor:
        """Scans the row above for all layers at once, from its end; `beside` holds the row above that one."""
        kernel = tf.concat([self._stacked("own", 1), self._stacked("above", 1)], 1)
        gates = self._product(tf.concat([state["inputs"], state["beside"]], -1), kernel) + state["biases"][1]
        if self._layers[0].pixels:
            first = self._layers[0].from_pixels(pixels)[:, None]
            gates = gates + tf.pad(first, [[0, 0], [0, len(self._layers) - 1], [0, 0], [0, 0]])
        hidden = lstm_scan(tf.reverse(gates, [0])[:, :, None], self._stacked("beside", 1))
        return tf.reverse(hidden[:, :, 0], [0])

    def ready(self, state: State, column: tf.Tensor, prepared: State) -> tuple[list[Any], list[Any], list[Any] | None]:
        return self._gates(state, column, prepared), tf.unstack(state["cells"]), tf.unstack(state["beside"][column])

    def written(self, state: State, column: tf.Tensor, inputs: list[Any], hidden: list[Any], cells: list[Any]) -> State:
        left = tf.stack(hidden)
        both = tf.concat([left, tf.stack(inputs)], -1)
        return {**state, "left": left, "cells": tf.stack(cells), "written": state["written"].write(column, both)}

    def end_row(self, state: State) -> State:
        hidden, inputs = tf.split(state["written"].stack(), [self._filters, self._inputs], axis=-1)
        return {**state, "hidden": hidden, "inputs": inputs}
