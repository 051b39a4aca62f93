"""Models with one objective and one optimizer: what autoregressive and latent-variable models share."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import data
from tfgen.distributions import Likelihood
from tfgen.metrics.likelihood import nats_to_bits_per_dim
from tfgen.models.base import GenerativeModel
from tfgen.models.optimizers import gradient_norms

__all__ = ["LikelihoodModel", "nats_to_bits_per_dim"]


class LikelihoodModel(GenerativeModel, abc.ABC):
    """Abstract base of models trained on one per-example objective in nats, with one optimizer."""

    accepts_sample_weight: ClassVar[bool] = True
    likelihood: Likelihood

    @abc.abstractmethod
    def default_optimizer(self) -> keras.optimizers.Optimizer:
        """Makes the optimizer of the paper.

        Returns:
          optimizer: a fresh one.
        """

    @abc.abstractmethod
    def _per_example(self, x: tf.Tensor, seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes the metrics of each row; "loss" among them is what training descends.

        Conditional models are given `label=`, (batch,) int64, too.
        """

    def _complete_metrics(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds bits per dimension, where nats are those of discrete data."""
        if "bits_per_dim" in self._trackers:
            values["bits_per_dim"] = nats_to_bits_per_dim(values["nll"], self.event_shape)
        return values

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        x = tf.cast(x, tf.float32)
        with tf.control_dependencies([x]):  # the call that finds the data at its end must move no counter
            return self._step(x, sample_weight, self._conditions(y))

    def _step(self, x: tf.Tensor, sample_weight: tf.Tensor | None, conditions: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            values = self._per_example(x, self._training_seeds(tf.shape(x)[0]), True, **conditions)
            loss = self.optimizer.scale_loss(self._mean(values["loss"], sample_weight))
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self._advance()
        return self._track(self._complete_metrics(values), sample_weight)

    def _probe(self, x: tf.Tensor, seeds: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measures a batch as a training step would see it, and takes no step; the `Doctor` sets back the batch statistics."""
        with tf.GradientTape() as tape:
            values = self._per_example(x, seeds, True, **conditions)
            loss = tf.reduce_mean(values["loss"])
        means = {name: tf.reduce_mean(value) for name, value in values.items()}
        return {**means, "gradients": gradient_norms(tape, loss, self.optimizer, self.trainable_variables)}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        x = tf.cast(x, tf.float32)
        values = self._per_example(x, self._evaluation_seeds(tf.shape(x)[0]), False, **self._conditions(y))
        return self._track(self._complete_metrics(values), sample_weight)

    def check_data(self, x: Any, y: Any = None, *, name: str = "x") -> None:
        super().check_data(x, y, name=name)
        if self.value_range == (0.0, 1.0) and self.likelihood.discrete and self.likelihood.levels > 2:
            _check_grid(np.asarray(x), self.likelihood.levels, name)

    def _is_binary(self) -> bool:
        return self.value_range == (0.0, 1.0) and self.likelihood.levels == 2

    def check_binary(self, x: Any, name: str = "x") -> None:
        """Checks that every pixel is 0 or 1.

        Args:
          x: images.
          name: what the caller calls them.

        Raises:
          ValueError: a value lies between.
        """
        data.check_binary(np.asarray(x), name=name)


def _check_grid(x: np.ndarray, levels: int, name: str) -> None:
    """Refuses values off the grid of grey levels, whose log-probability would silently be a neighbour's."""
    off = np.abs(x * (levels - 1) - np.round(x * (levels - 1)))
    if off.size and off.max() > 0.02:
        raise ValueError(
            f"Expected `{name}` on the grid of {levels} grey levels, k / {levels - 1}. Round it with "
            f"`np.round({name} * {levels - 1}) / {levels - 1}`. Received: a value {off.max():.3f} of a level off the grid"
        )
