"""Objectives of two-player games: each a named pair, so that the two halves cannot be mixed up."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks

__all__ = ["AdversarialObjective", "get_objective", "non_saturating", "saturating"]


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class AdversarialObjective:
    """What each player of a game descends, one value per example.

    One of your own is saved with a model if its functions are registered with Keras.

    Args:
      name: what recipes and configs call it.
      generator: from the discriminator's logits of generated images, (batch,), to losses, (batch,); of a `relative` game from
        the logits of generated images and of real ones.
      discriminator: from the logits of real images and of generated ones, (batch,) each, to losses, (batch,).
      relative: whether the generator's loss asks for the logits of real images too.
      settings: the numbers that `get_objective` was given beside the name.
      metrics: what training reports of the game besides, by name: from the logits of real images and of generated ones, (batch,)
        each, to values, (batch,).

    Example:
      >>> import tensorflow as tf, tfgen
      >>> game = tfgen.objectives.get_objective("non_saturating")
      >>> round(float(game.generator(tf.zeros(1))[0]), 4)
      0.6931
    """

    name: str
    generator: Callable[..., tf.Tensor]
    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    relative: bool = False
    settings: Mapping[str, float] = field(default_factory=dict, hash=False)
    metrics: Mapping[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = field(default_factory=dict, hash=False)

    def get_config(self) -> dict[str, Any]:
        """Returns the name and the settings; of a game that `get_objective` does not know its functions too.

        Returns:
          config: of plain values.
        """
        config: dict[str, Any] = {"name": self.name, "settings": dict(self.settings)}
        if self.name in _GAMES and self == _game(self.name, self.settings):
            return config
        serialise = keras.saving.serialize_keras_object
        return {
            **config,
            "relative": self.relative,
            "generator": serialise(self.generator),
            "discriminator": serialise(self.discriminator),
            "metrics": {name: serialise(metric) for name, metric in self.metrics.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AdversarialObjective:
        """Rebuilds the pair.

        Args:
          config: what `get_config` returned.

        Returns:
          objective: an equal pair.
        """
        if "generator" not in config:
            return _game(config["name"], config["settings"])
        restore = keras.saving.deserialize_keras_object
        functions = {player: restore(config[player]) for player in ("generator", "discriminator")}
        return cls(**{**config, **functions, "metrics": {name: restore(each) for name, each in config["metrics"].items()}})


def cross_entropy_discriminator(real_logits: tf.Tensor, generated_logits: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """Computes the discriminator's loss of the original game, `-log D(x) - log(1 - D(G(z)))`, with `D = sigmoid(logit)`.

    With one-sided label smoothing s real images are labelled 1 - s: `-(1 - s) log D(x) - s log(1 - D(x)) - log(1 - D(G(z)))`.

    Args:
      real_logits: (batch,) logits of real images.
      generated_logits: (batch,) logits of generated images.
      smoothing: s, in [0, 0.5].

    Returns:
      losses: (batch,) nats; `2 log 2` where the discriminator cannot tell.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import cross_entropy_discriminator
      >>> round(float(cross_entropy_discriminator(tf.zeros(1), tf.zeros(1))[0]), 4)
      1.3863

    Reference: Goodfellow et al., 2014, Generative adversarial nets, arXiv 1406.2661, equation 1; Salimans et al., 2016,
      Improved techniques for training GANs, arXiv 1606.03498, section 3.4 (smoothing).
    """
    # -log sigmoid(a) = softplus(-a), -log(1 - sigmoid(b)) = softplus(b)
    on_real = tf.math.softplus(-real_logits)
    if smoothing:
        on_real = (1.0 - smoothing) * on_real + smoothing * tf.math.softplus(real_logits)
    return on_real + tf.math.softplus(generated_logits)


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


def least_squares_discriminator(
    real_scores: tf.Tensor, generated_scores: tf.Tensor, a: float = 0.0, b: float = 1.0
) -> tf.Tensor:
    """Computes the least-squares game's loss of the discriminator, `(D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2`.

    Args:
      real_scores: (batch,) scores of real images.
      generated_scores: (batch,) scores of generated images.
      a: what generated images should score.
      b: what real images should score.

    Returns:
      losses: (batch,), at least 0.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import least_squares_discriminator
      >>> float(least_squares_discriminator(tf.constant([1.0]), tf.constant([0.5]))[0])
      0.125

    Reference: Mao, Li, Xie, Lau, Wang, Smolley, 2017, Least squares generative adversarial networks, arXiv 1611.04076, equation 2.
    """
    return 0.5 * tf.square(real_scores - b) + 0.5 * tf.square(generated_scores - a)


def least_squares_generator(generated_scores: tf.Tensor, c: float = 1.0) -> tf.Tensor:
    """Computes the least-squares game's loss of the generator, `(D(G(z)) - c)^2 / 2`.

    Args:
      generated_scores: (batch,) scores of generated images.
      c: what the generator wants its images to score.

    Returns:
      losses: (batch,), at least 0.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import least_squares_generator
      >>> float(least_squares_generator(tf.constant([0.0]))[0])
      0.5

    Reference: Mao et al., 2017, arXiv 1611.04076, equation 2.
    """
    return 0.5 * tf.square(generated_scores - c)


def hinge_discriminator(real_scores: tf.Tensor, generated_scores: tf.Tensor) -> tf.Tensor:
    """Computes the hinge game's loss of the discriminator, `max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`.

    Args:
      real_scores: (batch,) scores of real images.
      generated_scores: (batch,) scores of generated images.

    Returns:
      losses: (batch,), at least 0.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import hinge_discriminator
      >>> float(hinge_discriminator(tf.constant([0.5]), tf.constant([-2.0]))[0])
      0.5

    Reference: Lim, Ye, 2017, Geometric GAN, arXiv 1705.02894.
    """
    return tf.nn.relu(1.0 - real_scores) + tf.nn.relu(1.0 + generated_scores)


def hinge_generator(generated_scores: tf.Tensor) -> tf.Tensor:
    """Computes the hinge game's loss of the generator, `-D(G(z))`.

    Args:
      generated_scores: (batch,) scores of generated images.

    Returns:
      losses: (batch,).

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives.adversarial import hinge_generator
      >>> float(hinge_generator(tf.constant([2.0]))[0])
      -2.0

    Reference: Lim, Ye, 2017, Geometric GAN, arXiv 1705.02894.
    """
    return -generated_scores


@dataclass(frozen=True)
class _Game:
    """A pair of losses before its settings, and the check of each setting; a loss takes those that it has arguments for."""

    generator: Callable[..., tf.Tensor]
    discriminator: Callable[..., tf.Tensor]
    settings: dict[str, Callable[[Any, str], float]] = field(default_factory=dict)
    relative: bool = False
    metrics: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class _WithSettings:
    """A loss with its settings; unlike a `functools.partial` it equals another of the same settings."""

    function: Callable[..., tf.Tensor]
    settings: tuple[tuple[str, float], ...]

    def __call__(self, *logits: tf.Tensor) -> tf.Tensor:
        return self.function(*logits, **dict(self.settings))


_SMOOTHING = {"smoothing": functools.partial(checks.number, least=0, most=0.5)}
_GAMES = {
    "non_saturating": _Game(non_saturating, cross_entropy_discriminator, _SMOOTHING),
    "saturating": _Game(saturating, cross_entropy_discriminator, _SMOOTHING),
    "least_squares": _Game(least_squares_generator, least_squares_discriminator, dict.fromkeys("abc", checks.number)),
    "hinge": _Game(hinge_generator, hinge_discriminator),
}


def _game(name: str, settings: Mapping[str, Any]) -> AdversarialObjective:
    game = _GAMES[name]
    unknown = sorted(set(settings) - set(game.settings))
    if unknown:
        raise ValueError(f"Expected the settings of {name!r} to be among {sorted(game.settings)}. Received: {unknown}")
    given = {each: game.settings[each](value, each) for each, value in settings.items()}

    def bound(loss: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        own = tuple((each, value) for each, value in sorted(given.items()) if each in inspect.signature(loss).parameters)
        return _WithSettings(loss, own) if own else loss

    return AdversarialObjective(name, bound(game.generator), bound(game.discriminator), game.relative, given, game.metrics)


def get_objective(identifier: str | AdversarialObjective | dict[str, Any], **settings: float) -> AdversarialObjective:
    """Finds a game's pair of objectives by its name.

    Args:
      identifier: "non_saturating", "saturating", "least_squares" or "hinge", an `AdversarialObjective`, or its serialised form.
      **settings: numbers of the named game: `smoothing` of the first two, in [0, 0.5]: real images are labelled so much below 1;
        `a`, `b` and `c` of least squares: what generated and real images should score, and what the generator wants.

    Returns:
      objective: the pair.

    Raises:
      ValueError: the name or a setting is unknown, a setting is out of range, or settings meet anything but a name.

    Example:
      >>> import tfgen
      >>> tfgen.objectives.get_objective("saturating", smoothing=0.1).settings
      {'smoothing': 0.1}
    """
    found = keras.saving.deserialize_keras_object(identifier) if isinstance(identifier, dict) else identifier
    if isinstance(found, AdversarialObjective):
        if settings:
            raise ValueError(f"Expected settings beside a game's name only. Received: objective={found.name!r}, {settings}")
        return found
    if not isinstance(found, str) or found not in _GAMES:
        raise ValueError(
            f"Expected `objective` to be one of {sorted(_GAMES)} or an AdversarialObjective. Received: objective={identifier!r}"
        )
    return _game(found, settings)
