"""One training step of the WaveNet of the zoo, 8 windows of 4096 samples, against the plain Keras network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from benchmarks.baselines import plain_wavenet
from tfgen.audio import mu_law_decode
from tfgen.precision import fastest_policy

LENGTH, BATCH = 4096, 8
SIZE: dict[str, Any] = {"filters": 32, "skip": 128}
DILATIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def plain_script() -> keras.Model:
    """Builds the plain Keras network, compiled."""
    model = plain_wavenet(dilations=2 * DILATIONS, **SIZE)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def ours(policy: str) -> tfgen.WaveNet:
    """Builds the same network as a `tfgen.WaveNet`."""
    model = tfgen.WaveNet(LENGTH, dilations=DILATIONS, blocks=2, dtype=policy, **SIZE)
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def batches(coded: bool) -> Iterator[Any]:
    """Yields batches of random codes without end: as integers with their own targets, or as the waveforms they stand for."""
    codes = np.random.default_rng(0).integers(0, 256, (BATCH, LENGTH)).astype(np.int32)
    waves = mu_law_decode(tf.constant(codes), levels=256)[..., None]
    data = tf.data.Dataset.from_tensors((codes, codes) if coded else waves)
    return iter(data.repeat())


def stepper(model: keras.Model) -> Callable[[], None]:
    """Returns a function that makes one step exactly as `fit` does, and waits for it."""
    model.make_train_function()
    data = batches(not isinstance(model, tfgen.WaveNet))

    def step() -> None:
        float(model.train_function(data)["loss"])

    return step


def main() -> None:
    """Prints the table."""
    policy = fastest_policy()
    print(f"## WaveNet of the zoo: one training step, {BATCH} windows of {LENGTH}\n")
    print_machine()
    contestants = {"plain Keras, float32": plain_script(), "tfgen.WaveNet, float32": ours("float32")}
    if policy != "float32":
        contestants[f"tfgen.WaveNet, precision auto: {policy}"] = ours(policy)
    parameters = {name: model.count_params() for name, model in contestants.items()}
    print(f"Weights: {parameters}\n")
    steppers = {name: stepper(model) for name, model in contestants.items()}
    times = in_turns(steppers, rounds=1 if "--quick" in sys.argv else 10)
    baseline = next(iter(times.values()))
    print_table(["step", "ms", "times as fast"], [[name, time, f"{baseline / time:.2f}"] for name, time in times.items()])


if __name__ == "__main__":
    main()
