"""Likelihoods of images: what a network's outputs say about each colour value.

A likelihood turns `num_parameters` numbers per colour value into a distribution over it. Parameters come as
(..., channels, num_parameters), values as (..., channels) in [0, 1]; results are nats in float32.
"""

from __future__ import annotations

import abc
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.distributions.gaussian import normal_log_prob

__all__ = ["Bernoulli", "Categorical", "DiscretizedLogistic", "Likelihood", "Normal", "get_likelihood"]


class Likelihood(abc.ABC):
    """What every likelihood of colour values offers.

    `num_parameters` network outputs describe one value; `levels` is the number of values a pixel can take; `discrete` says
    whether `log_prob` is the log-probability of such values (or a bound on it), rather than a density.
    """

    num_parameters: int
    levels: int = 256
    discrete: bool = True
    sampled: bool = True  # whether `draw` exists: autoregressive models need it

    @abc.abstractmethod
    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Evaluates log p(x).

        Args:
          parameters: (..., channels, num_parameters) float32.
          x: (..., channels) float32 in [0, 1].

        Returns:
          log_prob: (..., channels), nats.
        """

    @abc.abstractmethod
    def mean(self, parameters: tf.Tensor) -> tf.Tensor:
        """Returns the mean value, in [0, 1].

        Args:
          parameters: (..., channels, num_parameters) float32.

        Returns:
          values: (..., channels) float32 in [0, 1].
        """

    @abc.abstractmethod
    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        """Draws values through the inverse CDF, one uniform number each.

        Args:
          parameters: (..., channels, num_parameters) float32.
          u: (..., channels) float32 in (0, 1).
          temperature: positive, broadcast against `u`; below 1 draws likelier values.

        Returns:
          values: (..., channels) float32 in [0, 1].
        """

    def prepare(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Readies images for `log_prob`; only a dequantising likelihood changes them.

        Args:
          x: (batch, height, width, channels) float32 in [0, 1].
          seeds: (batch,) int64, one per row.

        Returns:
          x: the same shape.
        """
        del seeds
        return x

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Likelihood:
        """Rebuilds the likelihood from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.get_config().items()))))


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

    def mean(self, parameters: tf.Tensor) -> tf.Tensor:
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

    def mean(self, parameters: tf.Tensor) -> tf.Tensor:
        values = tf.constant(np.arange(self.levels) / (self.levels - 1), tf.float32)
        return tf.reduce_sum(tf.nn.softmax(parameters) * values, -1)

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        temperature = tf.expand_dims(tf.convert_to_tensor(temperature, tf.float32), -1)
        cumulative = tf.cumsum(tf.nn.softmax(parameters / temperature), -1)
        # the last bin takes what rounding left above the sum of the others
        below = tf.cast(cumulative[..., :-1] <= u[..., None], tf.float32)
        return tf.reduce_sum(below, -1) / (self.levels - 1)

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels}


@keras.saving.register_keras_serializable("tfgen")
class DiscretizedLogistic(Likelihood):
    """A logistic density integrated over each grey level, so that the probabilities of all levels sum to one.

    `P(x) = sigmoid((x + h - loc) / scale) - sigmoid((x - h - loc) / scale)`, with h half a level, minus infinity below the
    lowest level
    and plus infinity above the highest. A probability is at most 1, so a constant background cannot run off.

    Args:
      levels: number of values, at least 2.
      min_scale: floor of the learned scale, in units of the [0, 1] range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import DiscretizedLogistic
      >>> x = tf.linspace(0.0, 1.0, 256)[:, None]
      >>> p = tf.exp(DiscretizedLogistic().log_prob(tf.zeros((256, 1, 2)), x))
      >>> round(float(tf.reduce_sum(p)), 4)
      1.0

    Reference: Salimans, Karpathy, Chen, Kingma, 2017, PixelCNN++, arXiv 1701.05517, equation 2.
    """

    num_parameters = 2

    def __init__(self, levels: int = 256, *, min_scale: float = 1e-3) -> None:
        if levels < 2 or min_scale <= 0:
            raise ValueError(
                f"Expected at least 2 levels and a positive `min_scale`. Received: levels={levels}, min_scale={min_scale}"
            )
        self.levels = levels
        self.min_scale = min_scale

    def _loc_and_scale(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # zero outputs start in the middle of the range with a scale of about a tenth of it
        return 0.5 + parameters[..., 0], self.min_scale + 0.1 * tf.math.softplus(parameters[..., 1])

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        loc, scale = self._loc_and_scale(parameters)
        half = 0.5 / (self.levels - 1)
        upper, lower = (x + half - loc) / scale, (x - half - loc) / scale
        # log(sigmoid(a) - sigmoid(b)) = log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a)), exact at any scale
        inner = tf.math.log_sigmoid(upper) + tf.math.log_sigmoid(-lower) + _log1mexp(2.0 * half / scale)
        edges = tf.where(x > 1.0 - half, tf.math.log_sigmoid(-lower), inner)
        return tf.where(x < half, tf.math.log_sigmoid(upper), edges)

    def mean(self, parameters: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(self._loc_and_scale(parameters)[0], 0.0, 1.0)

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        loc, scale = self._loc_and_scale(parameters)
        value = loc + scale * temperature * (tf.math.log(u) - tf.math.log1p(-u))
        return tf.round(tf.clip_by_value(value, 0.0, 1.0) * (self.levels - 1)) / (self.levels - 1)

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels, "min_scale": self.min_scale}


@keras.saving.register_keras_serializable("tfgen")
class Normal(Likelihood):
    """A Gaussian with learned mean and scale for each colour value.

    On raw 8-bit images its density runs off to infinity at constant pixels. So images are dequantised uniformly,
    `y = (255 x + u) / 256`, and `log_prob` reports `log p(y) - log 256`, whose mean over u is a lower bound on the
    log-probability of the
    8-bit value (Theis, van den Oord, Bethge, 2016, arXiv 1511.01844). With `levels=None` the data is taken as truly
    continuous; then only the floor of the scale bounds the density.

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
        self.discrete = levels is not None

    def _loc_and_scale(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return 0.5 + parameters[..., 0], self.min_scale + 0.1 * tf.math.softplus(parameters[..., 1])

    def prepare(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        if self.levels is None:
            return x
        noise = random.uniform(seeds, x.shape[1:], stream=7)
        return (tf.round(x * (self.levels - 1)) + noise) / self.levels

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        density = normal_log_prob(x, *self._loc_and_scale(parameters))
        return density if self.levels is None else density - np.log(self.levels).astype(np.float32)

    def _to_image(self, value: tf.Tensor) -> tf.Tensor:
        if self.levels is not None:  # the middle of level k's dequantised interval is (k + 1/2) / levels
            value = (value * self.levels - 0.5) / (self.levels - 1)
        return tf.clip_by_value(value, 0.0, 1.0)

    def mean(self, parameters: tf.Tensor) -> tf.Tensor:
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


def _log1mexp(a: tf.Tensor) -> tf.Tensor:
    """`log(1 - exp(-a))` for a > 0, without loss at either end."""
    small = a < 0.6931472
    safe = tf.where(small, a, 0.5)
    return tf.where(small, tf.math.log(-tf.math.expm1(-safe)), tf.math.log1p(-tf.exp(-tf.where(small, 1.0, a))))


_BY_NAME = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "discretized_logistic": DiscretizedLogistic,
    "normal": Normal,
}


def get_likelihood(identifier: str | Likelihood | dict[str, Any]) -> Likelihood:
    """Turns a likelihood's name into the likelihood.

    Args:
      identifier: "bernoulli", "categorical", "discretized_logistic", "normal", a `Likelihood`, or its serialised form.

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
