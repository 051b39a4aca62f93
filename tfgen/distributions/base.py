"""What every likelihood of colour values offers.

A likelihood turns `num_parameters` numbers per colour value into a distribution over it. Parameters come as
(..., channels, num_parameters), values as (..., channels) in [0, 1]; results are nats in float32.
"""

from __future__ import annotations

import abc
from typing import Any, Self

import tensorflow as tf

__all__ = ["Configured", "Likelihood", "draw_category"]


class Configured:
    """What is wholly said by the arguments of its constructor: two of one class and of equal arguments are equal."""

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        Returns:
          config: by name.
        """
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuilds the object.

        Args:
          config: what `get_config` returned.

        Returns:
          twin: an equal object.
        """
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.get_config().items()))))


def draw_category(logits: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float) -> tf.Tensor:
    """Draws categories through the inverse CDF, one uniform number each.

    Args:
      logits: (..., categories) float32.
      u: (...) float32 in (0, 1).
      temperature: positive, broadcast against `u`.

    Returns:
      category: (...) int32.
    """
    temperature = tf.expand_dims(tf.convert_to_tensor(temperature, tf.float32), -1)
    cumulative = tf.cumsum(tf.nn.softmax(logits / temperature), -1)
    # the last category takes what rounding left above the sum of the others
    return tf.reduce_sum(tf.cast(cumulative[..., :-1] <= u[..., None], tf.int32), -1)


class Likelihood(Configured, abc.ABC):
    """What every likelihood of colour values offers.

    `num_parameters` network outputs describe one value; `levels` is the number of values a pixel can take; `discrete` says
    whether `log_prob` is the log-probability of such values (or a bound on it), rather than a density. A `coupled` likelihood
    holds the dependence between the channels of a pixel itself: `num_outputs(channels)` numbers, in one axis, describe all of
    them, and the network must not see the pixel's own channels.
    """

    num_parameters: int
    coupled: bool = False
    levels: int = 256
    discrete: bool = True
    value_range: tuple[float, float] = (0.0, 1.0)  # of the values; waveforms have (-1, 1)
    dequantised: bool = False  # whether `prepare` adds noise, which makes `log_prob` a bound

    def num_outputs(self, channels: int) -> int:
        """Counts what a network must return for one pixel.

        Args:
          channels: colour channels of the image.

        Returns:
          outputs: `channels * num_parameters`, but for a coupled likelihood.
        """
        return channels * self.num_parameters

    def split(self, outputs: tf.Tensor, channels: int) -> tf.Tensor:
        """Turns a network's outputs into parameters.

        Args:
          outputs: (..., num_outputs(channels)) of any number format.
          channels: colour channels of the image.

        Returns:
          parameters: (..., channels, num_parameters) float32; a coupled likelihood leaves the last axis whole.
        """
        shape = tf.concat([tf.shape(outputs)[:-1], [channels, self.num_parameters]], 0)
        return tf.reshape(tf.cast(outputs, tf.float32), shape)

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
    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the mean value, in the range of values; of logistics the location in that range, which is near it.

        Args:
          parameters: (..., channels, num_parameters) float32.
          x: (..., channels), for a coupled likelihood: the mean of each channel given those before it in x; None gives it the
            means before it.

        Returns:
          values: (..., channels) float32 in `value_range`.
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

    def draw_channel(
        self, parameters: tf.Tensor, channel: int, x: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float
    ) -> tf.Tensor:
        """Draws one channel of a pixel, given those before it.

        Args:
          parameters: what `split` returned.
          channel: which channel to draw.
          x: (..., channels), of which those before `channel` are known.
          u: (...) float32 in (0, 1).
          temperature: positive, broadcast against `u`.

        Returns:
          values: (...) float32 in [0, 1].
        """
        del x
        return self.draw(parameters[..., channel, :], u, temperature)

    def quantise(self, x: tf.Tensor) -> tf.Tensor:
        """Rounds values to those that `log_prob` tells apart, where data may lie between them; gradients go on as if it had not.

        Args:
          x: float32 in `value_range`.

        Returns:
          x: the same shape.
        """
        return x

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
