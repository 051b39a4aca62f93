"""Scoring 10 000 generated against 10 000 real images: their features by the bundled classifier, and each measure of them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from benchmarks.common import print_machine, print_table  # first: sets TensorFlow's log level

import numpy as np  # isort: skip

from tfgen import metrics

ROWS = 10_000
FEATURES = 128
ROUNDS = 3


def seconds(measure: Callable[[np.ndarray, np.ndarray], object], real: np.ndarray, generated: np.ndarray) -> float:
    """Times a measure a few times and keeps the best."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        measure(real, generated)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Prints the table."""
    print(f"## Sample quality: {ROWS} generated against {ROWS} real images\n")
    print_machine()
    generator = np.random.default_rng(0)
    real = generator.normal(size=(ROWS, FEATURES)).astype(np.float32)
    generated = (1.05 * generator.normal(size=(ROWS, FEATURES)) + 0.05).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measures: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
        "Frechet distance": metrics.frechet_distance,
        "kernel distance, 50 subsets of 1000": metrics.kernel_distance,
        "precision and recall, k = 3": metrics.precision_recall,
        "density and coverage, k = 5": metrics.density_coverage,
        "these four together": metrics.neighbour_scores,
    }
    times = {name: seconds(measure, real, generated) for name, measure in measures.items()}
    extractor = metrics.load_extractor()
    images = generator.random((2 * ROWS, 28, 28, 1), np.float32)
    extractor.features(images[:ROWS])  # traced by now
    start = time.perf_counter()
    extractor.features(images)
    times[f"features of {2 * ROWS} images"] = time.perf_counter() - start
    scored = [name for name in times if name.startswith(("Frechet", "kernel", "these", "features"))]
    rows = [[name, f"{value:.2f} s"] for name, value in times.items()]
    total = sum(times[name] for name in scored)
    print_table(["measure", f"best of {ROUNDS}"], [*rows, ["features and all six numbers", f"{total:.2f} s"]])
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(f"Memory at its highest: {more:.2f} GiB more than before the first measure.")


if __name__ == "__main__":
    main()
