"""Drawing 28x28 images from the Gated PixelCNN of the zoo's size: caches, against the plain network's pass and one pass per
pixel."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.common import print_machine, print_table  # first: sets TensorFlow's log level

# isort: split
import tfgen
from benchmarks.baselines import copy_gated_weights, plain_gated_pixelcnn
from benchmarks.pixelcnn_sampling import HEADERS, compare

SIZE: dict[str, Any] = {"filters": 32, "blocks": 5, "dilations": (1, 2, 4, 8, 8)}


def measure(likelihood: str, rows: int, *, rounds: int) -> list[object]:
    """Measures one likelihood at one number of rows."""
    model = tfgen.GatedPixelCNN((28, 28, 1), likelihood=likelihood, **SIZE)
    outputs = model.likelihood.num_outputs(1)
    plain = plain_gated_pixelcnn(filters=SIZE["filters"], dilations=model.network.dilations, outputs=outputs)
    copy_gated_weights(model, plain)
    return compare("of the zoo", model, plain, rows, rounds=rounds)


def main() -> None:
    """Prints the table."""
    print("## Drawing from Gated PixelCNN, 28x28\n")
    print_machine()
    quick = "--quick" in sys.argv
    settings = [("bernoulli", 1), ("bernoulli", 16), ("bernoulli", 100), ("discretized_logistic_mixture", 100)]
    chosen = settings[:1] if quick else settings
    print_table(HEADERS, [measure(name, rows, rounds=1 if quick else 5) for name, rows in chosen])


if __name__ == "__main__":
    main()
