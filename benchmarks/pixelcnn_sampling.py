"""Drawing 100 images of 28x28 from the 128-channel PixelCNN: caches, against the plain network's pass and one pass per
pixel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from benchmarks.baselines import copy_weights, plain_pixelcnn
from tfgen.models.autoregressive import raster

ROWS = 100
NAIVE_POSITIONS = 20
PIXELS = 28 * 28


def pass_of(plain: tf.Module, images: tf.Tensor) -> Callable[[], None]:
    """Returns one parallel pass of a plain Keras network as a graph, masks multiplied once: the least it can cost."""
    function = tf.function(lambda x: plain(x, training=False))

    def run() -> None:
        function(images).numpy()

    return run


def naive_seconds(model: Any, rows: int) -> float:
    """Times the in-graph loop of one pass per pixel over a few positions, and multiplies."""
    uniforms = tf.random.stateless_uniform([rows, 28, 28, 1], [0, 1])

    @tf.function(autograph=False)
    def few() -> tf.Tensor:
        def body(position: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            row, column = position // 28, position % 28
            here = tf.reshape(tf.one_hot(position, PIXELS), (1, 28, 28, 1))
            outputs = model.averaged_network(x, training=False)[:, row, column]
            value = model._draw(outputs, 0, x[:, row, column], uniforms[:, row, column, 0], tf.ones((rows,)))
            return position + 1, x * (1 - here) + value[:, None, None, None] * here

        return tf.while_loop(lambda p, _: p < NAIVE_POSITIONS, body, (tf.constant(0), tf.zeros((rows, 28, 28, 1))))[1]

    few()
    start = time.perf_counter()
    few().numpy()
    return (time.perf_counter() - start) / NAIVE_POSITIONS * PIXELS


def measure(likelihood: str, rows: int) -> list[object]:
    """Measures one network at one number of rows."""
    model = tfgen.PixelCNN((28, 28, 1), likelihood=likelihood, filters=64, blocks=5, kernel_size=7, head=128)
    plain = plain_pixelcnn(outputs=model.likelihood.num_parameters)
    copy_weights(model, plain)
    images = tf.random.stateless_uniform([rows, 28, 28, 1], [0, 2])
    seeds = tfgen.random.row_seeds(0, rows)
    times = in_turns({"pass": pass_of(plain, images), "cached": lambda: model.sample(seed=seeds, batch_size=rows)}, rounds=5)
    naive = naive_seconds(model, rows)
    drawn = model.sample(seed=seeds[:2])
    zeros = tf.zeros((2, 28, 28, 1))
    uniforms = tfgen.random.uniform(tf.constant(seeds[:2]), (28, 28, 1), stream=1)
    slow = tf.function(lambda: raster.naive(model.network, model._draw, zeros, zeros, uniforms, tf.ones((2,))))()
    equal = float(np.mean(drawn == slow.numpy()))
    cached, one_pass = times["cached"] / 1e3, times["pass"] / 1e3
    return [
        likelihood, rows, f"{one_pass * 1e3:.0f} ms", f"{cached:.2f} s", f"{cached / one_pass:.2f}",
        f"{naive:.0f} s", f"{naive / cached:.0f}", f"{100 * equal:.2f} %",
    ]  # fmt: skip


def main() -> None:
    """Prints the table."""
    print("## Drawing from the PixelCNN of the Keras examples, 28x28\n")
    print_machine()
    headers = [
        "likelihood", "rows", "plain float32 Keras pass", "cached sampling", "passes",
        f"one pass per pixel ({NAIVE_POSITIONS} positions, multiplied)", "times as fast", "pixels equal to one pass per pixel (2 rows)",
    ]  # fmt: skip
    settings = [("bernoulli", 1), ("bernoulli", 16), ("bernoulli", ROWS), ("categorical", ROWS)]
    print_table(headers, [measure(likelihood, rows) for likelihood, rows in settings])


if __name__ == "__main__":
    main()
