"""Drawing 28x28 images from PixelCNN, of the Keras examples' size and of the zoo's: caches, against the plain network's pass and
one pass per pixel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from benchmarks.baselines import copy_weights, plain_pixelcnn
from tfgen.models.autoregressive import raster

NAIVE_POSITIONS = 20
PIXELS = 28 * 28
HEADERS = [
    "network", "likelihood", "rows", "plain float32 Keras pass", "cached sampling", "passes",
    f"one pass per pixel ({NAIVE_POSITIONS} positions, multiplied)", "times as fast", "pixels equal to one pass per pixel (2 rows)",
]  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "of the Keras examples": {"filters": 64, "blocks": 5, "dilations": (1,), "head": 128},
    "of the zoo": {"filters": 32, "blocks": 12, "dilations": (1, 2, 1, 4)},
}


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
            value = model.draw_channel(outputs, 0, x[:, row, column], uniforms[:, row, column, 0], tf.ones((rows,)))
            return position + 1, x * (1 - here) + value[:, None, None, None] * here

        return tf.while_loop(lambda p, _: p < NAIVE_POSITIONS, body, (tf.constant(0), tf.zeros((rows, 28, 28, 1))))[1]

    few()
    start = time.perf_counter()
    few().numpy()
    return (time.perf_counter() - start) / NAIVE_POSITIONS * PIXELS


def plain_of(size: dict[str, Any], outputs: int = 1) -> keras.Model:
    """Builds the plain Keras network of one of the sizes."""
    return plain_pixelcnn(filters=2 * size["filters"], num_blocks=size["blocks"], dilations=size["dilations"], outputs=outputs)


def compare(network: str, model: Any, plain: keras.Model, rows: int, *, rounds: int) -> list[object]:
    """Measures a model against the plain network of the same weights, at one number of rows."""
    images = tf.random.stateless_uniform([rows, 28, 28, 1], [0, 2])
    seeds = tfgen.random.row_seeds(0, rows)
    sample = {"cached": lambda: model.sample(seed=seeds, batch_size=rows)}
    times = in_turns({"pass": pass_of(plain, images), **sample}, rounds=rounds)
    naive = naive_seconds(model, rows)
    few = min(rows, 2)
    zeros, uniforms = tf.zeros((few, 28, 28, 1)), tfgen.random.uniform(tf.constant(seeds[:few]), (28, 28, 1), stream=1)
    slow = tf.function(lambda: raster.naive(model.network, model.draw_channel, zeros, zeros, uniforms, tf.ones((few,))))()
    equal = float(np.mean(model.sample(seed=seeds[:few]) == slow.numpy()))
    cached, one_pass = times["cached"] / 1e3, times["pass"] / 1e3
    return [
        network, type(model.likelihood).__name__, rows, f"{one_pass * 1e3:.0f} ms", f"{cached:.2f} s", f"{cached / one_pass:.2f}",
        f"{naive:.0f} s", f"{naive / cached:.0f}", f"{100 * equal:.2f} %",
    ]  # fmt: skip


def measure(network: str, likelihood: str, rows: int, *, rounds: int) -> list[object]:
    """Measures one size at one number of rows."""
    size = SIZES[network]
    model = tfgen.PixelCNN((28, 28, 1), likelihood=likelihood, **size)
    plain = plain_of(size, model.likelihood.num_outputs(1))
    copy_weights(model, plain)
    return compare(network, model, plain, rows, rounds=rounds)


def main() -> None:
    """Prints the table."""
    print("## Drawing from PixelCNN, 28x28\n")
    print_machine()
    example, zoo = SIZES
    mixture = "discretized_logistic_mixture"
    settings = [
        *((size, "bernoulli", rows) for size in SIZES for rows in (1, 16, 100)),
        (example, "categorical", 100),
        (zoo, mixture, 100),
    ]
    quick = "--quick" in sys.argv
    print_table(HEADERS, [measure(*setting, rounds=1 if quick else 5) for setting in settings[: 1 if quick else None]])


if __name__ == "__main__":
    main()
