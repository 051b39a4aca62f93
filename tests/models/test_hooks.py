"""Places of bases that are meant to be filled: how they are marked, when they are called, and the spellings of before."""

from __future__ import annotations

import abc
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.small import LATENTS, SHAPE, examples
from tfgen import random
from tfgen.models.batch import Batch
from tfgen.models.conditions import ClassLabel
from tfgen.models.hooks import hook, hooks_of, is_hook, renamed
from tfgen.models.players import Player
from tfgen.models.trainable import TrainableModel
from tfgen.objectives import get_objective


class Base(abc.ABC):
    """One hook of each kind, and what is none."""

    @abc.abstractmethod
    def draw(self) -> int: ...

    @property
    @abc.abstractmethod
    def size(self) -> int: ...

    @hook
    def end(self) -> int:
        return 0

    def sample(self) -> int:
        return self.draw()


class Heir(Base):
    """Fills a hook, which is then none any more, and adds one."""

    def draw(self) -> int:
        return 1

    @hook
    def start(self) -> None: ...


def test_hooks_are_abstract_or_marked_and_each_class_has_its_own() -> None:
    assert hooks_of(Base) == ["draw", "end", "size"] and hooks_of(Heir) == ["start"]
    assert is_hook(Base.end) and is_hook(vars(Base)["size"]) and not is_hook(Base.sample) and not is_hook(Heir.draw)


def test_a_name_of_before_warns_and_does_the_same() -> None:
    class Renamed:
        def finish(self, shape: int, *, twice: bool = False) -> int:
            return shape * (1 + twice)

        _finish = renamed("_finish", "finish")

    with pytest.warns(DeprecationWarning, match=r"`_finish` is public now: call `finish`.") as told:
        assert Renamed()._finish(3, twice=True) == 6
    assert told[0].filename == __file__  # who calls it is told, not the library


# ---- hooks of training ----


class Line(TrainableModel):
    """`y = w x`, and a diary of the hooks."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        self.diary: list[str] = []
        self.finish((1,), players=[Player("")], metrics=["loss"])

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        self.diary.append("train" if batch.training else "test")
        return {"loss": tf.square(self.network(batch.x)[:, 0] - 2.0 * batch.x[:, 0])}

    def end_epoch(self) -> None:
        self.diary.append(f"end {int(self.epoch.numpy())} {int(self.batch.numpy())}")


def test_hooks_of_training_are_called_when_they_are_said_to_be() -> None:
    model = Line()
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    heard = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.diary.append(f"heard {int(model.epoch.numpy())}")
    )
    x = np.full((4, 1), 0.5, np.float32)
    model.fit(x, batch_size=2, epochs=2, verbose=0, callbacks=[heard], validation_data=(x, None))
    epoch = ["train", "train", "test"]  # two batches, and the validation data in one of two as well
    assert [entry for entry in model.diary if not entry.startswith("test")] == [
        *epoch[:2], "end 0 2", "heard 1", *epoch[:2], "end 1 2", "heard 2",
    ]  # fmt: skip
    model.diary.clear()
    seeds = tf.zeros((4,), tf.int64)
    before = model.network.get_weights()[0]
    found = model.probe(tf.constant(x), None, seeds)
    assert model.diary == ["train"] and int(model.step.numpy()) == 4
    np.testing.assert_array_equal(model.network.get_weights()[0], before)
    # d/dw mean((w x - 2 x)^2) = 2 x^2 (w - 2)
    assert found["gradients"].numpy() == pytest.approx(np.abs(2 * 0.25 * (before[0] - 2.0)), rel=1e-5)
    assert float(found["loss"]) == pytest.approx(0.25 * (before[0, 0] - 2.0) ** 2, rel=1e-5)


def test_the_default_step_is_gradient_descent_on_the_weighted_mean() -> None:
    model = Line()
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    x, weight = np.array([[0.5], [1.0]], np.float32), np.array([3.0, 0.0], np.float32)
    model.fit(x, sample_weight=weight, batch_size=2, shuffle=False, verbose=0)
    assert model.network.get_weights()[0][0, 0] == pytest.approx(1.0 + 0.1 * 3.0 * 2 * 0.25 / 2, rel=1e-6)


# ---- spellings of before ----


class OldAutoregressive(tfgen.AutoregressiveModel):
    """As a user wrote it before names were public."""

    arguments = ("image_shape",)

    def __init__(self, image_shape: Any = SHAPE, *, num_classes: int | None = None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._condition_on(num_classes)
        self.image_shape, self.likelihood = tuple(image_shape), tfgen.distributions.get_likelihood("bernoulli")
        self.network = tfgen.networks.GatedPixelCNNNetwork(1, filters=2, dilations=(1,), num_classes=num_classes or 0)
        self._finish_network(self.image_shape)


class OldLatent(tfgen.LatentVariableModel):
    """As a user wrote it before priors and bounds were objects."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.latent_dim, self.beta, self.kl_warmup_steps, self.free_bits, self.importance_samples = LATENTS, 2.0, 0, 0.0, 1
        self.likelihood = tfgen.distributions.get_likelihood("bernoulli")
        self.encoder = tfgen.networks.mlp_encoder(SHAPE, 2 * LATENTS, width=4)
        self.decoder = tfgen.networks.mlp_decoder(SHAPE, LATENTS, 1, width=4)
        self._finish_networks(SHAPE)


class OldGame(tfgen.AdversarialModel):
    """As a user wrote it before priors were objects: latents that are all the same number."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.latent_dim, self.objective_pair = LATENTS, get_objective("non_saturating")
        self.generator = tfgen.networks.dcgan_generator(SHAPE, LATENTS, width=2)
        self.discriminator = tfgen.networks.dcgan_discriminator(SHAPE, width=2)
        self._finish_players(SHAPE)

    def _latents(self, seeds: tf.Tensor) -> tf.Tensor:
        return tf.repeat(random.normal(seeds, (1,), stream=0), LATENTS, axis=1)


@pytest.mark.parametrize(
    ("build", "spellings"),
    [
        (OldAutoregressive, {"_condition_on": "condition_on", "_finish_network": "finish_network"}),
        (OldLatent, {"_finish_networks": "finish_latents"}),
        (OldGame, {"_finish_players": "finish_game"}),
    ],
)
def test_models_in_the_spelling_of_before_are_warned_and_work(build: Any, spellings: dict[str, str]) -> None:
    with pytest.warns(DeprecationWarning) as told:
        model = build()
    said = [
        str(warning.message)
        for warning in told
        if warning.category is DeprecationWarning and "is public now" in str(warning.message)
    ]
    assert len(said) == len(spellings)
    for (old, new), message in zip(spellings.items(), said, strict=True):
        assert f"`{old}` is public now: call `{new}" in message
    assert all(warning.filename == __file__ for warning in told if "is public now" in str(warning.message))
    model.compile(run_eagerly=True)
    x = examples(model, 4)
    history = model.fit(x, batch_size=4, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()
    assert model.sample(3, seed=1).shape == (3, *SHAPE)


def test_the_spelling_of_before_means_what_it_meant() -> None:
    with pytest.warns(DeprecationWarning):
        labelled, latent, game = OldAutoregressive(num_classes=3), OldLatent(), OldGame()
    assert labelled.condition == labelled.target == ClassLabel(3) and labelled.num_classes == 3
    assert labelled.sample(label=[0, 2], seed=0).shape == (2, *SHAPE)
    assert (latent.bound.beta, latent.bound.num_samples) == (2.0, 1)
    seeds = tf.constant([5, 6], tf.int64)
    expected = game.decode(np.repeat(random.normal(seeds, (1,), stream=0), LATENTS, 1))
    np.testing.assert_allclose(game.sample(seed=[5, 6]), expected, atol=1e-6)
    batch = Batch(tf.constant(examples(game, 2)), None, None, None, seeds, True)
    np.testing.assert_array_equal(game.open_round(batch).latents, np.repeat(random.normal(seeds, (1,), stream=0), LATENTS, 1))
    bounded = game.decode(np.clip(np.repeat(random.normal(seeds, (1,), stream=0), LATENTS, 1), -0.1, 0.1))
    np.testing.assert_allclose(game.sample(seed=[5, 6], truncation=0.1), bounded, atol=1e-6)
