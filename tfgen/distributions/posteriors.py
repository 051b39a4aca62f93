"""Posteriors q(z | x): what an encoder's numbers say of the latents of its input."""

from __future__ import annotations

import abc
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.distributions.base import Configured
from tfgen.distributions.gaussian import kl_to_standard_normal, normal_log_prob, normal_quantile
from tfgen.distributions.priors import Prior, StandardNormal

__all__ = ["DiagonalNormal", "FullNormal", "PointMass", "Posterior", "get_posterior"]


class Posterior(Configured, abc.ABC):
    """What every posterior `q(z | x)` of latents offers, in float32 and nats.

    `split` turns an encoder's outputs into parameters by name; "loc", (batch, latent_dim), the mean, is always among them, and
    "scale", the standard deviation of each latent, where there is one.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.
    """

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = checks.integer(latent_dim, "latent_dim", least=1)

    @property
    @abc.abstractmethod
    def num_parameters(self) -> int:
        """How many numbers the encoder returns for one example."""

    @abc.abstractmethod
    def split(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Turns an encoder's outputs into parameters.

        Args:
          outputs: (batch, num_parameters) of any number format.

        Returns:
          parameters: by name, float32, (batch, ...) each.
        """

    @abc.abstractmethod
    def draw(self, parameters: dict[str, tf.Tensor], u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Draws latents through the inverse CDF, differentiable in the parameters.

        Args:
          parameters: what `split` returned.
          u: (batch, latent_dim) float32 in (0, 1).

        Returns:
          z: (batch, latent_dim) float32.
          log_q: (batch,) nats, `log q(z | x)` summed over the latents; None where q has no density.
        """

    def kl(self, parameters: dict[str, tf.Tensor], prior: Prior) -> tf.Tensor | None:
        """Evaluates `KL(q(z | x) || p(z))` where a closed form is known.

        Args:
          parameters: what `split` returned.
          prior: p(z).

        Returns:
          kl: (batch, latent_dim) nats, whose sum over the latents is the divergence; None where only Monte Carlo will do.
        """
        del parameters, prior
        return None

    def get_config(self) -> dict[str, Any]:
        return {"latent_dim": self.latent_dim}


def _positive(raw: tf.Tensor) -> tf.Tensor:
    return tf.math.softplus(raw + 0.5413) + 1e-4  # a zero output is a scale of 1


@keras.saving.register_keras_serializable("tfgen")
class DiagonalNormal(Posterior):
    """Independent Gaussian latents, `q(z | x) = product{ N(z[j]; loc[j], scale[j]) : j = 1...J }`; zero outputs are N(0, 1).

    An encoder returns J means and then J numbers for the scales, `scale = softplus(raw + 0.5413) + 1e-4`.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import DiagonalNormal, StandardNormal
      >>> posterior = DiagonalNormal(2)
      >>> parameters = posterior.split(tf.constant([[1.0, 0.0, 0.0, 0.0]]))
      >>> [round(float(kl), 2) for kl in posterior.kl(parameters, StandardNormal(2))[0]]
      [0.5, 0.0]

    Reference: Kingma, Welling, 2014, Auto-encoding variational Bayes, arXiv 1312.6114, equation 9.
    """

    @property
    def num_parameters(self) -> int:
        return 2 * self.latent_dim

    def split(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        loc, raw = tf.split(tf.cast(outputs, tf.float32), 2, axis=-1)
        return {"loc": loc, "scale": _positive(raw)}

    def draw(self, parameters: dict[str, tf.Tensor], u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        loc, scale = parameters["loc"], parameters["scale"]
        z = normal_quantile(u, loc, scale)
        return z, tf.reduce_sum(normal_log_prob(z, loc, scale), -1)

    def kl(self, parameters: dict[str, tf.Tensor], prior: Prior) -> tf.Tensor | None:
        if not isinstance(prior, StandardNormal):
            return None
        return kl_to_standard_normal(parameters["loc"], parameters["scale"])


@keras.saving.register_keras_serializable("tfgen")
class FullNormal(Posterior):
    """A Gaussian of full covariance, `q(z | x) = N(z; loc, L L^T)`, L lower triangular; zero outputs are N(0, 1).

    An encoder returns J means and then the J (J + 1) / 2 numbers of L, in the order of `tfp.math.fill_triangular`; those on
    the diagonal are made positive, `softplus(raw + 0.5413) + 1e-4`. Its parameters are "loc", "cholesky" (batch, J, J) and
    "scale", the standard deviation of each latent alone.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import FullNormal
      >>> posterior = FullNormal(2)
      >>> parameters = posterior.split(tf.zeros((1, 5)))
      >>> parameters["cholesky"].numpy().round(3).tolist()
      [[[1.0, 0.0], [0.0, 1.0]]]

    Reference: Kingma, Welling, 2019, An introduction to variational autoencoders, arXiv 1906.02691, section 2.5.1.
    """

    @property
    def num_parameters(self) -> int:
        return self.latent_dim + self.latent_dim * (self.latent_dim + 1) // 2

    def split(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        import tensorflow_probability as tfp

        outputs = tf.cast(outputs, tf.float32)
        loc, raw = outputs[..., : self.latent_dim], outputs[..., self.latent_dim :]
        triangle = tfp.math.fill_triangular(raw)  # (batch, J, J)
        cholesky = tf.linalg.set_diag(triangle, _positive(tf.linalg.diag_part(triangle)))
        return {"loc": loc, "cholesky": cholesky, "scale": tf.sqrt(tf.reduce_sum(cholesky**2, -1))}

    def draw(self, parameters: dict[str, tf.Tensor], u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        cholesky, noise = parameters["cholesky"], tf.math.ndtri(u)
        z = parameters["loc"] + tf.linalg.matvec(cholesky, noise)
        # the density of the noise, less what the factor stretches it by
        stretch = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(cholesky)), -1)
        return z, tf.reduce_sum(normal_log_prob(noise, 0.0, 1.0), -1) - stretch

    def kl(self, parameters: dict[str, tf.Tensor], prior: Prior) -> tf.Tensor | None:
        """Evaluates `(scale[j]**2 + loc[j]**2 - 1) / 2 - log L[j, j]`: the expected KL of each latent given those before it."""
        if not isinstance(prior, StandardNormal):
            return None
        # none is negative, and by the chain rule they sum to the divergence of all latents
        stretch = tf.math.log(tf.linalg.diag_part(parameters["cholesky"]))
        return (parameters["scale"] ** 2 + parameters["loc"] ** 2 - 1.0) / 2.0 - stretch


@keras.saving.register_keras_serializable("tfgen")
class PointMass(Posterior):
    """All of q on one point, `z = loc(x)`: an autoencoder's code, which has no density, so no KL and no bound.

    Args:
      latent_dim: number J of latents.

    Raises:
      ValueError: `latent_dim` is not positive.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.distributions import PointMass
      >>> posterior = PointMass(2)
      >>> posterior.draw(posterior.split(tf.ones((1, 2))), tf.fill((1, 2), 0.3))[0].numpy().tolist()
      [[1.0, 1.0]]
    """

    @property
    def num_parameters(self) -> int:
        return self.latent_dim

    def split(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"loc": tf.cast(outputs, tf.float32)}

    def draw(self, parameters: dict[str, tf.Tensor], u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        del u
        return parameters["loc"], None


_BY_NAME = {"diagonal": DiagonalNormal, "full": FullNormal}


def get_posterior(identifier: str | Posterior | dict[str, Any] | None, latent_dim: int) -> Posterior:
    """Turns a posterior's name into the posterior.

    Args:
      identifier: "diagonal" (or None), "full", a `Posterior`, or its serialised form.
      latent_dim: number of latents of the model.

    Returns:
      posterior: an object with `split`, `draw` and `kl`.

    Raises:
      ValueError: the name is unknown, or the posterior is of another number of latents.

    Example:
      >>> import tfgen
      >>> tfgen.distributions.get_posterior("full", 3).num_parameters
      9
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Posterior):
        if identifier.latent_dim != latent_dim:
            raise ValueError(
                f"Expected `posterior` to have the model's number of latents, {latent_dim}. "
                f"Received: posterior.latent_dim={identifier.latent_dim}"
            )
        return identifier
    name = "diagonal" if identifier is None else identifier
    if not isinstance(name, str) or name not in _BY_NAME:
        raise ValueError(
            f"Expected `posterior` to be one of {sorted(_BY_NAME)} or a Posterior. Received: posterior={identifier!r}"
        )
    return _BY_NAME[name](latent_dim)
