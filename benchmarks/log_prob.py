"""The exact `log_prob` of 10 000 images, by every autoregressive image model of the zoo."""

from __future__ import annotations

import time

from benchmarks.common import print_machine, print_table  # first: sets TensorFlow's log level

import numpy as np  # isort: skip

import tfgen

IMAGES = 10_000


def image_models() -> list[str]:
    """Lists the entries that have exact likelihoods of images."""
    classes = {name: getattr(tfgen, tfgen.zoo.read_recipe(name)["model"]["class"], None) for name in tfgen.zoo.names()}
    image_classes = (tfgen.FVBN, tfgen.NADE, tfgen.MADE, tfgen.PixelCNN, tfgen.GatedPixelCNN, tfgen.PixelRNN)
    return [name for name, found in classes.items() if found in image_classes]


def measure(name: str) -> list[object]:
    """Times one model."""
    model = tfgen.zoo.load(name)
    images = (np.random.default_rng(0).random((IMAGES, *model.event_shape)) < 0.3).astype(np.float32)
    given = [np.arange(IMAGES) % model.num_classes] if model.conditional else []
    model.log_prob(images[:256], *(labels[:256] for labels in given))  # traced by now
    start = time.perf_counter()
    model.log_prob(images, *given)
    seconds = time.perf_counter() - start
    size = sum(int(np.prod(weight.shape)) for weight in model.averaged_network.weights)
    return [name, f"{size:,}", f"{seconds:.1f} s"]


def main() -> None:
    """Prints the table."""
    print(f"## Exact likelihood of {IMAGES} images\n")
    print_machine()
    print_table(["entry", "parameters", "`log_prob`, float32"], [measure(name) for name in image_models()])


if __name__ == "__main__":
    main()
