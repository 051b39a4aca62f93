"""Objectives of two-player games: each a named pair, so that the two halves cannot be mixed up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

__all__ = ["AdversarialObjective", "get_objective", "non_saturating", "saturating"]


@dataclass(frozen=True)
class AdversarialObjective:
    """What each player of a game descends, one value per example.

    Args:
      name: what recipes and configs call it.
      generator: from the discriminator's logits of generated images, (batch,), to losses, (batch,).
      discriminator: from the logits of real images and of generated ones, (batch,) each, to losses, (batch,).

    Example:
      >>> import tensorflow as tf, tfgen
      >>> game = tfgen.objectives.get_objective("non_saturating")
      >>> round(float(game.generator(tf.zeros(1))[0]), 4)
      0.6931
    """

    name: str
    generator: Callable[[tf.Tensor], tf.Tensor]
    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def cross_entropy_discriminator(real_logits: tf.Tensor, generated_logits: tf.Tensor) -> tf.Tensor:
    """Computes the discriminator's loss of the original game, `-log D(x) - log(1 - D(G(z)))`, with `D = sigmoid(logit)`.

    Args:
      real_logits: (batch,) logits of real images.
      generated_logits: (batch,) logits of generated images.

    Returns:
      losses: (batch,) nats; `2 log 2` where the discriminator cannot tell.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import cross_entropy_discriminator
      >>> round(float(cross_entropy_discriminator(tf.zeros(1), tf.zeros(1))[0]), 4)
      1.3863

    Reference: Goodfellow et al., 2014, Generative adversarial nets, arXiv 1406.2661, equation 1.
    """
    # -log sigmoid(a) = softplus(-a), -log(1 - sigmoid(b)) = softplus(b)
    return tf.math.softplus(-real_logits) + tf.math.softplus(generated_logits)


def non_saturating(generated_logits: tf.Tensor) -> tf.Tensor:
    """Computes the generator's non-saturating loss, `-log D(G(z))`, whose gradient is large where the discriminator is sure.

    Args:
      generated_logits: (batch,) logits of generated images.

    Returns:
      losses: (batch,) nats.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import non_saturating
      >>> round(float(non_saturating(tf.zeros(1))[0]), 4)
      0.6931

    Reference: Goodfellow et al., 2014, Generative adversarial nets, arXiv 1406.2661, section 3.
    """
    return tf.math.softplus(-generated_logits)


def saturating(generated_logits: tf.Tensor) -> tf.Tensor:
    """Computes the generator's loss of the zero-sum game, `log(1 - D(G(z)))`, whose gradient vanishes where D is sure.

    Args:
      generated_logits: (batch,) logits of generated images.

    Returns:
      losses: (batch,) nats, never positive.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import saturating
      >>> round(float(saturating(tf.zeros(1))[0]), 4)
      -0.6931

    Reference: Goodfellow et al., 2014, Generative adversarial nets, arXiv 1406.2661, equation 1.
    """
    return -tf.math.softplus(generated_logits)


_OBJECTIVES = {
    objective.name: objective
    for objective in (
        AdversarialObjective("non_saturating", non_saturating, cross_entropy_discriminator),
        AdversarialObjective("saturating", saturating, cross_entropy_discriminator),
    )
}


def get_objective(name: str) -> AdversarialObjective:
    """Finds a game's pair of objectives by its name.

    Args:
      name: "non_saturating" or "saturating".

    Returns:
      objective: the pair.

    Raises:
      ValueError: the name is unknown.

    Example:
      >>> import tfgen
      >>> tfgen.objectives.get_objective("saturating").name
      'saturating'
    """
    if not isinstance(name, str) or name not in _OBJECTIVES:
        raise ValueError(f"Expected `objective` to be one of {sorted(_OBJECTIVES)}. Received: objective={name!r}")
    return _OBJECTIVES[name]
