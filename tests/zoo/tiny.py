"""Tiny recipes of each family, on 8x8 images of the subset that travels with the package."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

ADAM = {"class": "Adam", "learning_rate": 0.01}
COMMON: dict[str, Any] = {
    "name": "tiny",
    "system": "PixelCNN",
    "description": "A tiny model.",
    "paper": {"authors": "A, B", "year": 2016, "title": "A title", "arxiv": "1601.06759"},
    "model": {
        "class": "PixelCNN",
        "arguments": {"image_shape": [8, 8, 1], "filters": 2, "blocks": 1, "kernel_size": 3, "ema": 0.5},
    },
    "optimizers": {"optimizer": ADAM},
    "data": {"name": "fashion_mnist_small", "split": "train[:64]", "view": "binarized", "image_size": 8},
    "batch_size": 16,
    "epochs": 2,
    "precision": "float32",
    "seed": 3,
    "evaluation": {"split": "test[:40]"},
    "licence": "Apache-2.0",
    "limits": ["It is tiny."],
    "reference": [{"what": "another model", "value": "1.0 nats", "source": "arXiv 1601.06759"}],
}
FAMILIES: dict[str, dict[str, Any]] = {
    "autoregressive": {},
    "conditional": {
        "model": {
            "class": "GatedPixelCNN",
            "arguments": {"image_shape": [8, 8, 1], "num_classes": 10, "filters": 2, "blocks": 1, "ema": 0.5},
        },
        "data": {"name": "fashion_mnist_small", "split": "train[:64]", "view": "binarized", "labels": True, "image_size": 8},
    },
    "latent": {
        "model": {
            "class": "VAE",
            "arguments": {"image_shape": [8, 8, 1], "latent_dim": 2, "network": "mlp", "width": 32, "ema": 0.5},
        },
        "data": {"name": "fashion_mnist_small", "split": "train[:64]", "image_size": 8},
        "evaluation": {"split": "test[:40]", "num_samples": 5, "seed": 4},
    },
    "adversarial": {
        "model": {"class": "GAN", "arguments": {"image_shape": [8, 8, 1], "latent_dim": 3, "width": 4, "ema": 0.5}},
        "data": {"name": "fashion_mnist_small", "split": "train[:64]", "image_size": 8},
        "optimizers": {"generator_optimizer": ADAM, "discriminator_optimizer": ADAM},
    },
}


def recipe_values(family: str = "autoregressive", **changes: Any) -> dict[str, Any]:
    """The content of a recipe that trains in a moment."""
    return copy.deepcopy({**COMMON, **FAMILIES[family], **changes})


def write_recipe(folder: Path, values: dict[str, Any]) -> Path:
    """Writes `recipe.yaml` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path
