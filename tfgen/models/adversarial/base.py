"""The adversarial family: a generator and a discriminator, each with its own optimizer."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.models import configuration, signatures
from tfgen.models.base import GenerativeModel
from tfgen.models.optimizers import OptimizerGroup, check_optimizer, gradient_norms, loss_scaled
from tfgen.models.signatures import Signature
from tfgen.objectives import AdversarialObjective

__all__ = ["AdversarialModel"]

_LATENTS = 0  # the stream of noise that latents are drawn from


class AdversarialModel(GenerativeModel, abc.ABC):
    """Abstract base of games between a generator and a discriminator.

    One step updates the discriminator, then the generator against the updated discriminator, both on the same generated
    images: the
    generator runs once. A subclass builds `self.generator` (latents to images in [0, 1]) and `self.discriminator` (images
    to one
    logit), sets `self.objective_pair` and calls `self._finish_players(image_shape)`.

    The metric "loss" is the sum of both players' losses; it says nothing of quality and is there for callbacks such as
    `TerminateOnNaN`.
    """

    accepts_sample_weight: ClassVar[bool] = False
    sampling_controls: ClassVar[tuple[str, ...]] = ("truncation",)
    generator: Any
    discriminator: Any
    latent_dim: int
    objective_pair: AdversarialObjective

    def _finish_players(self, image_shape: Sequence[int]) -> None:
        """Checks what the networks take and return, and makes the generator's averaged copy."""
        configuration.check_network(self.generator, "generator", (self.latent_dim,), tuple(image_shape))
        configuration.check_network(self.discriminator, "discriminator", tuple(image_shape), (1,))
        layers = self.discriminator._flatten_layers()
        self._normalises_batches = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
        self.averaged_generator = self._average_of(self.generator)
        self._finish(image_shape, ["loss", "generator_loss", "discriminator_loss"])

    def _averaged_pairs(self) -> list[tuple[Any, Any]]:
        return [(self.generator, self.averaged_generator)]

    # ---- optimizers ----

    def default_optimizer(self) -> keras.optimizers.Optimizer:
        """Makes the optimizer of the DCGAN paper.

        Returns:
          optimizer: a fresh one, for either player.
        """
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    def compile(self, generator_optimizer: Any = None, discriminator_optimizer: Any = None, **keywords: Any) -> None:
        """Prepares training.

        Args:
          generator_optimizer: a Keras optimizer, its name, or None for Adam(2e-4, beta_1=0.5).
          discriminator_optimizer: the same for the other player; it must be another object.
          **keywords: `run_eagerly`, `steps_per_execution`, `jit_compile`, as in Keras.

        Raises:
          ValueError: one object for both players, a loss or metrics, or an optimizer that cannot be resumed exactly.
        """
        if (
            generator_optimizer is not None
            and generator_optimizer is discriminator_optimizer
            and not isinstance(generator_optimizer, str)
        ):
            raise ValueError("Each player keeps its own moments: expected two optimizers. Received: one object for both")
        self._compile_keras(**keywords)
        players = {"generator": generator_optimizer, "discriminator": discriminator_optimizer}
        with self.distribute_strategy.scope():
            for player, given in players.items():
                optimizer = self.default_optimizer() if given is None else keras.optimizers.get(given)
                optimizer = loss_scaled(check_optimizer(optimizer, f"{player}_optimizer"), self.dtype_policy)
                optimizer.build(getattr(self, player).trainable_variables)
                setattr(self, f"{player}_optimizer", optimizer)
        self.optimizer = OptimizerGroup([self.generator_optimizer, self.discriminator_optimizer])

    def _optimizers(self) -> dict[str, Any]:
        return {"generator_optimizer": self.generator_optimizer, "discriminator_optimizer": self.discriminator_optimizer}

    # ---- training ----

    @abc.abstractmethod
    def _latents(self, seeds: tf.Tensor) -> tf.Tensor:
        """Draws latents, (batch, latent_dim), row by row from its seed."""

    def _logits(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        return tf.cast(self.discriminator(images, training=training), tf.float32)[:, 0]

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        real, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        real = tf.cast(real, tf.float32)
        with tf.control_dependencies([real]):  # the call that finds the data at its end must move no counter
            return self._step(real)

    def _step(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        latents = self._latents(self._training_seeds(tf.shape(real)[0]))
        with tf.GradientTape() as generator_tape:
            generated = self.generator(latents, training=True)
        discriminator_losses = self._train_discriminator(real, tf.stop_gradient(generated))
        # the generator has not changed since it drew, so its tape goes on from these very images
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(generated)
            generator_losses = self.objective_pair.generator(self._logits(generated, True))
            loss = self.generator_optimizer.scale_loss(self._mean(generator_losses))
        upstream = tape.gradient(loss, generated)
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(generated, variables, output_gradients=upstream)
        self.generator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._advance()
        return self._track_players(generator_losses, discriminator_losses, None)

    def _train_discriminator(self, real: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = self.objective_pair.discriminator(*self._judge(real, generated))
            loss = self.discriminator_optimizer.scale_loss(self._mean(losses))
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return losses

    def _judge(self, real: tf.Tensor, generated: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the logits of both; one pass serves both unless batch statistics must stay apart."""
        if self._normalises_batches:
            return self._logits(real, True), self._logits(generated, True)
        logits = self._logits(tf.concat([real, tf.cast(generated, real.dtype)], 0), True)
        first, second = tf.split(logits, 2)
        return first, second

    def _probe(self, x: tf.Tensor, seeds: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measures the game on a batch as a training step would see it, and takes no step; the `Doctor` sets back the statistics."""
        found: dict[str, tf.Tensor] = {}
        with tf.GradientTape(persistent=True) as tape:
            generated = self.generator(self._latents(seeds), training=True)
            found["real_logits"], found["generated_logits"] = self._judge(x, generated)
            losses = {
                "generator": self.objective_pair.generator(found["generated_logits"]),
                "discriminator": self.objective_pair.discriminator(found["real_logits"], found["generated_logits"]),
            }
            means = {player: tf.reduce_mean(values) for player, values in losses.items()}
        for player, loss in means.items():
            variables = getattr(self, player).trainable_variables
            found[f"{player}_loss"] = loss
            found[f"{player}_gradients"] = gradient_norms(tape, loss, getattr(self, f"{player}_optimizer"), variables)
        # what the discriminator pays when it cannot tell, and whether it can gain without bound
        found["chance_loss"] = self.objective_pair.discriminator(tf.zeros(1), tf.zeros(1))[0]
        found["least_loss"] = self.objective_pair.discriminator(tf.fill((1,), 50.0), tf.fill((1,), -50.0))[0]
        return found

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        real, _, mask = keras.utils.unpack_x_y_sample_weight(data)
        real = tf.cast(real, tf.float32)
        generated = self.averaged_generator(self._latents(self._evaluation_seeds(tf.shape(real)[0])), training=False)
        logits = self._logits(real, False), self._logits(generated, False)
        losses = self.objective_pair.generator(logits[1]), self.objective_pair.discriminator(*logits)
        return self._track_players(*losses, mask)

    def _track_players(self, generator: tf.Tensor, discriminator: tf.Tensor, mask: Any) -> dict[str, tf.Tensor]:
        values = {"loss": generator + discriminator, "generator_loss": generator, "discriminator_loss": discriminator}
        return self._track(values, mask)

    # ---- sampling ----

    def _sample_rows(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor]) -> tf.Tensor:
        latents = self._latents(seeds)
        if "truncation" in controls:
            bound = controls["truncation"][:, None]
            latents = tf.clip_by_value(latents, -bound, bound)
        return tf.cast(self.averaged_generator(latents, training=False), tf.float32)

    def decode(self, latents: Any, batch_size: int = 256) -> np.ndarray:
        """Draws the image of each latent vector.

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
        function = self._compiled("decode", lambda z: tf.cast(self.averaged_generator(z, training=False), tf.float32))
        return self._in_chunks(function, [array], batch_size)

    def interpolate(self, a: int | Sequence[int], b: int | Sequence[int], steps: int = 8) -> np.ndarray:
        """Walks through latent space from the images of some row seeds to those of others.

        Args:
          a: one row seed or several, where the walks begin.
          b: as many, where they end.
          steps: images a walk, ends included, at least 2.

        Returns:
          images: (n, steps, height, width, channels) float32 in [0, 1].

        Raises:
          ValueError: fewer than 2 steps, different numbers of seeds, or a seed out of range.
        """
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2, both ends included. Received: steps={steps}")
        if np.size(a) != np.size(b):
            raise ValueError(
                f"Expected as many seeds in `b` as in `a`: one walk for each pair. Received: {np.size(a)} and {np.size(b)}"
            )
        ends = [self._latents(tf.constant(random.as_row_seeds(np.atleast_1d(seeds)))).numpy()[:, None] for seeds in (a, b)]
        weights = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
        latents = (1 - weights) * ends[0] + weights * ends[1]
        return self.decode(latents.reshape(-1, self.latent_dim)).reshape(-1, steps, *self.event_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Judges images: the discriminator's probability that each is real, (batch,)."""
        return tf.sigmoid(self._logits(tf.cast(inputs, tf.float32), training))

    def signatures(self) -> dict[str, Signature]:
        """See `GenerativeModel.signatures`; adds `decode`."""

        def decode(latent: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"image": tf.cast(self.averaged_generator(latent, training=False), tf.float32)}

        spec = signatures.batch_of((self.latent_dim,), tf.float32, "latent")
        return {**super().signatures(), "decode": Signature(decode, [spec])}

    def export_metadata(self) -> dict[str, Any]:
        """See `GenerativeModel.export_metadata`; adds the latents and says that there is no likelihood."""
        return {**super().export_metadata(), "latent_dim": self.latent_dim, "likelihood": None}
