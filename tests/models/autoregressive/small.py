"""Small models whose weights are large enough that every dependence shows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfgen
from tfgen import random


def traced_once(model: Any, key: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps the graph of a function beside the model's own, so that it is traced once a model."""
    return model.functions.setdefault(key, tf.function(function, autograph=False, reduce_retracing=True))


def untouched(image_shape: tuple[int, int, int], seed: int = 0, system: Any = tfgen.PixelCNN, **arguments: Any) -> Any:
    """Builds a model, a PixelCNN or another system, with the weights that it has at its initialisation."""
    keras.utils.set_random_seed(seed)
    return system(image_shape, **{"filters": 6, "blocks": 1, "kernel_size": 3, **arguments})


def pixelcnn(image_shape: tuple[int, int, int], seed: int = 0, system: Any = tfgen.PixelCNN, **arguments: Any) -> Any:
    """Builds a model, a PixelCNN or another system, with random biases too, so that no activation is dead by chance."""
    model = untouched(image_shape, seed, system, **arguments)
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


def all_images(model: Any) -> np.ndarray:
    """Lists every image that a tiny model can draw."""
    levels = np.arange(model.likelihood.levels) / (model.likelihood.levels - 1)
    values = list(itertools.product(levels, repeat=math.prod(model.event_shape)))
    return np.array(values, np.float32).reshape(-1, *model.event_shape)


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


# ---- what a value depends on ----


def mixed_outputs(model: Any, x: tf.Tensor) -> tf.Tensor:
    """Mixes the outputs of each value to one number: (batch, values of an image)."""
    outputs = tf.reshape(model.network(x), (int(x.shape[0]), math.prod(model.event_shape), -1))
    return tf.linalg.matvec(outputs, tf.constant(np.random.default_rng(0).normal(size=outputs.shape[2]), tf.float32))


def conditionals(model: Any, x: tf.Tensor) -> tf.Tensor:
    """Evaluates log p(x[i] | x[<i]), the terms that `log_prob` sums: (batch, height, width, channels)."""
    return model.likelihood.log_prob(model.parameters_of(model.network(x)), x)


def dependence(model: Any, x: np.ndarray, numbers: Callable[[Any, tf.Tensor], tf.Tensor] = mixed_outputs) -> np.ndarray:
    """Takes absolute gradients of a number of each value, or of each pixel, in the first row of a batch by every input.

    Args:
      model: a model of images.
      x: (batch, height, width, channels).
      numbers: what to take gradients of, by the model and x; rows of the batch first.

    Returns:
      gradients: (positions, channels, rows of the batch, positions, channels); one channel where each pixel has one number.
    """
    height, width, channels = model.event_shape

    def jacobian(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = tf.reshape(numbers(model, x)[0], (-1,))
        return tape.jacobian(values, x)

    compiled = traced_once(model, f"jacobian of {numbers.__name__}", jacobian)  # traced once for all images
    return np.abs(compiled(tf.constant(x)).numpy()).reshape(height * width, -1, len(x), height * width, channels)


# ---- drawing ----


def by_steps(model: Any, x: np.ndarray, **given: Any) -> np.ndarray:
    """Sums log p(x[i] | x[<i]) as the sampler meets them: only values already known are handed to the network."""
    height, width, channels = model.event_shape
    network, likelihood = model.network, model.likelihood
    state, prepared, total = network.initial_state(tf.constant(len(x)), width, **given), network.prepare_step(), 0.0
    for row in range(height):
        state = network.start_row(state)
        for column in range(width):
            new = state
            for channel in range(channels):
                known = np.where(np.arange(channels) < channel, x[:, row, column], np.float32(0))
                outputs, new = network.step(tf.constant(known), state, tf.constant(column), prepared)
                judged = np.where(np.arange(channels) <= channel, x[:, row, column], np.float32(0))
                total = total + likelihood.log_prob(model.parameters_of(outputs), tf.constant(judged))[:, channel].numpy()
            state = network.commit(tf.constant(x[:, row, column]), new, tf.constant(column))
        state = network.end_row(state)
    return np.asarray(total)


def draw(model: Any, how: Any, observed: np.ndarray | None = None, x: np.ndarray | None = None) -> np.ndarray:
    """Runs one of the two samplers, `raster.cached` or `raster.naive`, traced once a model."""
    seeds = tf.constant(random.row_seeds(4, 5))
    uniforms = random.uniform(seeds, model.event_shape, stream=1)
    x = np.zeros((5, *model.event_shape), np.float32) if x is None else x
    observed = np.zeros_like(x) if observed is None else observed
    temperature = tf.constant([1.0, 0.5, 2.0, 0.8, 1.0])
    sampler = traced_once(model, how.__name__, lambda *tensors: how(model.network, model.draw_channel, *tensors))
    return sampler(tf.constant(x), tf.constant(observed), uniforms, temperature).numpy()
