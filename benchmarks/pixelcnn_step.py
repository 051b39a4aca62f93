"""One training step of PixelCNN, of the Keras examples' size and of the zoo's, batch 64; and nats after as many steps on real
images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from benchmarks.baselines import copy_weights, keras_example_pixelcnn
from benchmarks.pixelcnn_sampling import SIZES, plain_of
from tfgen.precision import fastest_policy

BATCH_SIZE = 64
STEPS = 400
EXAMPLE, ZOO = SIZES.values()


def plain_script(size: dict[str, Any] | None) -> keras.Model:
    """Builds a plain Keras model compiled as the example compiles its own; None for the example to the letter."""
    model = plain_of(size) if size else keras_example_pixelcnn()
    model.compile(optimizer=keras.optimizers.Adam(5e-4), loss=keras.losses.BinaryCrossentropy(from_logits=size is not None))
    return model


def ours(policy: str, size: dict[str, Any]) -> tfgen.PixelCNN:
    """Builds the same network as a `tfgen.PixelCNN`."""
    model = tfgen.PixelCNN((28, 28, 1), dtype=policy, **size)
    model.compile(keras.optimizers.Adam(5e-4))
    return model


def binary_batches(images: np.ndarray, with_targets: bool) -> Any:
    """Repeats batches of binary images; the plain script wants them as targets too."""
    data = tf.data.Dataset.from_tensor_slices(images).batch(BATCH_SIZE, drop_remainder=True).repeat().prefetch(2)
    return data.map(lambda x: (x, x)) if with_targets else data


def stepper(model: keras.Model, images: np.ndarray) -> Callable[[], None]:
    """Returns a function that makes one step exactly as `fit` does, and waits for it."""
    model.make_train_function()
    batches = iter(binary_batches(images, not isinstance(model, tfgen.AutoregressiveModel)))

    def step() -> None:
        float(model.train_function(batches)["loss"])

    return step


def nats(model: keras.Model, images: np.ndarray) -> float:
    """Measures the mean negative log-probability of images, in nats."""
    if isinstance(model, tfgen.PixelCNN):
        return -float(model.log_prob(images).mean())
    logits = model.predict(images, batch_size=100, verbose=0)
    return float(tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(images, logits), axis=[1, 2, 3]).numpy().mean())


def compare_nats(policy: str) -> None:
    """Trains both forms from the same weights, as many steps on the same batches; prints their nats on images neither has seen."""
    images = tfgen.data.binarize(*_pixels("train"))
    held_out = tfgen.data.binarize(*_pixels("test"))
    rows = []
    for name, build in (
        ("plain Keras, float32", lambda: plain_script(EXAMPLE)),
        (f"tfgen.PixelCNN, {policy}", lambda: ours(policy, EXAMPLE)),
    ):
        keras.utils.set_random_seed(0)
        start = ours(policy, EXAMPLE)
        model = build()
        if isinstance(model, tfgen.PixelCNN):
            model.set_weights(start.get_weights())
        else:
            copy_weights(start, model)
        model.fit(
            binary_batches(images, not isinstance(model, tfgen.PixelCNN)),
            steps_per_epoch=STEPS,
            epochs=1,
            shuffle=False,
            verbose=0,
        )
        rows.append([name, STEPS, f"{nats(model, held_out):.2f}"])
    print_table(["network", "steps", "nats on the bundled test images, binarized"], rows)


def _pixels(split: str) -> tuple[np.ndarray, np.ndarray]:
    pixels = tfgen.data.arrays("fashion_mnist_small", split)[0] / np.float32(255)
    return pixels, tfgen.random.row_seeds(0, len(pixels))


def time_steps(title: str, contestants: dict[str, keras.Model], images: np.ndarray) -> None:
    """Prints the table of one size."""
    print(f"## {title}: one training step, batch {BATCH_SIZE}\n")
    print_machine()
    times = in_turns({name: stepper(model, images) for name, model in contestants.items()}, rounds=10)
    baseline = next(iter(times.values()))
    print_table(["step", "ms", "times as fast"], [[name, time, f"{baseline / time:.2f}"] for name, time in times.items()])


def main() -> None:
    """Prints the tables."""
    policy = fastest_policy()
    images = np.asarray(tfgen.data.binarize(*_pixels("train")))
    for title, size in (("PixelCNN of the Keras examples", EXAMPLE), ("PixelCNN of the zoo", ZOO)):
        contestants = {"plain Keras, float32 (activations first, as in the paper)": plain_script(size)}
        if size is EXAMPLE:
            contestants["plain Keras, float32 (the example to the letter)"] = plain_script(None)
        contestants["tfgen.PixelCNN, float32"] = ours("float32", size)
        if policy != "float32":
            contestants[f"tfgen.PixelCNN, precision auto: {policy}"] = ours(policy, size)
        time_steps(title, contestants, images)
    if "--no-nats" not in sys.argv:
        compare_nats(policy)


if __name__ == "__main__":
    main()
