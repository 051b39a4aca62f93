"""Measures a model in training without disturbing it: what a step would see, and how alike its samples are."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.callbacks._extraction import draw, extract
from tfgen.models import AutoregressiveModel
from tfgen.models.base import GenerativeModel
from tfgen.models.configuration import seed_generators
from tfgen.models.trainable import TrainableModel

__all__ = ["Prober", "is_loss_scaled", "uniform_loss"]

_ROWS = 128  # of the images: enough for variances and ranks, about two steps' work
_SEED = 0  # of the samples
_CLASSIFIERS = ("categorical_crossentropy", "sparse_categorical_crossentropy")


class Prober:
    """Takes the measurements of one model.

    Args:
      model: the model in training.
      images: real images, or None.
      labels: what `fit` takes as `y` beside them, where the model is conditional: classes, or features of sound.
      extractor: a feature space in which to compare samples, or None for pixels.
    """

    def __init__(self, model: Any, images: Any, labels: Any, extractor: Any) -> None:
        self.model, self.extractor = model, extractor
        self.images: Any = None if images is None else np.asarray(images[:_ROWS], np.float32)
        self.labels: Any = None
        if labels is not None and getattr(model, "conditional", False):
            self.labels = np.asarray(labels[:_ROWS])
        self._function: Any = None
        self._training: Any = None  # the training function that it is the twin of
        self._real: dict[str, float] | None = None

    def measure(self, threshold: float) -> dict[str, Any]:
        """Takes all measurements that the model and the images allow; `threshold` is the variance of an active latent."""
        return {**_summary(self.probe(), threshold), **self._likeness()} if self.can_probe else {}

    @property
    def can_probe(self) -> bool:
        """Whether there are images, and a model that knows how to be measured."""
        return self.images is not None and hasattr(self.model, "probe")

    def probe(self) -> dict[str, np.ndarray]:
        """Runs the model's own probe on the images and sets back what batch statistics and noise moved."""
        model = self.model
        kept = [(variable, _value(variable)) for variable in model.non_trainable_weights]
        kept += [(generator.state, _value(generator.state)) for generator in seed_generators(model)]
        if self._function is None or self._training is not model.train_function:  # networks or settings have changed since
            self._function, self._training = tf.function(self._on_replicas, autograph=False), model.train_function
        try:
            found = self._function(tf.constant(self.images), None if self.labels is None else tf.constant(self.labels))
        finally:
            for variable, value in kept:
                variable.assign(value)
        return {name: value.numpy() for name, value in found.items()}

    def _on_replicas(self, images: tf.Tensor, labels: Any) -> dict[str, tf.Tensor]:
        seeds = random.row_keys(self.model.seed, random.Purpose.PROBE, tf.range(tf.shape(images)[0]))
        strategy = self.model.distribute_strategy
        if strategy.num_replicas_in_sync == 1:
            return self.model.probe(images, labels, seeds)
        # each replica measures the same images, and one answers for all
        found = strategy.run(self.model.probe, args=(images, labels, seeds))
        return {name: strategy.experimental_local_results(value)[0] for name, value in found.items()}

    def _likeness(self) -> dict[str, float]:
        """Compares samples of fixed seeds with real images: distances between them, and classes among them."""
        # drawing pixel by pixel takes seconds, and an exact likelihood charges for every mode that is missed
        if isinstance(self.model, AutoregressiveModel) or self.images is None:
            return {}
        if self._real is None:
            self._real = self._spread(self.images)
        drawn = self._spread(draw(self.model, len(self.images), _SEED, self.labels))
        if not all(map(math.isfinite, drawn.values())):
            return {}
        return {name: drawn[name] / max(self._real[name], 1e-12) for name in drawn}

    def _spread(self, images: np.ndarray) -> dict[str, float]:
        found = {"pairwise_distance": _mean_distance(extract(self.extractor, images))}
        if getattr(self.extractor, "has_classes", hasattr(self.extractor, "probabilities")):
            labels = np.argmax(self.extractor.probabilities(images), -1)
            shares = np.unique(labels, return_counts=True)[1] / len(labels)
            found["class_coverage"] = float(np.exp(-np.sum(shares * np.log(shares))))
        return found


def _value(variable: Any) -> tf.Tensor:
    return tf.identity(tf.convert_to_tensor(getattr(variable, "value", variable)))


def _mean_distance(features: np.ndarray) -> float:
    """Averages the Euclidean distance over all pairs of two different rows."""
    if len(features) < 2:
        return 0.0
    rows = features.astype(np.float64)
    rows = rows - rows.mean(0)
    squares = np.sum(rows**2, 1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2.0 * rows @ rows.T, 0.0))
    return float((distances.sum() - np.trace(distances)) / (len(rows) * (len(rows) - 1)))


def _summary(found: dict[str, np.ndarray], threshold: float) -> dict[str, Any]:
    """Reduces a probe to numbers; the vectors of gradient norms stay, for the search for what is not finite."""
    numbers: dict[str, Any] = {}
    for name, value in found.items():
        if name.endswith("gradients"):
            numbers[name.removesuffix("s")] = float(np.sqrt(np.sum(value.astype(np.float64) ** 2)))
        elif value.ndim == 0:
            numbers[name] = float(value)
    if "posterior_loc" in found:
        active = np.var(found["posterior_loc"].astype(np.float64), 0) > threshold
        numbers |= {"active_units": float(active.sum()), "active_share": float(active.mean()), "latents": float(active.size)}
    if "real_logits" in found:
        real, generated = found["real_logits"], found["generated_logits"]
        numbers["ranks"] = float(np.mean((real[:, None] > generated) + 0.5 * (real[:, None] == generated)))
        numbers["logits_deviation"] = float(np.std(np.concatenate([real, generated])))
    return numbers


def uniform_loss(model: Any) -> tuple[str, float] | None:
    """Finds the log that shows whether a model predicts better than the uniform distribution, and its value for that one."""
    likelihood = getattr(model, "likelihood", None)
    if isinstance(model, GenerativeModel):
        if likelihood is None or not likelihood.discrete:
            return None
        nats = math.prod(model.event_shape) * math.log(likelihood.levels)
        return ("nll" if isinstance(model, AutoregressiveModel) else "reconstruction"), nats
    loss = getattr(model, "loss", None)
    name = loss if isinstance(loss, str) else getattr(loss, "name", "")
    shape = getattr(model, "output_shape", None)
    if name in _CLASSIFIERS and isinstance(shape, tuple) and isinstance(shape[-1], int) and shape[-1] > 1:
        return "loss", math.log(shape[-1])
    return None


def is_loss_scaled(model: Any) -> bool:
    """Whether float16 training looks for the largest loss scale, and meets infinite gradients on the way."""
    optimizers = model.optimizers.values() if isinstance(model, TrainableModel) else [getattr(model, "optimizer", None)]
    return any(isinstance(optimizer, keras.optimizers.LossScaleOptimizer) for optimizer in optimizers)
