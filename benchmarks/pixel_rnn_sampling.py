"""Drawing images of 28x28 from PixelRNN, both cells: against its own `log_prob` and an empty loop of as many cell steps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from tfgen.layers import lstm_cell
from tfgen.models.autoregressive import raster

SIDE = 28
# the sizes of the zoo's recipes
SIZES: dict[str, dict[str, int]] = {
    "row_lstm": {"filters": 32, "blocks": 4, "kernel_size": 29},
    "diagonal_bilstm": {"filters": 16, "blocks": 4},
}


def cells_alone(model: tfgen.PixelRNN, rows: int) -> Callable[[], Any]:
    """Returns a loop over 784 pixels that computes each layer's cell and the two products around it, and nothing else."""
    filters, scans = model.filters, 2 if model.cell == "diagonal_bilstm" else 1
    down, up = tf.zeros((2 * filters, 4 * filters)), tf.zeros((filters, 2 * filters))

    def body(pixel: tf.Tensor, x: tf.Tensor, cells: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        new = []
        for cell in tf.unstack(cells):
            hidden, cell = lstm_cell(tf.matmul(x, down), cell)
            x = x + tf.matmul(hidden, up)
            new.append(cell)
        return pixel + 1, x, tf.stack(new)

    @tf.function(autograph=False)
    def loop(x: tf.Tensor) -> tf.Tensor:
        start = (tf.constant(0), x, tf.zeros((scans * model.blocks, rows, filters)))
        return tf.while_loop(lambda pixel, *_: pixel < SIDE * SIDE, body, start, maximum_iterations=SIDE * SIDE)[1]

    return lambda: loop(tf.zeros((rows, 2 * filters))).numpy()


def equal_to_naive(model: tfgen.PixelRNN) -> float:
    """Compares two images with those of one pass per pixel, of a smaller image, as a pass here is a long scan."""
    sizes = {name: getattr(model, name) for name in ("filters", "blocks", "kernel_size")}
    small = tfgen.PixelRNN((8, 8, 1), cell=model.cell, **sizes)
    seeds = tfgen.random.row_seeds(0, 2)
    uniforms = tfgen.random.uniform(tf.constant(seeds), (8, 8, 1), stream=1)
    zeros = tf.zeros((2, 8, 8, 1))
    slow = tf.function(lambda: raster.naive(small.network, small._draw, zeros, zeros, uniforms, tf.ones((2,))))()
    return float(np.mean(small.sample(seed=seeds) == slow.numpy()))


def measure(cell: str, model: tfgen.PixelRNN, rows: int, rounds: int, equal: float) -> list[object]:
    """Measures one model at one number of rows."""
    images = tf.cast(tf.random.stateless_uniform([rows, SIDE, SIDE, 1], [0, 2]) < 0.3, tf.float32).numpy()
    seeds = tfgen.random.row_seeds(0, rows)
    contestants: dict[str, Callable[[], Any]] = {
        "log_prob": lambda: model.log_prob(images, batch_size=rows),
        "cells": cells_alone(model, rows),
        "sample": lambda: model.sample(seed=seeds, batch_size=rows),
    }
    times = in_turns(contestants, rounds=rounds)
    sample = times["sample"]
    return [
        cell, f"{model.blocks} of {model.filters}", rows, *(f"{times[key]:.0f} ms" for key in contestants),
        f"{sample / times['log_prob']:.2f}", f"{sample / times['cells']:.2f}", f"{100 * equal:.2f} %",
    ]  # fmt: skip


def main(rounds: int = 7) -> None:
    """Prints the table."""
    print("## Drawing from PixelRNN, 28x28\n")
    print_machine()
    headers = [
        "cell", "layers", "rows", "its own float32 `log_prob`", "loop of as many cells", "sample", "passes", "loops of cells",
        "pixels equal to one pass per pixel (8x8, 2 rows)",
    ]  # fmt: skip
    rows = []
    for cell, sizes in SIZES.items():
        model = tfgen.PixelRNN((SIDE, SIDE, 1), cell=cell, **sizes)  # type: ignore[arg-type]
        equal = equal_to_naive(model)
        rows += [measure(cell, model, count, rounds, equal) for count in (1, 16, 100)]
    print_table(headers, rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
