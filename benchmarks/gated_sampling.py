"""Drawing 28x28 images from the Gated PixelCNN of the zoo's size: caches, against the plain network's pass and one pass per
pixel."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from benchmarks.baselines import copy_gated_weights, plain_gated_pixelcnn
from benchmarks.pixelcnn_sampling import NAIVE_POSITIONS, naive_seconds, pass_of
from tfgen.distributions import Likelihood, get_likelihood
from tfgen.models.autoregressive import raster

SIZE: dict[str, Any] = {"filters": 32, "blocks": 5, "dilations": (1, 2, 4, 8, 8)}


def measure(likelihood: Likelihood, rows: int, *, rounds: int) -> list[object]:
    """Measures one likelihood at one number of rows."""
    model = tfgen.GatedPixelCNN((28, 28, 1), likelihood=likelihood, **SIZE)
    outputs = model.likelihood.num_outputs(1)
    plain = plain_gated_pixelcnn(filters=SIZE["filters"], dilations=model.network.dilations, outputs=outputs)
    copy_gated_weights(model, plain)
    images = tf.random.stateless_uniform([rows, 28, 28, 1], [0, 2])
    seeds = tfgen.random.row_seeds(0, rows)
    sample = {"cached": lambda: model.sample(seed=seeds, batch_size=rows)}
    times = in_turns({"pass": pass_of(plain, images), **sample}, rounds=rounds)
    naive = naive_seconds(model, rows)
    few = min(rows, 2)
    zeros, uniforms = tf.zeros((few, 28, 28, 1)), tfgen.random.uniform(tf.constant(seeds[:few]), (28, 28, 1), stream=1)
    slow = tf.function(lambda: raster.naive(model.network, model._draw, zeros, zeros, uniforms, tf.ones((few,))))()
    equal = float(np.mean(model.sample(seed=seeds[:few]) == slow.numpy()))
    cached, one_pass = times["cached"] / 1e3, times["pass"] / 1e3
    return [
        type(likelihood).__name__, rows, f"{one_pass * 1e3:.0f} ms", f"{cached:.2f} s", f"{cached / one_pass:.2f}",
        f"{naive:.0f} s", f"{naive / cached:.0f}", f"{100 * equal:.2f} %",
    ]  # fmt: skip


def main() -> None:
    """Prints the table."""
    print("## Drawing from Gated PixelCNN, 28x28\n")
    print_machine()
    headers = [
        "likelihood", "rows", "plain float32 Keras pass", "cached sampling", "passes",
        f"one pass per pixel ({NAIVE_POSITIONS} positions, multiplied)", "times as fast", "pixels equal to one pass per pixel (2 rows)",
    ]  # fmt: skip
    quick = "--quick" in sys.argv
    settings = [("bernoulli", 1), ("bernoulli", 16), ("bernoulli", 100), ("discretized_logistic_mixture", 100)]
    chosen = settings[:1] if quick else settings
    print_table(headers, [measure(get_likelihood(name), rows, rounds=1 if quick else 5) for name, rows in chosen])


if __name__ == "__main__":
    main()
