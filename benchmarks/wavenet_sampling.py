"""Drawing one second of 8 kHz sound from WaveNet: with queues, from the SavedModel, against an empty loop and naive passes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table  # first: sets TensorFlow's log level

import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from tfgen.models.autoregressive import stream

SECOND = 8000
NAIVE_STEPS = 20
MODELS: dict[str, dict[str, Any]] = {
    "10 blocks, sees 1024": {"blocks": 1},
    "20 blocks, sees 2047": {"blocks": 2},
    "20 blocks, sees 21": {"blocks": 20, "dilations": (1,)},
    "30 blocks, sees 3070": {"blocks": 3},
}


@tf.function(autograph=False)
def empty_loop(start: tf.Tensor) -> tf.Tensor:
    """Counts to 8000."""
    return tf.while_loop(lambda i: i < SECOND, lambda i: (i + 1,), (start,), maximum_iterations=SECOND)[0]


def processor_seconds(run: Callable[[], Any]) -> float:
    """The least processor time of three calls, over all threads: what a busy machine does not change much."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def served(model: Any, directory: str) -> Callable[[int], Any]:
    """Exports a model and loads it again."""
    tfgen.export.saved_model(model, directory)
    loaded = tf.saved_model.load(str(next(Path(directory).glob("[0-9]*"))))
    signature = loaded.signatures["sample"]
    found = lambda rows: signature(seed=tf.constant(tfgen.random.row_seeds(0, rows)))["audio"].numpy()  # noqa: E731
    found.loaded = loaded  # type: ignore[attr-defined]  # signatures do not keep their model alive
    return found


def naive_seconds(model: Any, rows: int) -> float:
    """Seconds of one pass of the whole network for each of a few samples of a full window, times 8000."""
    window = tf.zeros((rows, model.receptive_field, 1))
    run = tf.function(lambda x: model.network(x))
    run(window)
    start = time.perf_counter()
    for _ in range(NAIVE_STEPS):
        run(window)
    return (time.perf_counter() - start) / NAIVE_STEPS * SECOND


def measure(name: str, rows: int) -> list[object]:
    """Measures one size at one number of rows."""
    model = tfgen.WaveNet(SECOND, filters=32, skip=128, **MODELS[name])
    with tempfile.TemporaryDirectory() as directory:
        draw = served(model, directory)
        contestants: dict[str, Callable[[], Any]] = {
            "empty": lambda: empty_loop(tf.constant(0)).numpy(),
            "sample": lambda: model.sample(rows, seed=0),
            "served": lambda: draw(rows),
        }
        times = in_turns(contestants, rounds=5)
        busy = processor_seconds(contestants["sample"])
        equal = float(np.mean(model.sample(rows, seed=0) == draw(rows)))
    naive = naive_seconds(model, rows)
    return [
        name, rows, f"{times['empty']:.0f} ms", f"{times['sample'] / 1000:.2f} s", f"{times['served'] / 1000:.2f} s", f"{busy:.2f} s",
        f"{naive:.0f} s", f"{1000 * naive / times['sample']:.0f}", f"{100 * equal:.2f} %",
    ]  # fmt: skip


def check_equal() -> None:
    """Prints how many samples equal those of one pass a sample."""
    model = tfgen.WaveNet(200, blocks=2, filters=32, skip=128)
    uniforms = tfgen.random.uniform(tf.constant(tfgen.random.row_seeds(0, 2)), (200, 1), stream=1)
    slow = tf.function(lambda u: stream.naive(model.network, model.likelihood.draw, u, tf.ones((2,))))(uniforms)
    print(
        f"Samples equal to one pass a sample, 2 rows of 200: {100 * np.mean(model.sample(2, seed=0) == slow.numpy()):.2f} %.\n"
    )


def main() -> None:
    """Prints the table."""
    print("## Drawing one second of 8 kHz sound from WaveNet, 32 features\n")
    print_machine()
    check_equal()
    headers = [
        "model", "rows", "empty loop of 8000 steps", "sample", "SavedModel", "processor time of sample", "8000 passes (of 20)",
        "times as fast", "SavedModel equal to sample",
    ]  # fmt: skip
    print_table(headers, [measure(name, rows) for name in MODELS for rows in ((1, 16) if "2047" in name else (1,))])


if __name__ == "__main__":
    main()
