"""One training step of the Gated PixelCNN of the zoo's size, batch 64, against the plain Keras network."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import keras  # isort: skip
import numpy as np  # isort: skip

import tfgen
from benchmarks.baselines import plain_gated_pixelcnn
from benchmarks.gated_sampling import SIZE
from benchmarks.pixelcnn_step import stepper
from tfgen.precision import fastest_policy


def plain_script() -> keras.Model:
    """Builds the plain Keras network, compiled."""
    dilations = [SIZE["dilations"][i % len(SIZE["dilations"])] for i in range(SIZE["blocks"])]
    model = plain_gated_pixelcnn(filters=SIZE["filters"], dilations=dilations)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def ours(policy: str, **arguments: Any) -> tfgen.GatedPixelCNN:
    """Builds the same network as a `tfgen.GatedPixelCNN`."""
    model = tfgen.GatedPixelCNN((28, 28, 1), dtype=policy, **SIZE, **arguments)
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def main() -> None:
    """Prints the table."""
    policy = fastest_policy()
    print("## Gated PixelCNN: one training step, batch 64\n")
    print_machine()
    images = (np.random.default_rng(0).random((640, 28, 28, 1)) < 0.5).astype(np.float32)
    contestants = {"plain Keras, float32": plain_script(), "tfgen.GatedPixelCNN, float32": ours("float32")}
    if policy != "float32":
        contestants[f"tfgen.GatedPixelCNN, precision auto: {policy}"] = ours(policy)
        contestants["the same, dropout 0.25"] = ours(policy, dropout=0.25)
    steppers = {name: stepper(model, images) for name, model in contestants.items()}
    times = in_turns(steppers, rounds=1 if "--quick" in sys.argv else 10)
    baseline = next(iter(times.values()))
    print_table(["step", "ms", "times as fast"], [[name, time, f"{baseline / time:.2f}"] for name, time in times.items()])


if __name__ == "__main__":
    main()
