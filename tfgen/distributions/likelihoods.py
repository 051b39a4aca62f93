"""Likelihoods of binary, categorical and continuous values, and the names of all likelihoods."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.distributions.base import Likelihood, draw_category
from tfgen.distributions.gaussian import normal_log_prob
from tfgen.distributions.logistic import DiscretizedLogistic, DiscretizedLogisticMixture

__all__ = ["Bernoulli", "Categorical", "Normal", "get_likelihood"]


@keras.saving.register_keras_serializable("tfgen")
class Bernoulli(Likelihood):
    """Binary pixels: `log p(x) = x log(q) + (1 - x) log(1 - q)` with `q = sigmoid(logit)`.

    For x in {0, 1} this is a likelihood. Values between are weighed as expectations over a random binarization of x: no
    likelihood of grey images, yet common as an autoencoder's reconstruction term.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import Bernoulli
      >>> round(float(Bernoulli().log_prob(tf.zeros((1, 1)), tf.ones((1,)))[0]), 4)
      -0.6931
    """

    num_parameters = 1
    levels = 2

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return -tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=parameters[..., 0])

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        del x
        return tf.sigmoid(parameters[..., 0])

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        return tf.cast(u < tf.sigmoid(parameters[..., 0] / temperature), tf.float32)


@keras.saving.register_keras_serializable("tfgen")
class Categorical(Likelihood):
    """A softmax over `levels` grey values: `log p(x) = logits[k] - logsumexp(logits)` with `k = round(x * (levels - 1))`.

    Args:
      levels: number of values, at least 2.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import Categorical
      >>> round(float(Categorical(4).log_prob(tf.zeros((1, 4)), tf.ones((1,)))[0]), 4)
      -1.3863
    """

    def __init__(self, levels: int = 256) -> None:
        if levels < 2:
            raise ValueError(f"`levels` must be at least 2. Received: levels={levels}")
        self.levels = levels
        self.num_parameters = levels

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=_level(x, self.levels), logits=parameters)

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        del x
        values = tf.constant(np.arange(self.levels) / (self.levels - 1), tf.float32)
        return tf.reduce_sum(tf.nn.softmax(parameters) * values, -1)

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        return tf.cast(draw_category(parameters, u, temperature), tf.float32) / (self.levels - 1)

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels}


@keras.saving.register_keras_serializable("tfgen")
class Normal(Likelihood):
    """A Gaussian with learned mean and scale for each colour value.

    On raw 8-bit images its density runs off to infinity at constant pixels. So images are dequantised uniformly,
    `y = (255 x + u) / 256`, and `log_prob` reports `log p(y) - log 256`, whose mean over u is a lower bound on the
    log-probability of the
    8-bit value (Theis, van den Oord, Bethge, 2016, arXiv 1511.01844). With `levels=None` the data is taken as truly
    continuous; then only the floor of the scale bounds the density, which also covers values outside [0, 1], and what is drawn
    there is clipped.

    Args:
      levels: number of grey values of the data, or None for continuous data.
      min_scale: floor of the learned scale, in units of the [0, 1] range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import Normal
      >>> Normal(levels=None).mean(tf.zeros((1, 1, 2))).numpy().tolist()
      [[0.5]]
    """

    num_parameters = 2

    def __init__(self, levels: int | None = 256, *, min_scale: float = 1e-3) -> None:
        if (levels is not None and levels < 2) or min_scale <= 0:
            raise ValueError(
                f"Expected at least 2 levels (or None) and a positive `min_scale`. Received: levels={levels}, min_scale={min_scale}"
            )
        self.levels = levels  # type: ignore[assignment]
        self.min_scale = min_scale
        self.discrete = self.dequantised = levels is not None

    def _loc_and_scale(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return 0.5 + parameters[..., 0], self.min_scale + 0.1 * tf.math.softplus(parameters[..., 1])

    def prepare(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        if self.levels is None:
            return x
        noise = random.uniform(seeds, x.shape[1:], stream=random.Stream.DEQUANTISATION)
        number = x * (self.levels - 1)
        # gradients go on as if it had not been rounded
        level = tf.stop_gradient(tf.round(number)) + (number - tf.stop_gradient(number))
        return (level + noise) / self.levels

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        density = normal_log_prob(x, *self._loc_and_scale(parameters))
        return density if self.levels is None else density - np.log(self.levels).astype(np.float32)

    def _to_image(self, value: tf.Tensor) -> tf.Tensor:
        if self.levels is not None:  # the middle of level k's dequantised interval is (k + 1/2) / levels
            value = (value * self.levels - 0.5) / (self.levels - 1)
        return tf.clip_by_value(value, 0.0, 1.0)

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        del x
        return self._to_image(self._loc_and_scale(parameters)[0])

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        loc, scale = self._loc_and_scale(parameters)
        value = loc + scale * temperature * tf.math.ndtri(u)
        if self.levels is None:
            return tf.clip_by_value(value, 0.0, 1.0)
        level = tf.floor(tf.clip_by_value(value, 0.0, 1.0) * self.levels)
        return tf.minimum(level, self.levels - 1.0) / (self.levels - 1)

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels, "min_scale": self.min_scale}


def _level(x: tf.Tensor, levels: int) -> tf.Tensor:
    return tf.cast(tf.round(x * (levels - 1)), tf.int32)


_BY_NAME = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "discretized_logistic": DiscretizedLogistic,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "normal": Normal,
}


def get_likelihood(identifier: str | Likelihood | dict[str, Any]) -> Likelihood:
    """Turns a likelihood's name into the likelihood.

    Args:
      identifier: "bernoulli", "categorical", "discretized_logistic", "discretized_logistic_mixture", "normal", a
        `Likelihood`, or its serialised form.

    Returns:
      likelihood: an object with `log_prob`, `mean` and `draw`.

    Raises:
      ValueError: the name is unknown.

    Example:
      >>> import tfgen
      >>> tfgen.distributions.get_likelihood("bernoulli").levels
      2
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Likelihood):
        return identifier
    if not isinstance(identifier, str) or identifier not in _BY_NAME:
        raise ValueError(f"Expected `likelihood` to be one of {sorted(_BY_NAME)}. Received: likelihood={identifier!r}")
    return _BY_NAME[identifier]()
