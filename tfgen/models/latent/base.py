"""The latent-variable family: an encoder, a decoder, and bounds on the likelihood."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import objectives, random
from tfgen.distributions import kl_to_standard_normal, normal_log_prob, normal_quantile
from tfgen.metrics.likelihood import nats_to_bits_per_dim
from tfgen.models import configuration, signatures
from tfgen.models.likelihood import LikelihoodModel
from tfgen.models.signatures import Signature

__all__ = ["LatentVariableModel"]

_LATENTS, _POSTERIOR = 0, 2  # streams of noise
_DECODES_AT_ONCE = 2048
_EXPORTED_SAMPLES = 64


class LatentVariableModel(LikelihoodModel, abc.ABC):
    """Abstract base of models `p(x) = integral of p(x | z) p(z)`, `p(z) = N(0, 1)`, with a posterior `q(z | x) = N(loc,
    scale)`.

    A subclass builds `self.encoder` (images to (batch, 2 * latent_dim): the mean, and the scale before a softplus) and
    `self.decoder` (latents to (batch, height, width, channels * num_parameters)), sets the objective's attributes and calls
    `self._finish_networks(image_shape)`.
    """

    sampling_controls: ClassVar[tuple[str, ...]] = ("temperature",)
    likelihood_kind: ClassVar[str] = "bound"
    encoder: Any
    decoder: Any
    latent_dim: int
    beta: float
    kl_warmup_steps: int
    free_bits: float
    importance_samples: int

    def _finish_networks(self, image_shape: Sequence[int]) -> None:
        """Checks what the networks take and return, and makes their averaged copies."""
        outputs = self.likelihood.num_outputs(image_shape[2])
        configuration.check_network(self.encoder, "encoder", tuple(image_shape), (2 * self.latent_dim,))
        configuration.check_network(self.decoder, "decoder", (self.latent_dim,), (*image_shape[:2], outputs))
        self.averaged_encoder = self._average_of(self.encoder)
        self.averaged_decoder = self._average_of(self.decoder)
        metrics = ["loss", "elbo", "reconstruction", "kl"]
        self._finish(image_shape, metrics + (["bits_per_dim"] if self.likelihood.discrete else []))

    def _averaged_pairs(self) -> list[tuple[Any, Any]]:
        return [(self.encoder, self.averaged_encoder), (self.decoder, self.averaged_decoder)]

    # ---- the three distributions ----

    def _posterior(self, x: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = tf.cast((self.encoder if training else self.averaged_encoder)(x, training=training), tf.float32)
        loc, raw = tf.split(outputs, 2, axis=-1)
        return loc, tf.math.softplus(raw + 0.5413) + 1e-4  # a zero output is a standard normal

    def _decode(self, latents: tf.Tensor, training: bool) -> tf.Tensor:
        outputs = (self.decoder if training else self.averaged_decoder)(latents, training=training)
        return self.likelihood.split(outputs, self.event_shape[-1])

    def _log_likelihood(self, x: tf.Tensor, latents: tf.Tensor, training: bool) -> tf.Tensor:
        log_prob = self.likelihood.log_prob(self._decode(latents, training), x)
        return tf.reduce_sum(log_prob, axis=[1, 2, 3])

    # ---- objectives ----

    def _per_example(self, x: tf.Tensor, seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        if self.importance_samples > 1:
            return self._importance_weighted(x, seeds, training)
        loc, scale = self._posterior(x, training)
        latents = normal_quantile(random.uniform(seeds, (self.latent_dim,), stream=_POSTERIOR), loc, scale)
        log_likelihood = self._log_likelihood(self.likelihood.prepare(x, seeds), latents, training)
        kl = kl_to_standard_normal(loc, scale)
        total = tf.reduce_sum(kl, -1)
        charged = objectives.free_bits(kl, self.free_bits, _global_mean(kl)) if self.free_bits else total
        loss = -objectives.elbo(log_likelihood, charged, self._beta_now(training))
        return {"loss": loss, "elbo": objectives.elbo(log_likelihood, total), "reconstruction": -log_likelihood, "kl": total}

    def _beta_now(self, training: bool) -> tf.Tensor | float:
        if not (training and self.kl_warmup_steps):
            return self.beta
        progress = tf.cast(self.step, tf.float32) / self.kl_warmup_steps
        return self.beta * tf.minimum(progress, 1.0)

    def _importance_weighted(self, x: tf.Tensor, seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        log_weights, log_likelihood = self._log_weights(x, seeds, self.importance_samples, training)
        bound = objectives.importance_weighted_bound(log_weights)
        elbo, reconstruction = tf.reduce_mean(log_weights, -1), -tf.reduce_mean(log_likelihood, -1)
        return {"loss": -bound, "elbo": elbo, "reconstruction": reconstruction, "kl": -elbo - reconstruction}

    def _log_weights(self, x: tf.Tensor, seeds: tf.Tensor, num_samples: int, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `log p(x, z) - log q(z | x)` and `log p(x | z)` at draws from the posterior, (batch, num_samples) each."""
        loc, scale = (t[:, None] for t in self._posterior(x, training))
        u = random.uniform(seeds, (num_samples, self.latent_dim), stream=_POSTERIOR)
        latents = normal_quantile(u, loc, scale)
        repeated = tf.repeat(self.likelihood.prepare(x, seeds), num_samples, axis=0)
        log_likelihood = self._log_likelihood(repeated, tf.reshape(latents, (-1, self.latent_dim)), training)
        log_likelihood = tf.reshape(log_likelihood, (-1, num_samples))
        log_ratio = normal_log_prob(latents, 0.0, 1.0) - normal_log_prob(latents, loc, scale)
        return log_likelihood + tf.reduce_sum(log_ratio, -1), log_likelihood

    def _complete_metrics(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        if "bits_per_dim" in self._trackers:
            values["bits_per_dim"] = nats_to_bits_per_dim(-values["elbo"], self.event_shape)
        return values

    def _probe(self, x: tf.Tensor, seeds: tf.Tensor, **conditions: tf.Tensor) -> dict[str, tf.Tensor]:
        return {**super()._probe(x, seeds, **conditions), "posterior_loc": self._posterior(x, True, **conditions)[0]}

    # ---- public bounds ----

    def elbo(self, x: Any, seed: int | Sequence[int] | None = None, batch_size: int = 256) -> np.ndarray:
        """Computes the evidence lower bound of each image, `log p(x) >= log p(x | z) - KL(q(z | x) || p(z))` at one draw of z.

        Args:
          x: (n, height, width, channels) in [0, 1].
          seed: one integer for the call, one per row, or None for a fresh one.
          batch_size: rows computed at once; it does not change the result.

        Returns:
          elbo: (n,) float32, nats, of discrete data where the likelihood is discrete or dequantised.

        Raises:
          ValueError: wrong shape or range, or NaN.
        """

        def bound(x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
            loc, scale = self._posterior(x, False)
            latents = normal_quantile(random.uniform(seeds, (self.latent_dim,), stream=_POSTERIOR), loc, scale)
            log_likelihood = self._log_likelihood(self.likelihood.prepare(x, seeds), latents, False)
            return objectives.elbo(log_likelihood, tf.reduce_sum(kl_to_standard_normal(loc, scale), -1))

        array = self._as_batch(x)
        return self._in_chunks(self._compiled("elbo", bound), [array, random.as_row_seeds(seed, len(array))], batch_size)

    def log_prob_bound(
        self, x: Any, num_samples: int = 100, seed: int | Sequence[int] | None = None, *, batch_size: int | None = None
    ) -> np.ndarray:
        """Computes the importance-weighted bound of each image, `log p(x) >= log( mean{ p(x, z[k]) / q(z[k] | x) : k =
        1...K } )`.

        Args:
          x: (n, height, width, channels) in [0, 1].
          num_samples: K, at least 1; the bound rises with it.
          seed: one integer for the call, one per row, or None for a fresh one.
          batch_size: rows computed at once; None chooses by memory. It does not change the result.

        Returns:
          bound: (n,) float32, nats.

        Raises:
          ValueError: wrong shape or range, NaN, or `num_samples` below 1.

        Reference: Burda, Grosse, Salakhutdinov, 2016, Importance weighted autoencoders, arXiv 1509.00519.
        """
        if num_samples < 1:
            raise ValueError(f"`num_samples` must be at least 1. Received: num_samples={num_samples}")
        array = self._as_batch(x)
        function = self._compiled(f"log_prob_bound:{num_samples}", lambda x, s: self._bound(x, s, num_samples))
        rows = batch_size or max(1, _DECODES_AT_ONCE // num_samples)
        return self._in_chunks(function, [array, random.as_row_seeds(seed, len(array))], rows)

    def _bound(self, x: tf.Tensor, seeds: tf.Tensor, num_samples: int) -> tf.Tensor:
        return objectives.importance_weighted_bound(self._log_weights(x, seeds, num_samples, False)[0])

    # ---- encode, decode ----

    def encode(self, x: Any, batch_size: int = 256) -> tuple[np.ndarray, np.ndarray]:
        """Computes the posterior of each image.

        Args:
          x: (n, height, width, channels) in [0, 1].
          batch_size: rows computed at once.

        Returns:
          loc: (n, latent_dim) float32, the posterior's mean.
          scale: (n, latent_dim) float32, its standard deviation.
        """
        function = self._compiled("encode", lambda x: tf.concat(self._posterior(x, False), -1))
        both = self._in_chunks(function, [self._as_batch(x)], batch_size)
        return both[:, : self.latent_dim], both[:, self.latent_dim :]

    def decode(self, latents: Any, batch_size: int = 256) -> np.ndarray:
        """Computes the mean image of each latent vector.

        Args:
          latents: (n, latent_dim).
          batch_size: rows computed at once.

        Returns:
          images: (n, height, width, channels) float32 in [0, 1].

        Raises:
          ValueError: wrong shape.
        """
        array = np.asarray(latents, np.float32)
        if array.ndim != 2 or array.shape[1] != self.latent_dim:
            raise ValueError(f"Expected `latents` of shape (n, {self.latent_dim}). Received: shape {array.shape}")
        function = self._compiled("decode", lambda z: self.likelihood.mean(self._decode(z, False)))
        return self._in_chunks(function, [array], batch_size)

    def reconstruct(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Decodes the posterior's mean of each image.

        Args:
          x: (n, height, width, channels) in [0, 1].
          batch_size: rows computed at once.

        Returns:
          images: (n, height, width, channels) float32 in [0, 1].
        """
        return self.decode(self.encode(x, batch_size)[0], batch_size)

    def interpolate(self, a: Any, b: Any, steps: int = 8) -> np.ndarray:
        """Walks in a straight line through latent space from images to images.

        Args:
          a: (n, height, width, channels) in [0, 1], where the walks begin.
          b: the same shape, where they end.
          steps: images a walk, ends included, at least 2.

        Returns:
          images: (n, steps, height, width, channels) float32 in [0, 1].

        Raises:
          ValueError: fewer than 2 steps, wrong shapes, or different numbers of images.
        """
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2, both ends included. Received: steps={steps}")
        if len(a) != len(b):
            raise ValueError(
                f"Expected as many images in `b` as in `a`: one walk for each pair. Received: {len(a)} and {len(b)}"
            )
        start, end = self.encode(a)[0][:, None], self.encode(b)[0][:, None]
        weights = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
        latents = (1 - weights) * start + weights * end
        return self.decode(latents.reshape(-1, self.latent_dim)).reshape(-1, steps, *self.event_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Reconstructs images from the posterior's mean: (batch, height, width, channels) in [0, 1]."""
        loc, _ = self._posterior(tf.cast(inputs, tf.float32), training)
        return self.likelihood.mean(self._decode(loc, training))

    def _sample_rows(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor]) -> tf.Tensor:
        latents = random.normal(seeds, (self.latent_dim,), stream=_LATENTS)
        if "temperature" in controls:
            latents *= controls["temperature"][:, None]
        return self.likelihood.mean(self._decode(latents, False))

    # ---- serving ----

    def signatures(self) -> dict[str, Signature]:
        """See `GenerativeModel.signatures`; adds `encode`, `decode`, `reconstruct` and `log_prob_bound`."""

        def encode(image: tf.Tensor) -> dict[str, tf.Tensor]:
            return dict(zip(("latent", "scale"), self._posterior(image, False), strict=True))

        def decode(latent: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"image": self.likelihood.mean(self._decode(latent, False))}

        def bound(image: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"log_prob_bound": self._bound(image, seed, _EXPORTED_SAMPLES)}

        image = signatures.batch_of(self.event_shape, tf.float32, "image")
        return {
            **super().signatures(),
            "encode": Signature(encode, [image]),
            "decode": Signature(decode, [signatures.batch_of((self.latent_dim,), tf.float32, "latent")]),
            "reconstruct": Signature(lambda image: {"image": self.call(image)}, [image]),
            "log_prob_bound": Signature(bound, [image, signatures.batch_of((), tf.int64, "seed")]),
        }

    def export_metadata(self) -> dict[str, Any]:
        """See `GenerativeModel.export_metadata`; adds the latents and the kind of bound."""
        bound = {"log_prob_bound": f"importance-weighted lower bound, {_EXPORTED_SAMPLES} samples, nats"}
        return {
            **super().export_metadata(),
            "latent_dim": self.latent_dim,
            "likelihood": type(self.likelihood).__name__,
            **bound,
        }

    def default_optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(1e-3)


def _global_mean(kl: tf.Tensor) -> tf.Tensor:
    """Averages over the rows of all replicas."""
    mean = tf.stop_gradient(tf.reduce_mean(kl, axis=0))
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return mean
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, mean)
