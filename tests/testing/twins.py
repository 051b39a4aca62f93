"""Models that each break one promise: a suite that does not catch them proves nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import tfgen
from tests.models.adversarial.toy import Trio
from tests.testing.own_model import Neighbours
from tfgen.layers import CausalConv2D
from tfgen.models.adversarial import Round, playing
from tfgen.models.batch import Batch
from tfgen.models.conditions import class_label
from tfgen.objectives import GradientPenalty, WeightClipping


@keras.saving.register_keras_serializable("twins")
class Labelled(tfgen.AutoregressiveModel):
    """A model of three classes that keeps its promises: each pixel from its label and its neighbours."""

    default_networks = ("network",)

    def __init__(self, image_shape: Any = (4, 5, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.condition_on(class_label(3))
        self.likelihood = tfgen.distributions.get_likelihood("bernoulli")
        image, label = keras.Input(self.image_shape), keras.Input((), dtype="int64")
        told = keras.layers.Reshape((1, 1, 1))(keras.layers.Embedding(3, 1)(label))
        seen = CausalConv2D(1, 3, mask="A", dtype=self.dtype_policy)(image)
        self.network = keras.Model([image, label], keras.layers.Add()([seen, told]), name="network")
        self.finish_network(self.image_shape)


class KeyedByPlace(Neighbours):
    """The noise of a row depends on where the row stands, too."""

    def draw(self, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], extent: int | None) -> tf.Tensor:
        return super().draw(seeds + tf.range(tf.size(seeds, tf.int64)), condition, controls, extent)


@keras.saving.register_keras_serializable("twins")
class Unsaved(CausalConv2D):
    """A layer that is left out of files where it is an average."""

    def save_own_variables(self, store: Any) -> None:
        if self.trainable:
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        if self.trainable:
            super().load_own_variables(store)


@keras.saving.register_keras_serializable("twins")
class AverageNotSaved(tfgen.AutoregressiveModel):
    """The average comes back from a file as the raw weights that it began with."""

    default_networks = ("network",)

    def __init__(self, image_shape: Any = (4, 5, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.likelihood = tfgen.distributions.get_likelihood("bernoulli")
        self.network = Unsaved(1, 3, mask="A", dtype=self.dtype_policy)
        self.finish_network(self.image_shape)


class LabelIgnored(Labelled):
    """The second row follows the label of the first."""

    def condition_rows(self, given: dict[str, Any], n: Any, extent: int | None = None) -> dict[str, Any]:
        found = super().condition_rows(given, n, extent)
        for rows in found.values():
            if len(rows) > 1:
                rows[1] = rows[0]
        return found


class Unscaled(Neighbours):
    """Each replica takes its rows for the whole batch."""

    def mean(self, per_example: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
        return tf.reduce_mean(per_example if weight is None else per_example * weight)


class Unchecked(Labelled):
    """A server may ask for classes that there are not."""

    def take_condition(self, given: dict[str, Any]) -> Any:
        return given.pop("label")


class Unguarded(Neighbours):
    """A server may bring examples and seeds that Python would refuse."""

    def checked(self, inputs: Any) -> dict[str, tf.Tensor]:
        return dict(inputs)


@keras.saving.register_keras_serializable("twins")
class Thaws(Neighbours):
    """A file does not hold what is frozen."""

    def get_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().get_config().items() if name != "frozen"}


@keras.saving.register_keras_serializable("twins")
class ForgetsAnOptimizer(Trio):
    """A checkpoint does not bring back the moments of the discriminator."""

    def load_weights(self, filepath: Any, *arguments: Any, **keywords: Any) -> None:
        variables = self.optimizers["discriminator_optimizer"].variables
        kept = [tf.convert_to_tensor(variable) for variable in variables]
        super().load_weights(filepath, *arguments, **keywords)
        if Path(filepath).suffix == ".keras":
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)


@keras.saving.register_keras_serializable("twins")
class ClipsLate(Trio):
    """Weights are clipped at the end of an epoch only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"penalty": WeightClipping(0.1), **kwargs})

    def take_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        game = self.game
        try:
            object.__setattr__(self, "game", dataclasses.replace(game, penalty=None))
            return super().take_step(batch)
        finally:
            object.__setattr__(self, "game", game)

    def end_epoch(self) -> None:
        self.game.penalty.project(self.discriminator.trainable_variables)


class Rewarded(Trio):
    """The penalty has the wrong sign: steep slopes are a gain."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"penalty": GradientPenalty(), **kwargs})

    def terms(self, player: str, round: Round) -> dict[str, tf.Tensor]:
        terms = super().terms(player, round)
        return {name: -rows if name == "penalty" else rows for name, rows in terms.items()}


class GeneratorFirst(Trio):
    """The generator moves before the others, which then see what it has learnt."""

    def take_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            terms = self.terms("generator", self.open_round(batch))
            loss = self.mean(tf.add_n(list(terms.values())))
        variables = self.players[0].variables(self)
        self.generator_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        others, seen = playing.others_move(self, self.open_round(batch))
        return playing.numbers_of(self, seen, {"generator": terms, **others})


class Meddles(Trio):
    """What the encoder does moves the discriminator a little, too."""

    def take_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        numbers = super().take_step(batch)
        for variable in self.discriminator.trainable_variables:
            variable.assign(variable * 0.999)
        return numbers


class Blocks(Neighbours):
    """No gradient leads back through a log-probability."""

    def log_prob(self, x: Any, label: Any = None, **keywords: Any) -> Any:
        found = super().log_prob(x, label, **keywords)
        return tf.stop_gradient(found) if tf.is_tensor(found) else found


@keras.saving.register_keras_serializable("twins")
class GoesOnAnywhere(Neighbours):
    """It takes whatever data it is given for the data that it was stopped in, as files of old did, which do not say."""

    def fit(self, *arguments: Any, **keywords: Any) -> Any:
        self.place = None
        return super().fit(*arguments, **keywords)


class Sums(Neighbours):
    """Weights of rows are passed over."""

    def mean(self, per_example: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
        return super().mean(per_example)
