"""Bounds on the log-likelihood of latent-variable models, as objects: what training descends and what it reports."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.objectives.latent import elbo, free_bits, importance_weighted_bound
from tfgen.objectives.settings import Settings

__all__ = ["ELBO", "Bound", "ImportanceWeighted", "Inference", "make_bound"]

Schedule = keras.optimizers.schedules.LearningRateSchedule


@dataclass
class Inference:
    """What a model infers of its inputs: one draw of the latents a row, and what it costs.

    Args:
      latents: (rows, latent_dim) float32.
      log_q: (rows,) nats, `log q(z | x)`; None where q has no density.
      log_prior: (rows,) nats, `log p(z)`; None where it was not asked for.
      kl: (rows, latent_dim) nats, `KL(q(z | x) || p(z))` of each latent; None where only Monte Carlo will do.
      extra: whatever else the model needs of this pass, by name.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.objectives.Inference(tf.zeros((1, 2)), log_q=tf.zeros(1)).kl is None
      True
    """

    latents: tf.Tensor
    log_q: tf.Tensor | None = None
    log_prior: tf.Tensor | None = None
    kl: tf.Tensor | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Bound(Settings, abc.ABC):
    """What every bound offers; a subclass is a frozen dataclass. `num_samples` draws from the posterior go into one row of it."""

    num_samples: int

    def numbers(self) -> dict[str, float]:
        """Lists the numbers in whose place `holding` may put variables, so that a graph need not be traced again when they change.

        Returns:
          numbers: by name of the field; none by default.
        """
        return {}

    @abc.abstractmethod
    def __call__(
        self,
        log_likelihood: tf.Tensor,
        log_q: tf.Tensor | None,
        log_prior: tf.Tensor | None,
        kl: tf.Tensor | None,
        *,
        step: tf.Tensor | int,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        """Computes what training descends and what it reports.

        Args:
          log_likelihood: (batch, K) nats, `log p(x | z)` at K draws from the posterior.
          log_q: (batch, K) nats, `log q(z | x)`; None where q has no density.
          log_prior: (batch, K) nats, `log p(z)`.
          kl: (batch, latent_dim) nats, `KL(q(z | x) || p(z))` of each latent; None where only Monte Carlo will do.
          step: training steps taken so far.
          training: whether schedules of training hold.

        Returns:
          values: "loss" (what training descends), "elbo", "reconstruction" (`-log p(x | z)`) and "kl", (batch,) nats each.
        """


def _global_mean(kl: tf.Tensor) -> tf.Tensor:
    """Averages over the rows of all replicas."""
    mean = tf.stop_gradient(tf.reduce_mean(kl, axis=0))
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return mean
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, mean)


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class ELBO(Bound):
    """The evidence lower bound, `log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || p(z))`, and what is trained in its place.

    `loss = -log p(x | z) + beta * KL`. Where the KL has no closed form, `log q(z | x) - log p(z)` at the draw stands for it.
    What is reported as "elbo" is the bound itself, whatever `beta` and the free bits are.

    Args:
      beta: weight of the KL term, at least 0 (beta-VAE); or a `keras.optimizers.schedules.LearningRateSchedule` of the training steps
        taken, `PolynomialDecay(0.0, 1000, 1.0)` for example.
      warmup_steps: steps of training over which that weight rises linearly from 0 to `beta`.
      free_bits: nats per latent that cost nothing, at least 0; or a schedule.

    Raises:
      ValueError: an argument is out of range, or free bits meet a KL without a closed form.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> bound = tfgen.objectives.ELBO(beta=2.0)
      >>> values = bound(tf.constant([[-3.0]]), None, None, tf.constant([[1.0]]), step=0, training=True)
      >>> float(values["loss"][0]), float(values["elbo"][0])
      (5.0, -4.0)

    Reference: Kingma, Welling, 2014, Auto-encoding variational Bayes, arXiv 1312.6114, equation 3; Higgins et al., 2017,
      beta-VAE; Kingma et al., 2016, arXiv 1606.04934, equation 15 (free bits).
    """

    num_samples: ClassVar[int] = 1
    beta: float | Schedule = 1.0
    warmup_steps: int = 0
    free_bits: float | Schedule = 0.0

    def __post_init__(self) -> None:
        beta, free = _number_or_schedule(self.beta, "beta"), _number_or_schedule(self.free_bits, "free_bits")
        self._hold(beta=beta, free_bits=free, warmup_steps=checks.integer(self.warmup_steps, "warmup_steps", least=0))

    def numbers(self) -> dict[str, float]:
        found: dict[str, Any] = {"beta": self.beta, "warmup_steps": self.warmup_steps, "free_bits": self.free_bits}
        # without a warm-up, or free bits, the graph is another one
        return {name: value for name, value in found.items() if isinstance(value, (int, float)) and (value or name == "beta")}

    def __call__(
        self,
        log_likelihood: tf.Tensor,
        log_q: tf.Tensor | None,
        log_prior: tf.Tensor | None,
        kl: tf.Tensor | None,
        *,
        step: tf.Tensor | int,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        log_likelihood = tf.reduce_mean(log_likelihood, -1)
        total = _drawn_kl(log_q, log_prior) if kl is None else tf.reduce_sum(kl, -1)
        charged = total
        if not _is_zero(self.free_bits):
            if kl is None:
                raise ValueError(
                    "Free bits are of each latent's KL: expected a posterior and a prior whose KL has a closed form, or "
                    f"`free_bits=0`. Received: kl=None, free_bits={self.free_bits}"
                )
            charged = free_bits(kl, _at(self.free_bits, step), _global_mean(kl))
        loss = -elbo(log_likelihood, charged, self._beta_at(step, training))
        return {"loss": loss, "elbo": elbo(log_likelihood, total), "reconstruction": -log_likelihood, "kl": total}

    def _beta_at(self, step: tf.Tensor | int, training: bool) -> tf.Tensor | float:
        beta = _at(self.beta, step)
        if not training or _is_zero(self.warmup_steps):
            return beta
        progress = tf.cast(step, tf.float32) / self.warmup_steps
        return beta * tf.minimum(progress, 1.0)


def _number_or_schedule(value: Any, name: str) -> Any:
    return value if isinstance(value, Schedule) else checks.number(value, name, least=0)


def _at(value: Any, step: tf.Tensor | int) -> Any:
    return tf.cast(value(tf.convert_to_tensor(step)), tf.float32) if isinstance(value, Schedule) else value


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and not value


def _drawn_kl(log_q: tf.Tensor | None, log_prior: tf.Tensor | None) -> tf.Tensor:
    if log_q is None or log_prior is None:
        raise ValueError(
            "A bound needs the KL of the posterior: expected `kl`, or `log_q` and `log_prior`. "
            f"Received: kl=None, log_q={log_q}, log_prior={log_prior}"
        )
    return tf.reduce_mean(log_q - log_prior, -1)


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class ImportanceWeighted(Bound):
    """The importance-weighted bound, `log p(x) >= E[log( mean{ p(x, z[k]) / q(z[k] | x) : k = 1...K } )]`.

    What is reported as "elbo" is the mean over the K draws, with the KL by Monte Carlo.

    Args:
      num_samples: K, at least 1.

    Raises:
      ValueError: `num_samples` is below 1, or the posterior has no density.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> bound, zeros = tfgen.objectives.ImportanceWeighted(2), tf.zeros((1, 2))
      >>> values = bound(tf.constant([[-1.0, -1.0]]), zeros, zeros, None, step=0, training=True)
      >>> float(values["loss"][0])
      1.0

    Reference: Burda, Grosse, Salakhutdinov, 2016, Importance weighted autoencoders, arXiv 1509.00519, equation 8.
    """

    num_samples: int

    def __post_init__(self) -> None:
        self._hold(num_samples=checks.integer(self.num_samples, "num_samples", least=1))

    def __call__(
        self,
        log_likelihood: tf.Tensor,
        log_q: tf.Tensor | None,
        log_prior: tf.Tensor | None,
        kl: tf.Tensor | None,
        *,
        step: tf.Tensor | int,
        training: bool,
    ) -> dict[str, tf.Tensor]:
        del kl, step, training
        if log_q is None or log_prior is None:
            raise ValueError(
                "Importance weights need densities: expected `log_q` and `log_prior`. "
                f"Received: log_q={log_q}, log_prior={log_prior}"
            )
        log_weights = log_likelihood + (log_prior - log_q)
        mean, reconstruction = tf.reduce_mean(log_weights, -1), -tf.reduce_mean(log_likelihood, -1)
        loss = -importance_weighted_bound(log_weights)
        return {"loss": loss, "elbo": mean, "reconstruction": reconstruction, "kl": -mean - reconstruction}


def make_bound(
    beta: float | Schedule = 1.0,
    kl_warmup_steps: int = 0,
    free_bits: float | Schedule = 0.0,
    *,
    importance_samples: int = 1,
) -> Bound:
    """Makes a bound from the numbers that say it.

    Args:
      beta: weight of the KL term, at least 0, or a schedule.
      kl_warmup_steps: steps over which that weight rises from 0 to `beta`.
      free_bits: nats per latent that cost nothing, or a schedule.
      importance_samples: draws of the importance-weighted bound; 1 for the ELBO.

    Returns:
      bound: an `ELBO`, or an `ImportanceWeighted`.

    Raises:
      ValueError: an argument is out of range, or `importance_samples` meets the others, which the importance-weighted bound has
        no KL term for.

    Example:
      >>> import tfgen
      >>> tfgen.objectives.make_bound(importance_samples=5)
      ImportanceWeighted(num_samples=5)
    """
    _number_or_schedule(beta, "beta")
    checks.integer(kl_warmup_steps, "kl_warmup_steps", least=0)
    _number_or_schedule(free_bits, "free_bits")
    checks.integer(importance_samples, "importance_samples", least=1)
    if importance_samples == 1:
        return ELBO(beta, kl_warmup_steps, free_bits)
    if beta != 1 or kl_warmup_steps or free_bits:
        raise ValueError(
            "The importance-weighted bound has no KL term to weigh: expected `beta=1`, `kl_warmup_steps=0` and `free_bits=0` beside "
            f"`importance_samples`. Received: beta={beta}, kl_warmup_steps={kl_warmup_steps}, "
            f"free_bits={free_bits}, importance_samples={importance_samples}"
        )
    return ImportanceWeighted(importance_samples)
