"""Likelihoods of grey levels from logistic densities: one for each value, or a mixture that couples the channels of a pixel."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.distributions.base import Likelihood

__all__ = ["DiscretizedLogistic", "DiscretizedLogisticMixture"]


def _log1mexp(a: tf.Tensor) -> tf.Tensor:
    """`log(1 - exp(-a))` for a > 0, without loss at either end."""
    small = a < 0.6931472
    safe = tf.where(small, a, 0.5)
    return tf.where(small, tf.math.log(-tf.math.expm1(-safe)), tf.math.log1p(-tf.exp(-tf.where(small, 1.0, a))))


def _log_bin(x: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor, levels: int) -> tf.Tensor:
    """Log-probability of a grey level in [0, 1]: a logistic's mass between the level's edges, the outer ones at infinity."""
    half = 0.5 / (levels - 1)
    upper, lower = (x + half - loc) / scale, (x - half - loc) / scale
    # log(sigmoid(a) - sigmoid(b)) = log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a)), exact at any scale
    inner = tf.math.log_sigmoid(upper) + tf.math.log_sigmoid(-lower) + _log1mexp(2.0 * half / scale)
    edges = tf.where(x > 1.0 - half, tf.math.log_sigmoid(-lower), inner)
    return tf.where(x < half, tf.math.log_sigmoid(upper), edges)


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
        return _log_bin(x, loc, scale, self.levels)

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        del x
        return tf.clip_by_value(self._loc_and_scale(parameters)[0], 0.0, 1.0)

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        loc, scale = self._loc_and_scale(parameters)
        value = loc + scale * temperature * (tf.math.log(u) - tf.math.log1p(-u))
        return tf.round(tf.clip_by_value(value, 0.0, 1.0) * (self.levels - 1)) / (self.levels - 1)

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels, "min_scale": self.min_scale}


@keras.saving.register_keras_serializable("tfgen")
class DiscretizedLogisticMixture(Likelihood):
    """A mixture of discretized logistics for each pixel, whose later channels shift with the earlier ones.

    `P(r, g, b) = sum{ w[i] P(r; loc[i, 0], s[i, 0]) P(g; loc[i, 1] + a[i] r, s[i, 1]) P(b; loc[i, 2] + b[i] r + c[i] g, s[i, 2]) : i }`,
    each factor a logistic's mass on one grey level, as in `DiscretizedLogistic`, and `a, b, c = tanh(outputs)` on values moved
    to [-1, 1]. `log_prob` gives channel by channel `log p(channel | channels before)`, which is again a mixture, its weights
    those of the components after what they said of the channels before. Any number of channels is coupled so.

    Args:
      num_components: number K of logistics; K (1 + 2 C + C (C - 1) / 2) outputs describe a pixel of C channels.
      levels: number of values, at least 2.
      min_scale: floor of the learned scales, in units of the [0, 1] range.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import DiscretizedLogisticMixture
      >>> likelihood = DiscretizedLogisticMixture(5)
      >>> likelihood.num_outputs(1), likelihood.num_outputs(3)
      (15, 50)
      >>> p = tf.exp(likelihood.log_prob(tf.zeros((256, 15)), tf.linspace(0.0, 1.0, 256)[:, None]))
      >>> round(float(tf.reduce_sum(p)), 4)
      1.0

    Reference: Salimans, Karpathy, Chen, Kingma, 2017, PixelCNN++, arXiv 1701.05517, equations 1 to 3.
    """

    coupled = True

    def __init__(self, num_components: int = 10, *, levels: int = 256, min_scale: float = 1e-3) -> None:
        if num_components < 1 or levels < 2 or min_scale <= 0:
            raise ValueError(
                "Expected at least 1 component, at least 2 levels and a positive `min_scale`. "
                f"Received: num_components={num_components}, levels={levels}, min_scale={min_scale}"
            )
        self.num_components = num_components
        self.levels = levels
        self.min_scale = min_scale
        self.num_parameters = 3 * num_components  # of a pixel with one channel

    def num_outputs(self, channels: int) -> int:
        return self.num_components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def split(self, outputs: tf.Tensor, channels: int) -> tf.Tensor:
        del channels
        return tf.cast(outputs, tf.float32)

    def _channels_of(self, parameters: tf.Tensor) -> int:
        """Solves `num_outputs(channels) = size` for the channels."""
        rest = int(parameters.shape[-1]) // self.num_components - 1  # 2 C + C (C - 1) / 2
        return (math.isqrt(9 + 8 * rest) - 3) // 2

    def _component(self, parameters: tf.Tensor, channel: int, before: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the components' (..., K) locations and scales of a channel, given the values (..., 1) or (..., K) before it."""
        first = 1 + 2 * channel + channel * (channel - 1) // 2
        parts = self._slices(parameters, first, 2 + channel)
        # zero outputs spread the components over the range, with scales that overlap
        spread: Any = ((np.arange(self.num_components) + 0.5) / self.num_components).astype(np.float32)
        loc, scale = spread + parts[0], self.min_scale + tf.math.softplus(parts[1]) / self.num_components
        for coefficient, value in zip(parts[2:], before, strict=True):
            loc += 0.5 * tf.tanh(coefficient) * (2.0 * value - 1.0)
        return loc, scale

    def _slices(self, parameters: tf.Tensor, first: int, count: int) -> list[tf.Tensor]:
        size = self.num_components
        return [parameters[..., (first + i) * size : (first + i + 1) * size] for i in range(count)]

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        weights = tf.nn.log_softmax(parameters[..., : self.num_components])
        values = tf.split(x, int(x.shape[-1]), axis=-1)
        found = []
        for channel, value in enumerate(values):
            loc, scale = self._component(parameters, channel, values[:channel])
            joint = weights + _log_bin(value, loc, scale, self.levels)
            found.append(tf.reduce_logsumexp(joint, -1))
            weights = joint - found[-1][..., None]
        return tf.stack(found, -1)

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        weights = tf.nn.log_softmax(parameters[..., : self.num_components])
        values = [] if x is None else tf.split(x, int(x.shape[-1]), axis=-1)
        means: list[tf.Tensor] = []  # of each component
        found = []
        for channel in range(self._channels_of(parameters)):
            loc, scale = self._component(parameters, channel, values[:channel] if values else means)
            means.append(tf.clip_by_value(loc, 0.0, 1.0))
            found.append(tf.reduce_sum(tf.nn.softmax(weights) * means[-1], -1))
            if values:
                weights += _log_bin(values[channel], loc, scale, self.levels)
        return tf.clip_by_value(tf.stack(found, -1), 0.0, 1.0)  # weights add up to one but for rounding

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        drawn: list[tf.Tensor] = []
        for channel in range(int(u.shape[-1])):
            x = tf.stack([*drawn, u[..., 0]], -1)
            warm = tf.broadcast_to(temperature, tf.shape(u))[..., channel]
            drawn.append(self.draw_channel(parameters, channel, x, u[..., channel], warm))
        return tf.stack(drawn, -1)

    def draw_channel(
        self, parameters: tf.Tensor, channel: int, x: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float
    ) -> tf.Tensor:
        warm = tf.convert_to_tensor(temperature, tf.float32)[..., None]
        weights = parameters[..., : self.num_components] / warm
        values = [x[..., i : i + 1] for i in range(channel)]
        for i, value in enumerate(values):
            loc, scale = self._component(parameters, i, values[:i])
            weights += _log_bin(value, loc, scale * warm, self.levels)
        loc, scale = self._component(parameters, channel, values)
        return self._quantile(tf.nn.softmax(weights), loc, scale * warm, u)

    def _quantile(self, weights: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """Counts the levels whose cumulative probability is at most u: first in strides, then within one."""
        last = self.levels - 1
        stride = math.isqrt(last) + 1

        def count(levels: tf.Tensor) -> tf.Tensor:
            edges = (tf.cast(levels, tf.float32) + 0.5) / last
            inside = tf.sigmoid((edges[..., None] - loc[..., None, :]) / scale[..., None, :])
            cumulative = tf.reduce_sum(weights[..., None, :] * inside, -1)
            # the last level takes what rounding left above the sum of the others
            return tf.reduce_sum(tf.cast((cumulative <= u[..., None]) & (levels < last), tf.int32), -1)

        whole = stride * count(tf.range(stride - 1, last + stride - 1, stride))
        return tf.cast(whole + count(whole[..., None] + tf.range(stride - 1)), tf.float32) / last

    def get_config(self) -> dict[str, Any]:
        return {"num_components": self.num_components, "levels": self.levels, "min_scale": self.min_scale}
