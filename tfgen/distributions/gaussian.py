"""Diagonal Gaussians of TensorFlow Probability, in float32; TFP is imported at first use because it costs 0.6 s."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["kl_to_standard_normal", "normal_log_prob", "normal_quantile"]


def _normal(loc: Any, scale: Any) -> Any:
    from tensorflow_probability import distributions as tfd

    return tfd.Normal(tf.cast(loc, tf.float32), tf.cast(scale, tf.float32))


def normal_log_prob(x: tf.Tensor, loc: tf.Tensor | float, scale: tf.Tensor | float) -> tf.Tensor:
    """Evaluates `log N(x; loc, scale) = -((x - loc) / scale)**2 / 2 - log(scale) - log(2 pi) / 2`.

    Args:
      x: values, any shape.
      loc: mean, broadcast against `x`.
      scale: standard deviation, positive, broadcast against `x`.

    Returns:
      log_prob: elementwise, nats, float32.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import normal_log_prob
      >>> round(float(normal_log_prob(tf.constant(0.0), 0.0, 1.0)), 4)
      -0.9189
    """
    return _normal(loc, scale).log_prob(tf.cast(x, tf.float32))


def normal_quantile(u: tf.Tensor, loc: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Draws from a Gaussian by its inverse CDF, `loc + scale * ndtri(u)`: differentiable in `loc` and `scale`.

    Args:
      u: uniform numbers in (0, 1).
      loc: mean.
      scale: standard deviation, positive.

    Returns:
      samples: float32, of the broadcast shape.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import normal_quantile
      >>> float(normal_quantile(tf.constant(0.5), 2.0, 3.0))
      2.0
    """
    return _normal(loc, scale).quantile(u)


def kl_to_standard_normal(loc: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Evaluates `KL(N(loc, scale) || N(0, 1)) = (loc**2 + scale**2 - 1) / 2 - log(scale)` for each latent.

    Args:
      loc: (batch, latent_dim) means.
      scale: (batch, latent_dim) standard deviations, positive.

    Returns:
      kl: (batch, latent_dim), nats, float32.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import kl_to_standard_normal
      >>> float(kl_to_standard_normal(tf.zeros((1, 1)), tf.ones((1, 1)))[0, 0])
      0.0
    """
    from tensorflow_probability import distributions as tfd

    return tfd.kl_divergence(_normal(loc, scale), _normal(tf.zeros_like(loc), 1.0))
