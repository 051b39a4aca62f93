"""Likelihoods of waveforms, values in [-1, 1]: mu-law codes, and a mixture of logistics over 16 bits."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfgen.audio import mu_law_decode, mu_law_edges, mu_law_encode
from tfgen.distributions.base import Likelihood, draw_category
from tfgen.distributions.logistic import DiscretizedLogisticMixture

__all__ = ["MuLawCategorical", "WaveformLogisticMixture"]


@keras.saving.register_keras_serializable("tfgen")
class MuLawCategorical(Likelihood):
    """A softmax over mu-law codes: `log p(x) = logits[k] - logsumexp(logits)` with `k = tfgen.audio.mu_law_encode(x)`.

    Values of one code are not told apart: it is the log-probability of the code. What is drawn is `mu_law_decode` of a code.

    Args:
      levels: number of codes, at least 2.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import MuLawCategorical
      >>> round(float(MuLawCategorical(4).log_prob(tf.zeros((1, 4)), tf.constant([-0.3]))[0]), 4)
      -1.3863

    Reference: van den Oord et al., 2016, WaveNet, arXiv 1609.03499, section 2.2.
    """

    value_range = (-1.0, 1.0)

    def __init__(self, levels: int = 256) -> None:
        mu_law_edges(levels)  # checks the number
        self.levels = levels
        self.num_parameters = levels

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        codes = mu_law_encode(x, levels=self.levels)
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=codes, logits=parameters)

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        del x
        values = mu_law_decode(tf.range(self.levels), levels=self.levels)
        return tf.reduce_sum(tf.nn.softmax(parameters) * values, -1)

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        return mu_law_decode(draw_category(parameters, u, temperature), levels=self.levels)

    def get_config(self) -> dict[str, Any]:
        return {"levels": self.levels}


@keras.saving.register_keras_serializable("tfgen")
class WaveformLogisticMixture(Likelihood):
    """A mixture of logistics, each integrated over every value of 16 bits: `DiscretizedLogisticMixture` on [-1, 1].

    `log p(k) = log( sum{ w[i] (sigmoid((k + 1/2 - loc[i]) / s[i]) - sigmoid((k - 1/2 - loc[i]) / s[i])) : i } )` with
    `k = round(32768 x)`, at most 32767; the outer values take the tails. Other values are rounded to 16 bits first.

    Args:
      num_components: number K of logistics; 3 K outputs describe a value.
      min_scale: floor of the learned scales, in units of the whole range; 1e-5 is two thirds of a value of 16 bits.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import WaveformLogisticMixture
      >>> x = tf.range(-32768.0, 32768.0)[:, None] / 32768.0
      >>> p = tf.exp(WaveformLogisticMixture(2).log_prob(tf.zeros((65536, 1, 6)), x))
      >>> round(float(tf.reduce_sum(p)), 3)
      1.0

    Reference: van den Oord et al., 2017, Parallel WaveNet, arXiv 1711.10433, section 2.1; Salimans, Karpathy, Chen, Kingma,
    2017, PixelCNN++, arXiv 1701.05517, equation 2.
    """

    value_range = (-1.0, 1.0)
    levels = 65536

    def __init__(self, num_components: int = 10, *, min_scale: float = 1e-5) -> None:
        self._mixture = DiscretizedLogisticMixture(num_components, levels=self.levels, min_scale=min_scale)
        self.num_components, self.min_scale = num_components, min_scale
        self.num_parameters = 3 * num_components

    def quantise(self, x: tf.Tensor) -> tf.Tensor:
        rounded = (self._level(x) - 32768.0) / 32768.0
        return x + tf.stop_gradient(rounded - x)

    def _level(self, x: tf.Tensor) -> tf.Tensor:
        number = x * 32768.0 + 32768.0
        level = tf.clip_by_value(tf.round(x * 32768.0) + 32768.0, 0.0, 65535.0)
        return number + tf.stop_gradient(level - number)  # gradients go on as if it had not been rounded

    def _from_unit(self, value: tf.Tensor) -> tf.Tensor:
        return (tf.round(value * 65535.0) - 32768.0) / 32768.0

    def log_prob(self, parameters: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return self._mixture.log_prob(parameters, self._level(x)[..., None] / 65535.0)[..., 0]

    def mean(self, parameters: tf.Tensor, x: tf.Tensor | None = None) -> tf.Tensor:
        del x
        return (self._mixture.mean(parameters)[..., 0] * 65535.0 - 32768.0) / 32768.0

    def draw(self, parameters: tf.Tensor, u: tf.Tensor, temperature: tf.Tensor | float = 1.0) -> tf.Tensor:
        warm: Any = tf.broadcast_to(tf.convert_to_tensor(temperature, tf.float32), tf.shape(u))
        return self._from_unit(self._mixture.draw(parameters, u[..., None], warm[..., None])[..., 0])

    def get_config(self) -> dict[str, Any]:
        return {"num_components": self.num_components, "min_scale": self.min_scale}
