"""The adversarial family: a generator, a discriminator, perhaps others, each with its own optimizer."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfgen import random
from tfgen.distributions import Prior, get_prior
from tfgen.models import configuration
from tfgen.models.adversarial import playing
from tfgen.models.adversarial.game import Game, Judged, Round
from tfgen.models.base import GenerativeModel
from tfgen.models.batch import Batch
from tfgen.models.conditions import Condition
from tfgen.models.hooks import hook
from tfgen.models.latents import Decodes
from tfgen.models.operations import Operation
from tfgen.models.players import Player
from tfgen.models.signatures import batch_of

__all__ = ["AdversarialModel"]


class AdversarialModel(Decodes, GenerativeModel, abc.ABC):
    """Abstract base of games in which a generator learns from what a discriminator says of its images.

    A step is one move of the generator. Before it the other players move, `critic_steps` times, each time on rows and latents of
    their own; the generator moves last, through the tape that drew the images of the last of those moves: it runs once. In a
    simultaneous game all move at once, from one pass. A subclass builds `self.generator` (latents to images in the data's range)
    and `self.discriminator` (images to one vector: the score first, heads after it in order; with a label networks take [x or z,
    label], the discriminator only where `tells_discriminator`) and calls `self.finish_game(event_shape, prior=..., game=...)`.

    The metric "loss" is the sum of the players' losses; it says nothing of quality and is there for callbacks such as
    `TerminateOnNaN`.

    Hooks:
      generate: latents to images.
      discriminate: images to the discriminator's vector.
      terms: what a player pays for, term by term, nats a row.
    """

    accepts_sample_weight: ClassVar[bool] = False
    sampling_controls: ClassVar[tuple[str, ...]] = ("truncation",)
    tells_discriminator: bool = True  # what its images are conditional on, as its network's second input
    generator: Any
    discriminator: Any
    game: Game

    def finish_game(
        self,
        event_shape: Sequence[int],
        *,
        prior: Prior,
        game: Game,
        players: Sequence[Player] | None = None,
        metrics: Sequence[str] = (),
    ) -> None:
        """Ends construction: checks what the default hooks ask of the networks, and makes averaged copies.

        Args:
          event_shape: shape of one example.
          prior: of the latents; `latent_dim` is its.
          game: the rules.
          players: the first one draws the images and moves last; None for a generator and a discriminator.
          metrics: further terms that a subclass's `terms` gives, as "<player>_<term>".
        """
        self.event_shape = shape = tuple(event_shape)
        self.prior, self.game, self.latent_dim = prior, game, prior.latent_dim
        self.check_networks()
        learned = ("prior",) if isinstance(prior, keras.Layer) else ()
        if players is None:
            own = ("generator", *learned)
            players = [Player("generator", own, averaged=own), Player("discriminator", ("discriminator",))]
        self.batches_per_step, self.average_start = game.critic_steps, game.stabilisers.average_start
        names = [
            "loss",
            *(f"{player.name}_loss" for player in players),
            *playing.term_names(game),
            *game.objective.metrics,
            *metrics,
        ]
        self.finish(shape, players=players, metrics=names)

    def check_networks(self) -> None:
        shape, label = self.event_shape, None if self.condition is None else self.condition.spec()
        configuration.check_network(self.generator, "generator", (self.latent_dim,), shape, label=label)
        told, game = label if self.tells_discriminator else None, self.game
        parts = "".join(f", then {head.name} ({head.size})" for head in game.heads)
        which = f": the score{parts}" if parts else ""
        configuration.check_network(self.discriminator, "discriminator", shape, (game.num_outputs,), label=told, which=which)
        layers = self.discriminator._flatten_layers()
        self.normalises_batches = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)

    def _finish_players(self, image_shape: Sequence[int]) -> None:
        warnings.warn("`_finish_players` is public now: call `finish_game`.", DeprecationWarning, stacklevel=2)
        self._own_latents = getattr(self, "_latents", None)
        self.finish_game(image_shape, prior=get_prior(None, self.latent_dim), game=Game(self.objective_pair))

    # ---- hooks ----

    @hook
    def generate(self, latents: tf.Tensor, condition: Any, training: bool) -> tf.Tensor:
        """Draws the image of each latent vector.

        Args:
          latents: (batch, latent_dim) float32.
          condition: one a row, or None.
          training: whether a training step asks: raw weights, batch statistics; else the averages.

        Returns:
          images: (batch, *event_shape).
        """
        inputs = latents if condition is None else [latents, condition]
        return self.in_use("generator", training)(inputs, training=training)

    @hook
    def discriminate(self, images: tf.Tensor, condition: Any, training: bool) -> tf.Tensor:
        """Judges images.

        Args:
          images: (batch, *event_shape).
          condition: one a row, or None.
          training: whether a training step asks.

        Returns:
          outputs: (batch, game.num_outputs): the score, then what the heads read.
        """
        inputs = [images, condition] if self.tells_discriminator and condition is not None else images
        return self.discriminator(inputs, training=training)

    @hook
    def terms(self, player: str, round: Round) -> dict[str, tf.Tensor]:
        """Computes what a player pays for in a round.

        Args:
          player: its name.
          round: real rows, latents, generated images; `real_and_generated(round)` and `generated_alone(round)` judge them.

        Returns:
          terms: by name, (batch,) nats each, weighted; the player descends their sum. The first is "adversarial".
        """
        return playing.TERMS[player](self, round)

    @hook
    def default_optimizer(self, player: str) -> keras.optimizers.Optimizer:
        del player
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    # ---- a round ----

    def open_round(self, batch: Batch, number: Any = 0) -> Round:
        """Draws the latents and images of a round.

        Args:
          batch: real rows.
          number: moves of the discriminator before this one.

        Returns:
          round: nothing of it is judged yet.
        """
        latents = self.drawn_latents(batch.seeds, batch.condition, {}, training=batch.training)
        generated = tf.cast(self.generate(latents, batch.condition, batch.training), tf.float32)
        return Round(batch, latents, generated, number)

    def judged(self, images: tf.Tensor, condition: Any, training: bool) -> Judged:
        """Judges images, and sorts what the discriminator says.

        Args:
          images: (batch, *event_shape).
          condition: one a row, or None.
          training: whether a training step asks.

        Returns:
          judged: score and heads, float32.
        """
        outputs = tf.cast(self.discriminate(images, condition, training), tf.float32)
        parts = tf.split(outputs, [1, *(head.size for head in self.game.heads)], axis=-1)
        return Judged(parts[0][:, 0], {head.name: part for head, part in zip(self.game.heads, parts[1:], strict=True)})

    def real_and_generated(self, round: Round) -> tuple[Judged, Judged]:
        """Judges the images of a round, once; one pass serves both kinds unless batch statistics must stay apart.

        Args:
          round: the round.

        Returns:
          real: of the real images.
          generated: of the generated ones.
        """
        return round.once("both", lambda: self._judge_both(round))

    def _judge_both(self, round: Round) -> tuple[Judged, Judged]:
        batch, condition, training = round.batch, round.batch.condition, round.batch.training
        real, generated = self._noisy(batch.x, round, 0), self._noisy(round.generated, round, 1)
        if self.normalises_batches:
            return self.judged(real, condition, training), self.judged(generated, condition, training)
        twice = None if condition is None else tf.concat([condition, condition], 0)
        both = self.judged(tf.concat([real, generated], 0), twice, training)
        scores = tf.split(both.score, 2)
        heads = {name: tf.split(value, 2) for name, value in both.heads.items()}
        first, second = (Judged(scores[i], {name: value[i] for name, value in heads.items()}) for i in range(2))
        return first, second

    def generated_alone(self, round: Round) -> Judged:
        """Judges the generated images of a round, once.

        Args:
          round: the round.

        Returns:
          judged: score and heads.
        """
        if "both" in round.known:
            return round.known["both"][1]
        images = self._noisy(round.generated, round, 1)
        return round.once("generated", lambda: self.judged(images, round.batch.condition, round.batch.training))

    def _noisy(self, images: tf.Tensor, round: Round, kind: int) -> tf.Tensor:
        """Adds the noise that stabilises training; real and generated images of a row have noise of their own."""
        if not round.batch.training:
            return images
        return self.game.stabilisers.noisy(images, random.row_keys(round.batch.seeds, kind), self.step)

    # ---- training ----

    def take_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        if self.game.simultaneous:
            return playing.move_together(self, batch)
        return playing.move_in_turn(self, batch)

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        round = self.open_round(batch)
        return playing.numbers_of(self, round, {player.name: self.terms(player.name, round) for player in self.players})

    def look_at(self, batch: Batch) -> dict[str, tf.Tensor]:
        return playing.measure(self, batch)

    # ---- use ----

    def decoded(self, latents: tf.Tensor, condition: Any) -> tf.Tensor:
        return tf.cast(self.generate(latents, condition, False), tf.float32)

    def call(self, inputs: tf.Tensor, training: bool = False, **given: Any) -> tf.Tensor:
        """Judges images: the sigmoid of the discriminator's score, (batch,); one that is told the label needs `label`, (batch,)."""
        return tf.sigmoid(self.judged(tf.cast(inputs, tf.float32), self._told(given), training).score)

    @property
    def called_on(self) -> Condition | None:
        return self.condition if self.tells_discriminator else None

    def _told(self, given: dict[str, Any]) -> Any:
        return None if self.called_on is None else self.take_condition(given)

    def operations(self) -> dict[str, Operation]:
        def judge(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            images = given.pop(self.medium)
            return {"score": self.judged(images, self._told(given), False).score}

        named = [] if self.called_on is None else [self.called_on.spec()]
        x = batch_of(self.event_shape, tf.float32, self.medium)
        return {**super().operations(), **self.latent_operations(), "judge": Operation(judge, [x, *named])}

    def judge(self, x: Any, batch_size: int = 256, **given: Any) -> Any:
        """Computes the discriminator's score of each image: a logit, or a critic's value.

        Args:
          x: (n, *event_shape) in the data's range; of a tensor the result is a tensor, and gradients flow through it.
          batch_size: rows computed at once.
          **given: `label` where the discriminator is told it: one class for all rows, or one each.

        Returns:
          score: (n,) float32, larger for what is taken for real.

        Raises:
          ValueError: wrong shape or range, or NaN; a label missing or wrong.
        """
        inputs = self.example_inputs(x, given, conditional=self.called_on is not None)
        return self.run("judge", inputs, batch_size=batch_size)["score"]

    def facts(self) -> dict[str, Any]:
        return {"latent_dim": self.latent_dim, "likelihood": None}
