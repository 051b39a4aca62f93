"""Small models whose weights are large enough that every dependence shows."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfgen


def pixelcnn(image_shape: tuple[int, int, int], seed: int = 0, system: Any = tfgen.PixelCNN, **arguments: Any) -> Any:
    """Builds a model, a PixelCNN or another system, with random biases too, so that no activation is dead by chance."""
    keras.utils.set_random_seed(seed)
    model = system(image_shape, **{"filters": 6, "blocks": 1, "kernel_size": 3, **arguments})
    randomise(model.network, seed)
    return model


def randomise(network: Any, seed: int = 0) -> None:
    """Draws weights of unit gain, and biases."""
    noise = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        shape = tuple(variable.shape)
        gain = 1.5 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.3
        variable.assign(noise.normal(0.0, gain, shape))


def images(image_shape: tuple[int, int, int], n: int, levels: int = 2, seed: int = 0) -> np.ndarray:
    """Draws images on the grid of grey levels."""
    return (np.random.default_rng(seed).integers(0, levels, (n, *image_shape)) / (levels - 1)).astype(np.float32)


def trained_on(data: np.ndarray, steps: int, system: Any = tfgen.PixelCNN, label: Any = None, **arguments: Any) -> Any:
    """Trains a model on the same batch again and again, in one epoch; the wide kernel sees all of a small image."""
    keras.utils.set_random_seed(0)
    model = system(data.shape[1:], **{"filters": 12, "blocks": 1, "kernel_size": 7, **arguments})
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    parts = data if label is None else (data, label)
    model.fit(tf.data.Dataset.from_tensors(parts).repeat(), steps_per_epoch=steps, verbose=0)
    return model


def moved_by_training(model: Any, n: int, batch_size: int = 4) -> list[bool]:
    """Trains on n random images, gently, so that no weight grows beyond measure, and tells which weights moved."""
    model.compile(optimizer="sgd")
    model.optimizer.learning_rate = 1e-3
    before = [variable.numpy() for variable in model.network.trainable_variables]
    model.fit(images(model.event_shape, n, model.likelihood.levels), batch_size=batch_size, verbose=0)
    pairs = zip(model.network.trainable_variables, before, strict=True)
    return [bool((variable.numpy() != old).any()) for variable, old in pairs]
