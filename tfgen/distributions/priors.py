"""Priors p(z) of latents: what a model draws them from, and what a posterior is held against."""

from __future__ import annotations

import abc
import math
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.distributions.base import Configured, draw_category
from tfgen.distributions.gaussian import normal_log_prob

__all__ = ["NormalMixture", "Prior", "StandardNormal", "Uniform", "get_prior"]


class Prior(Configured, abc.ABC):
    """What every prior `p(z | condition)` of latents offers, in float32 and nats.

    A prior with weights is a Keras layer besides, and belongs to the player that trains it. A subclass of other arguments
    than `latent_dim` says them in `get_config`.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.
    """

    latent_dim: int

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = checks.integer(latent_dim, "latent_dim", least=1)

    @property
    def num_uniforms(self) -> int:
        """How many uniform numbers one draw takes."""
        return self.latent_dim

    @abc.abstractmethod
    def draw(self, u: tf.Tensor, condition: Any = None) -> tf.Tensor:
        """Draws latents through the inverse CDF.

        Args:
          u: (..., num_uniforms) float32 in (0, 1).
          condition: what the model is told beside the seed, one a row; None without.

        Returns:
          z: (..., latent_dim) float32.
        """

    @abc.abstractmethod
    def log_prob(self, z: tf.Tensor, condition: Any = None) -> tf.Tensor:
        """Evaluates `log p(z | condition)`, summed over the latents.

        Args:
          z: (..., latent_dim).
          condition: what the model is told beside the seed, one a row; None without.

        Returns:
          log_prob: (...) float32, nats.
        """

    @abc.abstractmethod
    def distribution(self) -> Any:
        """Makes the TensorFlow Probability object of the prior.

        Returns:
          distribution: of float32 vectors, (latent_dim,).
        """

    def restrained(self, z: tf.Tensor, temperature: tf.Tensor | None = None, truncation: tf.Tensor | None = None) -> tf.Tensor:
        """Draws latents in towards the prior's centre, for likelier and less varied samples.

        Args:
          z: (batch, latent_dim), drawn from the prior.
          temperature: (batch,) float32, positive: what the distance from the centre is multiplied by; None for 1.
          truncation: (batch,) float32, positive: the largest distance of each latent from the centre; None for no bound.

        Returns:
          z: (batch, latent_dim).
        """
        if temperature is not None:
            z *= temperature[:, None]
        if truncation is not None:
            bound = truncation[:, None]
            z = tf.clip_by_value(z, -bound, bound)
        return z

    def get_config(self) -> dict[str, Any]:
        return {"latent_dim": self.latent_dim}


@keras.saving.register_keras_serializable("tfgen")
class StandardNormal(Prior):
    """Independent standard normal latents, `log p(z) = sum{ -z[j]**2 / 2 - log(2 pi) / 2 : j = 1...J }`.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import StandardNormal
      >>> round(float(StandardNormal(2).log_prob(tf.zeros((1, 2)))[0]), 4)
      -1.8379
    """

    def draw(self, u: tf.Tensor, condition: Any = None) -> tf.Tensor:
        del condition
        return tf.math.ndtri(u)

    def log_prob(self, z: tf.Tensor, condition: Any = None) -> tf.Tensor:
        del condition
        return tf.reduce_sum(normal_log_prob(z, 0.0, 1.0), -1)

    def distribution(self) -> Any:
        from tensorflow_probability import distributions as tfd

        return tfd.Sample(tfd.Normal(0.0, 1.0), self.latent_dim)


@keras.saving.register_keras_serializable("tfgen")
class Uniform(Prior):
    """Independent latents, uniform in [-1, 1]: `log p(z) = -J log 2` inside the cube and minus infinity outside.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import Uniform
      >>> Uniform(2).draw(tf.constant([[0.25, 0.5]])).numpy().tolist()
      [[-0.5, 0.0]]

    Reference: Radford, Metz, Chintala, 2016, Unsupervised representation learning with DCGANs, arXiv 1511.06434, section 3.
    """

    def draw(self, u: tf.Tensor, condition: Any = None) -> tf.Tensor:
        del condition
        return 2.0 * u - 1.0

    def log_prob(self, z: tf.Tensor, condition: Any = None) -> tf.Tensor:
        del condition
        inside = tf.reduce_all(tf.abs(tf.cast(z, tf.float32)) <= 1.0, -1)
        return tf.where(inside, -self.latent_dim * math.log(2.0), -math.inf)

    def distribution(self) -> Any:
        from tensorflow_probability import distributions as tfd

        return tfd.Sample(tfd.Uniform(-1.0, 1.0), self.latent_dim)


@keras.saving.register_keras_serializable("tfgen")
class NormalMixture(Prior, keras.layers.Layer):
    """A learned mixture of diagonal Gaussians, `p(z) = sum{ w[k] N(z; loc[k], scale[k]) : k = 1...K }`.

    Its weights are a Keras layer's. It begins as K equally likely Gaussians of scale 1 about standard normal centres. The
    choice of a component in `draw` is discrete: what is drawn has gradients for `loc` and `scale`, `log_prob` for all weights.
    It equals itself only, as two of one config may have learned different weights.

    Args:
      latent_dim: number J of latents.
      components: number K of Gaussians.
      seed: fixes the centres at the start.
      **kwargs: Keras's `name`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import NormalMixture
      >>> NormalMixture(2, components=3).draw(tf.fill((5, 3), 0.5)).shape.as_list()
      [5, 2]

    Reference: Tomczak, Welling, 2018, VAE with a VampPrior, arXiv 1705.07120, section 4.
    """

    def __init__(self, latent_dim: int, components: int = 10, *, seed: int = 0, **kwargs: Any) -> None:
        keras.layers.Layer.__init__(self, dtype="float32", **kwargs)
        Prior.__init__(self, latent_dim)
        self.components = checks.integer(components, "components", least=1)
        self.seed = checks.integer(seed, "seed", least=0)
        shape = (self.components, self.latent_dim)
        self.logits = self.add_weight(name="logits", shape=(self.components,), initializer="zeros")
        centres = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.loc = self.add_weight(name="loc", shape=shape, initializer=centres)
        self.raw_scale = self.add_weight(name="raw_scale", shape=shape, initializer="zeros")
        self.built = True

    @property
    def num_uniforms(self) -> int:
        """How many uniform numbers one draw takes: the first chooses the component."""
        return self.latent_dim + 1

    @property
    def scale(self) -> tf.Tensor:
        """The standard deviations of the components, (components, latent_dim)."""
        return tf.math.softplus(tf.convert_to_tensor(self.raw_scale) + 0.5413) + 1e-4  # a zero weight is a scale of 1

    def draw(self, u: tf.Tensor, condition: Any = None) -> tf.Tensor:
        del condition
        chosen = draw_category(tf.convert_to_tensor(self.logits), u[..., 0], 1.0)
        # a product, as the gradient of a lookup is a sparse one that replicas cannot add up
        chosen = tf.one_hot(chosen, self.components)
        loc, scale = tf.tensordot(chosen, tf.convert_to_tensor(self.loc), 1), tf.tensordot(chosen, self.scale, 1)
        return loc + scale * tf.math.ndtri(u[..., 1:])

    def log_prob(self, z: tf.Tensor, condition: Any = None) -> tf.Tensor:
        del condition
        log_prob = tf.reduce_sum(normal_log_prob(z[..., None, :], self.loc, self.scale), -1)  # (..., components)
        return tf.reduce_logsumexp(log_prob + tf.nn.log_softmax(tf.convert_to_tensor(self.logits)), -1)

    def distribution(self) -> Any:
        from tensorflow_probability import distributions as tfd

        gaussians = tfd.MultivariateNormalDiag(tf.convert_to_tensor(self.loc), self.scale)
        return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.convert_to_tensor(self.logits)), gaussians)

    def restrained(self, z: tf.Tensor, temperature: tf.Tensor | None = None, truncation: tf.Tensor | None = None) -> tf.Tensor:
        if temperature is None and truncation is None:
            return z
        weights = tf.nn.softmax(tf.convert_to_tensor(self.logits))
        centre = tf.tensordot(weights, tf.convert_to_tensor(self.loc), 1)  # the mixture's mean, (latent_dim,)
        return centre + super().restrained(z - centre, temperature, truncation)

    def get_config(self) -> dict[str, Any]:
        return {"latent_dim": self.latent_dim, "components": self.components, "seed": self.seed, "name": self.name}

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


_BY_NAME = {"normal": StandardNormal, "uniform": Uniform}


def get_prior(identifier: str | Prior | dict[str, Any] | None, latent_dim: int) -> Prior:
    """Turns a prior's name into the prior.

    Args:
      identifier: "normal" (or None), "uniform", a `Prior`, or its serialised form.
      latent_dim: number of latents of the model.

    Returns:
      prior: an object with `draw` and `log_prob`.

    Raises:
      ValueError: the name is unknown, or the prior is of another number of latents.

    Example:
      >>> import tfgen
      >>> tfgen.distributions.get_prior("uniform", 3).num_uniforms
      3
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Prior):
        if identifier.latent_dim != latent_dim:
            raise ValueError(
                f"Expected `prior` to have the model's number of latents, {latent_dim}. "
                f"Received: prior.latent_dim={identifier.latent_dim}"
            )
        return identifier
    name = "normal" if identifier is None else identifier
    if not isinstance(name, str) or name not in _BY_NAME:
        raise ValueError(f"Expected `prior` to be one of {sorted(_BY_NAME)} or a Prior. Received: prior={identifier!r}")
    return _BY_NAME[name](latent_dim)
