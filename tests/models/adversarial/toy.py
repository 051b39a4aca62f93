"""A game of three players, forty lines long: it holds what `AdversarialModel` promises before any system stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from tfgen.distributions import Prior, get_prior
from tfgen.models import AdversarialModel
from tfgen.models.adversarial import Game, Round
from tfgen.models.conditions import class_label
from tfgen.models.players import Player
from tfgen.objectives import ClassHead, Penalty, Stabilisers, get_objective

__all__ = ["CLASSES", "LATENTS", "Trio", "dense"]

LATENTS, CLASSES = 3, 3


def dense(
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    label: bool = False,
    last: str = "linear",
    normalised: bool = False,
    **options: Any,
) -> keras.Model:
    """A network of one hidden layer, of any shapes; it may take a class beside its input, and normalise by batch."""
    given = [keras.Input(tuple(inputs)), *([keras.Input((), dtype="int64")] if label else [])]
    parts = [keras.layers.Flatten()(given[0]), *(keras.layers.Embedding(CLASSES, 4, **options)(each) for each in given[1:])]
    x = keras.layers.Concatenate(**options)(parts) if label else parts[0]
    x = keras.layers.Dense(6, activation="tanh", **options)(x)
    x = keras.layers.BatchNormalization(synchronized=True, **options)(x) if normalised else x
    x = keras.layers.Dense(int(np.prod(outputs)), activation=last, dtype="float32")(x)
    return keras.Model(given if label else given[0], keras.layers.Reshape(tuple(outputs), dtype="float32")(x))


@final
@keras.saving.register_keras_serializable("toys")
class Trio(AdversarialModel):
    """A generator that is told the class, a discriminator that names it, and an encoder that finds the latents of images."""

    tells_discriminator = False
    further_arguments = ("encoder",)

    def __init__(
        self,
        image_shape: Sequence[int] = (4, 4, 1),
        *,
        prior: Prior | None = None,
        penalty: Penalty | None = None,
        critic_steps: int = 1,
        stabilisers: Stabilisers | None = None,
        simultaneous: bool = False,
        generator: Any = None,
        discriminator: Any = None,
        **kwargs: Any,
    ) -> None:
        encoder = kwargs.pop("encoder", None)
        super().__init__(**kwargs)
        self.image_shape, self.penalty, self.stabilisers = tuple(image_shape), penalty, stabilisers
        self.critic_steps, self.simultaneous = critic_steps, simultaneous
        self.condition_on(class_label(CLASSES))
        head, tricks = ClassHead(CLASSES, weight=0.5), stabilisers or Stabilisers()
        game = Game(get_objective("non_saturating"), penalty, critic_steps, [head], tricks, simultaneous)
        given = {"prior": prior, "generator": generator, "discriminator": discriminator, "encoder": encoder}
        self.default_networks = tuple(name for name, value in given.items() if value is None)
        options = {"dtype": self.dtype_policy}
        self.generator = generator or dense((LATENTS,), image_shape, label=True, last="sigmoid", **options)
        self.discriminator = discriminator or dense(image_shape, (game.num_outputs,), **options)
        self.encoder = encoder or dense(image_shape, (LATENTS,), **options)
        own = ("generator", *([] if prior is None else ["prior"]))
        players = [Player("generator", own, averaged=own), *(Player(n, (n,)) for n in ("discriminator", "encoder"))]
        metrics = ["generator_regression", "encoder_regression"]
        chosen = get_prior(prior, LATENTS)
        self.finish_game(self.image_shape, prior=chosen, game=game, players=players, metrics=metrics)

    def terms(self, player: str, round: Round) -> dict[str, tf.Tensor]:
        terms = {} if player == "encoder" else super().terms(player, round)
        if player != "discriminator":
            found = round.once("found", lambda: self.encoder(round.generated, training=round.batch.training))
            terms["regression"] = tf.reduce_mean(tf.square(found - round.latents), -1)
        return terms
