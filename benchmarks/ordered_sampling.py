"""Drawing images of 28x28 from FVBN, NADE and MADE: block by block, against an empty loop, plain passes, one pass per pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from tfgen.models.autoregressive import ordered

PIXELS = 28 * 28
STEPS = 200  # of training before: how long a block takes depends on how much its pixels depend on each other

MODELS: dict[str, Callable[[], Any]] = {
    "FVBN": lambda: tfgen.FVBN(),
    "NADE, 500 units": lambda: tfgen.NADE(hidden=500),
    "MADE, 900 units, direct": lambda: tfgen.MADE(hidden=(900,)),
    "MADE, 900 units, direct, random order": lambda: tfgen.MADE(hidden=(900,), ordering="random"),
    "MADE, 700 and 700 units": lambda: tfgen.MADE(hidden=(700, 700), direct=False),
}


def plain_network(model: Any) -> keras.Model:
    """Builds the network as plain Keras layers, with random weights: dense ones without masks, or a cumulative sum for NADE."""
    x = keras.layers.Flatten()(keras.Input((28, 28, 1)))
    inputs = x
    if isinstance(model, tfgen.NADE):
        outputs = PlainNADE(model.hidden)(x)
    else:
        for units in getattr(model, "hidden", ()):
            x = keras.layers.Dense(units, activation="relu")(x)
        outputs = keras.layers.Dense(PIXELS)(x)
        if getattr(model, "direct", False):
            outputs = keras.layers.Add()([outputs, keras.layers.Dense(PIXELS)(inputs)])
    return keras.Model(inputs, outputs)


class PlainNADE(keras.layers.Layer):
    """NADE with one cumulative sum over all pixels."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(PIXELS, self.hidden))
        self.output_kernel = self.add_weight(name="output_kernel", shape=(PIXELS, self.hidden))
        self.bias = self.add_weight(name="bias", shape=(self.hidden,))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        sums = tf.cumsum(x[..., None] * self.kernel, axis=1, exclusive=True) + self.bias
        return tf.einsum("bdh,dh->bd", tf.sigmoid(sums), tf.convert_to_tensor(self.output_kernel))


@tf.function(autograph=False)
def empty_loop(start: tf.Tensor) -> tf.Tensor:
    """Counts to 784."""
    return tf.while_loop(lambda i: i < PIXELS, lambda i: (i + 1,), (start,), maximum_iterations=PIXELS)[0]


@tf.function(autograph=False)
def reading_loop(uniforms: tf.Tensor) -> tf.Tensor:
    """Reads one uniform a row in each of 784 steps and writes it down: what any loop over pixels does."""
    output = tf.TensorArray(tf.float32, size=PIXELS, element_shape=(None,))
    loop = (tf.constant(0), output)
    step = lambda i, written: (i + 1, written.write(i, uniforms[i]))  # noqa: E731
    return tf.while_loop(lambda i, _: i < PIXELS, step, loop, maximum_iterations=PIXELS)[1].stack()


def trained(name: str) -> Any:
    """Trains a model for a few seconds on the bundled images."""
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    data = tfgen.data.load("fashion_mnist_small", "train", view="binarized", batch_size=100).repeat()
    model.compile(optimizer=keras.optimizers.Adam(2e-3))
    model.fit(data, steps_per_epoch=STEPS if not isinstance(model, tfgen.NADE) else STEPS // 4, verbose=0)
    return model


def equal_to_naive(model: Any) -> float:
    """Compares two images with those of one pass per pixel."""
    seeds = tfgen.random.row_seeds(0, 2)
    uniforms = tfgen.random.uniform(tf.constant(seeds), (28, 28, 1), stream=1)
    draw = model.draw_value
    slow = tf.function(lambda u: ordered.naive(model.network, draw, None, None, u, tf.ones((2,))))(uniforms)
    return float(np.mean(model.sample(seed=seeds) == slow.numpy()))


def measure(name: str, model: Any, rows: int, equal: float) -> list[object]:
    """Measures one model at one number of rows."""
    plain = plain_network(model)
    forward = tf.function(lambda x: plain(x, training=False))
    images = tf.cast(tf.random.stateless_uniform([rows, 28, 28, 1], [0, 2]) < 0.3, tf.float32)
    flat = tf.reshape(images, (rows, PIXELS))
    seeds, uniforms = tfgen.random.row_seeds(0, rows), tf.transpose(flat)
    contestants: dict[str, Callable[[], Any]] = {
        "empty": lambda: empty_loop(tf.constant(0)).numpy(),
        "reading": lambda: reading_loop(uniforms).numpy(),
        "pass": lambda: forward(flat).numpy(),
        "ours": lambda: model.log_prob(images, batch_size=rows),
        "sample": lambda: model.sample(seed=seeds, batch_size=rows),
    }
    times = in_turns(contestants, rounds=15)
    sample, one_pass = times["sample"], times["pass"]
    return [
        name, rows, *(f"{times[key]:.1f} ms" for key in contestants), f"{sample / times['empty']:.1f}", f"{sample / times['reading']:.1f}",
        f"{sample / one_pass:.1f}", f"{PIXELS * one_pass / sample:.0f}", f"{100 * equal:.2f} %",
    ]  # fmt: skip


def main() -> None:
    """Prints the table."""
    print("## Drawing from FVBN, NADE and MADE, 28x28\n")
    print_machine()
    headers = [
        "model", "rows", "empty loop of 784 steps", "loop that reads and writes a value", "plain float32 Keras pass", "our `log_prob`",
        "sample", "empty loops", "reading loops", "passes", "times as fast as 784 passes", "pixels equal to one pass per pixel (2 rows)",
    ]  # fmt: skip
    rows = []
    for name in MODELS:
        model = trained(name)
        equal = equal_to_naive(model)
        rows += [measure(name, model, count, equal) for count in (1, 16, 100)]
    print_table(headers, rows)


if __name__ == "__main__":
    main()
