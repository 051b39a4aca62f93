"""Objectives of latent-variable models."""

from __future__ import annotations

import math

import tensorflow as tf

__all__ = ["elbo", "free_bits", "importance_weighted_bound"]


def elbo(log_likelihood: tf.Tensor, kl: tf.Tensor, beta: tf.Tensor | float = 1.0) -> tf.Tensor:
    """Computes the evidence lower bound, `log p(x) >= E_q[log p(x | z)] - beta * KL(q(z | x) || p(z))` for `beta = 1`.

    Args:
      log_likelihood: (batch,) nats, `log p(x | z)` at a draw from the posterior.
      kl: (batch,) nats.
      beta: weight of the KL term; above 1 it trades likelihood for independent latents (beta-VAE).

    Returns:
      elbo: (batch,) nats.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.objectives.elbo(tf.constant([-3.0]), tf.constant([1.0]), beta=2.0).numpy().tolist()
      [-5.0]

    Reference: Kingma, Welling, 2014, Auto-encoding variational Bayes, arXiv 1312.6114, equation 3; Higgins et al., 2017,
      beta-VAE.
    """
    return log_likelihood - beta * kl


def free_bits(kl: tf.Tensor, floor: float, mean: tf.Tensor | None = None) -> tf.Tensor:
    """Keeps the optimizer from pressing a latent below `floor` nats: `sum{ max(mean_batch(kl[:, j]), floor) : j = 1...J }`.

    The maximum is taken of each latent's mean over the batch, so that one example may use a latent that another does not.

    Args:
      kl: (batch, latent_dim) nats.
      floor: nats per latent that cost nothing, at least 0.
      mean: (latent_dim,) nats, the mean over the global batch where `kl` is one replica's part of it; None for `kl`'s own.

    Returns:
      kl: (batch,) nats, whose mean over the batch is the sum above; it equals `sum(kl)` at `floor = 0`.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.objectives.free_bits(tf.constant([[0.1, 2.0]]), 0.5).numpy().tolist()
      [2.5]

    Reference: Kingma et al., 2016, Improving variational inference with inverse autoregressive flow, arXiv 1606.04934,
      equation 15.
    """
    mean = tf.reduce_mean(kl, axis=0) if mean is None else mean
    above = tf.cast(mean > floor, kl.dtype)
    return tf.reduce_sum(above * kl + (1.0 - above) * floor, axis=-1)


def importance_weighted_bound(log_weights: tf.Tensor) -> tf.Tensor:
    """Computes the importance-weighted bound, `log p(x) >= E[log( mean{ w[k] : k = 1...K } )]`, `w = p(x, z) / q(z | x)`.

    It rises with K and reaches `log p(x)` in the limit; at K = 1 it is the ELBO.

    Args:
      log_weights: (batch, K) nats, `log p(x, z) - log q(z | x)` at K draws from the posterior.

    Returns:
      bound: (batch,) nats.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.objectives.importance_weighted_bound(tf.constant([[-1.0, -1.0]])).numpy().tolist()
      [-1.0]

    Reference: Burda, Grosse, Salakhutdinov, 2016, Importance weighted autoencoders, arXiv 1509.00519, equation 8.
    """
    return tf.reduce_logsumexp(log_weights, axis=-1) - math.log(log_weights.shape[-1])
