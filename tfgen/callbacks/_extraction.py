"""Draws samples, and turns images into features with whatever the caller has for that."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.models.conditions import in_turn

__all__ = ["check_extractor", "describe", "draw", "extract", "pixels"]


def pixels(images: np.ndarray) -> np.ndarray:
    """Flattens images: the feature space that needs no network."""
    return np.asarray(images, np.float32).reshape(len(images), -1)


def check_extractor(extractor: Any) -> None:
    """Refuses what has neither `features` nor can be called."""
    if extractor is not None and not (hasattr(extractor, "features") or callable(extractor)):
        raise TypeError(
            "Expected `extractor` to be a `tfgen.metrics.Extractor`, a Keras model, or a function from images to features. "
            f"Received: extractor={extractor!r}"
        )


def extract(extractor: Any, images: np.ndarray) -> np.ndarray:
    """Computes (n, d) float32 features; without an extractor, the pixels themselves."""
    if extractor is None:
        return pixels(images)
    if hasattr(extractor, "features"):
        return pixels(extractor.features(images))
    if hasattr(extractor, "predict"):
        return pixels(extractor.predict(images, verbose=0))
    return pixels(extractor(images))


def describe(extractor: Any) -> dict[str, str | None]:
    """Says which feature space it is, as far as the extractor itself says so."""
    if extractor is None:
        return {"name": "pixels", "sha256": None}
    name = getattr(extractor, "name", None) or getattr(extractor, "__name__", type(extractor).__name__)
    return {"name": name, "sha256": getattr(extractor, "sha256", None)}


def draw(model: Any, n: int, seed: int, labels: Any = None) -> np.ndarray:
    """Draws the same n samples each time; of a conditional model of the given rows in turn, or of all classes in turn."""
    return model.sample(n, seed=seed, **in_turn(model, n, labels))
