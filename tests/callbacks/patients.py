"""Tiny models and data for the tests of the doctor, and how it is called to them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import tfgen
from tfgen.callbacks import Doctor, Finding

__all__ = ["SHAPE", "X", "adam", "examine", "gan", "names", "pixelcnn", "quarters", "the", "vae"]

SHAPE = (8, 8, 1)


def crosses(n: int = 64, seed: int = 0) -> np.ndarray:
    """Images with a bright row and a bright column each, which can be told from noise and from each other."""
    rows, columns = np.random.default_rng(seed).integers(0, 8, (2, n))
    images = np.zeros((n, *SHAPE), np.float32)
    images[np.arange(n), rows] = 1.0
    images[np.arange(n), :, columns] = 1.0
    return images


def quarters(n: int = 64) -> np.ndarray:
    """Images whose upper and left halves are bright or dark: two bits, which a few steps learn."""
    upper, left = np.random.default_rng(0).integers(0, 2, (2, n))
    images = np.zeros((n, *SHAPE), np.float32)
    images[:, :4] += 0.5 * upper[:, None, None, None]
    images[:, :, :4] += 0.5 * left[:, None, None, None]
    return images


X = crosses()


def gan(**arguments: Any) -> tfgen.GAN:
    keras.utils.set_random_seed(1)
    return tfgen.GAN(SHAPE, **{"latent_dim": 4, "width": 4, **arguments})


def vae(**arguments: Any) -> tfgen.VAE:
    keras.utils.set_random_seed(1)
    return tfgen.VAE(SHAPE, **{"latent_dim": 4, "network": "mlp", "width": 16, **arguments})


def pixelcnn(**arguments: Any) -> tfgen.PixelCNN:
    keras.utils.set_random_seed(1)
    return tfgen.PixelCNN(SHAPE, **{"filters": 4, "blocks": 1, "kernel_size": 3, **arguments})


def examine(model: Any, epochs: int, *callbacks: Any, x: Any = X, **options: Any) -> Doctor:
    """Trains for four steps an epoch and looks after each."""
    doctor = Doctor(x, **{"every_steps": 4, **options})
    model.fit(x, batch_size=16, epochs=epochs, verbose=0, callbacks=[*callbacks, doctor])
    return doctor


def names(doctor: Doctor) -> list[str]:
    return [finding.name for finding in doctor.findings]


def the(doctor: Doctor, name: str) -> Finding:
    (found,) = [finding for finding in doctor.findings if finding.name == name]
    return found


def adam(rate: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, beta_1=0.5)
