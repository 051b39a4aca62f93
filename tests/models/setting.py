"""Small models for the tests of what is set after construction, and how two of them are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfgen

__all__ = [
    "LATENT",
    "LATENTS",
    "SHAPE",
    "X",
    "arrays",
    "assert_changes",
    "assert_same",
    "decoder",
    "fitted",
    "through_file",
    "trained",
    "vae",
]

SHAPE, LATENTS = (4, 4, 1), 2
X = (np.random.default_rng(0).random((4, *SHAPE)) < 0.5).astype(np.float32)
LATENT = np.array([[0.3, -0.2], [1.0, 0.5]], np.float32)


def vae(**arguments: Any) -> tfgen.VAE:
    keras.utils.set_random_seed(1)
    return tfgen.VAE(SHAPE, **{"latent_dim": LATENTS, "network": "mlp", "width": 4, **arguments})


def trained(model: Any, **arguments: Any) -> Any:
    """Compiles a model that runs eagerly, and takes a step."""
    model.compile(run_eagerly=True, **arguments)
    return fitted(model)


def fitted(model: Any, epochs: int = 1, *callbacks: Any) -> Any:
    model.fit(X, batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model


def arrays(variables: Any) -> list[np.ndarray]:
    return [tf.convert_to_tensor(variable).numpy() for variable in variables]


def state(model: Any) -> list[np.ndarray]:
    return arrays([*model.weights, *(v for optimizer in model.optimizers.values() for v in optimizer.variables)])


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def through_file(model: Any, folder: Path) -> Any:
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def decoder(units: int = 16) -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((LATENTS,)), layers.Dense(5, activation="relu"), layers.Dense(units), layers.Reshape(SHAPE)]
    )


def assert_changes(network: Any, act: Callable[[], Any]) -> None:
    before = arrays(network.weights)
    act()
    assert any((a != b).any() for a, b in zip(before, arrays(network.weights), strict=True))
