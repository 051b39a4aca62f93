"""Games of three players: who moves what, all at once or in turn, heads, noise, averages, learned priors, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.adversarial.by_hand import PLAYERS, SHAPE, agree, compiled, data, losses, networks, round_of, weights_of
from tests.models.adversarial.toy import CLASSES, LATENTS, Trio, dense
from tfgen import random
from tfgen.distributions import NormalMixture
from tfgen.models.adversarial import Game
from tfgen.models.batch import Batch
from tfgen.objectives import ClassHead, GradientPenalty, Stabilisers, get_objective
from tfgen.random import Stream

X, Y = data(24)


def state_of(model: Trio) -> dict[str, dict[str, np.ndarray]]:
    """Everything of each player that a step may change: weights, batch statistics, optimizer."""
    parts: dict[str, dict[str, np.ndarray]] = {}
    for player in model.players:
        variables = [w for name in player.networks for w in getattr(model, name).weights]
        variables += getattr(model, player.optimizer_name).variables
        parts[player.name] = {f"{i} {v.path}": tf.convert_to_tensor(v.value).numpy() for i, v in enumerate(variables)}
    return parts


def changed(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> set[str]:
    return {name for name, value in one.items() if not np.array_equal(value, other[name])}


# ---- whose move it is ----


@pytest.mark.parametrize("penalty", [None, GradientPenalty(2.0)])
def test_a_move_changes_nothing_of_the_other_players(penalty: Any) -> None:
    """Neither weights, nor batch statistics, nor what optimizers keep; all three networks normalise by batch."""
    model = Trio(critic_steps=3, penalty=penalty, prior=NormalMixture(LATENTS, 2), **networks(*PLAYERS))
    model.compile(run_eagerly=True)
    seen, terms = [], model.terms
    model.terms = lambda player, round: (seen.append((player, state_of(model))), terms(player, round))[1]  # type: ignore[method-assign]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of the choice of a component, which has no gradient
        model.fit(X[:12], Y[:12], batch_size=4, verbose=0)
    seen.append(("nobody", state_of(model)))
    assert [player for player, _ in seen] == ["discriminator", "encoder"] * 3 + ["generator", "nobody"]
    for number, ((player, before), (_, after)) in enumerate(itertools.pairwise(seen)):
        for other in {*PLAYERS} - {player}:
            moved = changed(before[other], after[other])
            if (number, other) == (3, "generator"):  # it draws the images of its own move before the last of the others
                assert {name.split("/")[-1] for name in moved} == {"moving_mean", "moving_variance"}
            else:
                assert not moved, f"{player}'s move {number} changes {moved} of the {other}"
        moved = {name.split("/")[-1] for name in changed(before[player], after[player])}
        assert any(name.endswith("kernel") for name in moved) and any("momentum" in name for name in moved)
        assert "iteration" in moved and ("moving_mean" in moved) == (player != "generator")


def test_what_a_game_reports_is_what_its_discriminator_has_judged() -> None:
    """It has moved before the encoder, and is not asked a second time: that would move its batch statistics."""
    model, twin = (compiled(Trio(**networks("discriminator")), run_eagerly=True) for _ in range(2))
    gap = {"gap": lambda real, generated: real - generated}
    other = dataclasses.replace(model.game, objective=dataclasses.replace(model.game.objective, metrics=gap))
    object.__setattr__(model, "game", other)  # past the refusal
    batch = dataclasses.replace(batch_of(model, Y[:6]), training=True)
    found = model.take_step(batch)["gap"]
    generated = twin.open_round(batch).generated
    real, generated = (twin.discriminator(images, training=True)[:, 0] for images in (batch.x, generated))
    np.testing.assert_allclose(found, real - generated, atol=1e-6)
    for one, other in zip(model.discriminator.non_trainable_weights, twin.discriminator.non_trainable_weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6)


def test_a_simultaneous_step_takes_all_gradients_at_one_point() -> None:
    penalty = GradientPenalty(0.5)
    model = compiled(Trio(simultaneous=True, penalty=penalty, seed=3, **networks()), run_eagerly=True)
    twin, in_turn = (compiled(Trio(penalty=penalty, seed=3, **networks()), run_eagerly=True) for _ in range(2))
    for number in range(2):
        part = slice(4 * number, 4 * number + 4)
        seen = round_of(twin, number, X[part], Y[part])
        weights = {player: getattr(twin, player).trainable_weights for player in PLAYERS}
        with tf.GradientTape(persistent=True) as tape:
            generated = twin.generator([seen[2], seen[1]])
            each = losses(twin, seen, generated, 0.5)
            means = {player: tf.reduce_mean(each[player]()) for player in PLAYERS}
        gradients = {player: tape.gradient(means[player], weights[player]) for player in PLAYERS}
        for player in PLAYERS:
            rate = float(getattr(twin, f"{player}_optimizer").learning_rate)
            for weight, gradient in zip(weights[player], gradients[player], strict=True):
                weight.assign(weight - rate * tf.convert_to_tensor(gradient))
    model.fit(X[:8], Y[:8], batch_size=4, shuffle=False, verbose=0)
    agree(model, weights_of(twin), 1e-6)
    in_turn.fit(X[:8], Y[:8], batch_size=4, shuffle=False, verbose=0)
    with pytest.raises(AssertionError, match="generator"):
        agree(in_turn, weights_of(twin), 1e-5)
    assert int(model.step.numpy()) == 2


# ---- heads and labels ----


def batch_of(model: Trio, labels: np.ndarray, training: bool = False) -> Batch:
    label = tf.constant(labels)
    return Batch(tf.constant(X[: len(labels)]), label, label, None, tf.range(len(labels), dtype=tf.int64), training)


def test_the_class_heads_terms_are_those_written_by_hand() -> None:
    model, labels = Trio(penalty=GradientPenalty(2.0), **networks()), Y[:6]
    found = model.per_example(batch_of(model, labels))
    latents = tf.math.ndtri(random.uniform(tf.range(6), (LATENTS,), stream=0))
    outputs = [model.discriminator(images) for images in (X[:6], model.generator([latents, tf.constant(labels)]))]
    real, generated = (-np.log(tf.nn.softmax(each[:, 1:]).numpy()[np.arange(6), labels]) for each in outputs)
    np.testing.assert_allclose(found["discriminator_class"], 0.5 * (real + generated), rtol=1e-5)
    np.testing.assert_allclose(found["generator_class"], 0.5 * generated, rtol=1e-5)
    parts = {"discriminator": ("class", "penalty"), "generator": ("class", "regression"), "encoder": ("regression",)}
    for player, terms in parts.items():
        rest = found[f"{player}_loss"] - tf.add_n([found[f"{player}_{term}"] for term in terms])
        real, generated = (each[:, 0] for each in outputs)
        game = get_objective("non_saturating")
        wanted = {
            "discriminator": game.discriminator(real, generated),
            "generator": game.generator(generated),
            "encoder": 0 * real,
        }
        np.testing.assert_allclose(rest, wanted[player], atol=1e-5)
    np.testing.assert_allclose(found["loss"], sum(found[f"{player}_loss"] for player in PLAYERS), rtol=1e-5)


def test_the_doctor_holds_the_game_alone_against_chance() -> None:
    """What heads and penalty cost besides would look like a discriminator worse than one that says nothing."""
    model = compiled(Trio(penalty=GradientPenalty(2.0), **networks()), run_eagerly=True)
    found = model.probe(tf.constant(X[:6]), tf.constant(Y[:6]), tf.range(6, dtype=tf.int64))
    game = get_objective("non_saturating")
    alone = tf.reduce_mean(game.discriminator(found["real_logits"], found["generated_logits"]))
    np.testing.assert_allclose(found["discriminator_loss"], alone, rtol=1e-6)
    np.testing.assert_allclose(found["generator_loss"], tf.reduce_mean(game.generator(found["generated_logits"])), rtol=1e-6)
    batch = dataclasses.replace(batch_of(model, Y[:6]), training=True)
    for player in PLAYERS:
        weights = getattr(model, player).trainable_weights
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.per_example(batch)[f"{player}_loss"])
        norms = [tf.norm(tf.convert_to_tensor(gradient)) for gradient in tape.gradient(loss, weights)]
        np.testing.assert_allclose(found[f"{player}_gradients"], norms, rtol=1e-4)


def test_another_label_in_a_row_changes_that_rows_terms_alone() -> None:
    model, labels = Trio(penalty=GradientPenalty(2.0), **networks()), Y[:6].copy()
    before = model.per_example(batch_of(model, labels))
    labels[2] = (labels[2] + 1) % CLASSES
    after = model.per_example(batch_of(model, labels))
    for name in before:
        moved = np.flatnonzero(np.abs(np.asarray(before[name] - after[name])) > 1e-6)
        assert moved.tolist() == [2], name


# ---- noise on what the discriminator sees, and when averages begin ----


def seen_by_discriminator(model: Trio, step: int, training: bool) -> tuple[np.ndarray, np.ndarray]:
    """The noise on real and on generated images of a round."""
    model.step.assign(step)
    batch = batch_of(model, np.zeros(24, np.int64), training)
    round, seen = model.open_round(batch), []
    model.discriminate = lambda images, condition, training: (seen.append(images), tf.zeros((len(images), 4)))[1]  # type: ignore[method-assign]
    model.real_and_generated(round)
    real, generated = tf.split(seen[0], 2)
    return np.asarray(real - batch.x), np.asarray(generated - round.generated)


def test_instance_noise_falls_with_the_steps_and_is_of_each_image_its_own() -> None:
    model = Trio(stabilisers=Stabilisers(instance_noise=0.2, instance_noise_steps=10), **networks())
    for step, scale in ((0, 0.2), (5, 0.1), (10, 0.0), (12, 0.0)):
        real, generated = seen_by_discriminator(model, step, True)
        assert real.std() == pytest.approx(scale, rel=0.15) and generated.std() == pytest.approx(scale, rel=0.15)
    expected = 0.2 * random.normal(random.row_keys(tf.range(24), 0), SHAPE, stream=Stream.INSTANCE_NOISE)
    real, generated = seen_by_discriminator(model, 0, True)
    np.testing.assert_allclose(real, expected, atol=1e-6)
    assert abs(np.corrcoef(real.ravel(), generated.ravel())[0, 1]) < 0.15  # 384 numbers
    assert not any(noise.any() for noise in seen_by_discriminator(model, 0, False))


def test_averages_begin_where_they_are_told_to() -> None:
    model = compiled(Trio(ema=0.5, stabilisers=Stabilisers(average_start=2), **networks()), run_eagerly=True)
    for step in range(4):
        before = model.averaged_generator.get_weights()
        model.fit(X[:4], Y[:4], batch_size=4, verbose=0)
        rate = 1.0 if step < 2 else 1.0 - (1.0 + step) / (10.0 + step)
        for old, new, raw in zip(before, model.averaged_generator.get_weights(), model.generator.get_weights(), strict=True):
            np.testing.assert_allclose(new, old + rate * (raw - old), atol=1e-6)
            assert np.array_equal(new, raw) == (step < 2)


# ---- a prior with weights ----


def test_a_learned_prior_is_trained_averaged_saved_and_drawn_from(tmp_path: Any) -> None:
    model = compiled(Trio(prior=NormalMixture(LATENTS, 2), ema=0.9, **networks()))
    begin = [w.numpy() for w in model.prior.weights]
    model.fit(X[:16], Y[:16], batch_size=4, verbose=0)
    moved = {w.name: not np.array_equal(w.numpy(), old) for w, old in zip(model.prior.weights, begin, strict=True)}
    assert moved == {"logits": False, "loc": True, "raw_scale": True}
    assert {id(w) for w in model.prior.weights} < {id(v) for v in model.players[0].variables(model)}
    assert not np.array_equal(model.averaged_prior.loc.numpy(), model.prior.loc.numpy())
    model.averaged_prior.loc.assign(model.averaged_prior.loc + 1.0)  # so that it cannot be taken for the raw one
    seeds, label = random.row_seeds(1, 5), np.arange(5) % CLASSES
    u = random.uniform(tf.constant(seeds), (LATENTS + 1,), stream=Stream.LATENTS)
    expected = model.averaged_generator([model.averaged_prior.draw(u), tf.constant(label)])
    drawn = model.sample(seed=seeds, label=label)
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    np.testing.assert_array_equal(loaded.sample(seed=seeds, label=label), drawn)


def test_a_learned_prior_moves_by_the_generators_gradient_alone() -> None:
    model = compiled(Trio(prior=NormalMixture(LATENTS, 2), seed=3, **networks()), run_eagerly=True)
    model.discriminator_optimizer.learning_rate = model.encoder_optimizer.learning_rate = 0.0
    batch = batch_of(model, Y[:4], True)
    batch = dataclasses.replace(batch, seeds=model.training_seeds(tf.constant(4)))
    with tf.GradientTape() as tape:
        u = random.uniform(batch.seeds, (LATENTS + 1,), stream=0)
        latents = model.prior.draw(u)
        generated = model.generator([latents, batch.condition])
        loss = tf.reduce_mean(losses(model, (batch.x, batch.condition, latents, None), generated, 0.0)["generator"]())
    expected = model.prior.loc - 0.2 * tape.gradient(loss, model.prior.loc)
    assert np.abs(np.asarray(expected - model.prior.loc)).max() > 1e-3
    model.fit(X[:4], Y[:4], batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.prior.loc.numpy(), expected, atol=1e-6)


# ---- what is refused ----


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"critic_steps": 0}, "critic_steps=0"),
        ({"critic_steps": 1.5}, "critic_steps=1.5"),
        ({"critic_steps": True}, "critic_steps=True"),
        ({"critic_steps": 2, "simultaneous": True}, "critic_steps=2"),
        ({"heads": [ClassHead(3), ClassHead(4)]}, r"heads=\['class', 'class'\]"),
    ],
)
def test_rules_that_make_no_sense_are_refused(arguments: dict[str, Any], received: str) -> None:
    with pytest.raises(ValueError, match=rf"^[^\n]*Received: {received}$"):
        Game(get_objective("non_saturating"), **arguments)


def test_a_discriminator_without_its_heads_is_refused_in_one_sentence() -> None:
    told = r"^Expected `discriminator` to go from \(4, 4, 1\) to \(4,\) for each row: the score, then class \(3\). Received: [^\n]*\(1,\)$"
    with pytest.raises(ValueError, match=told):
        Trio(**{**networks(), "discriminator": dense(SHAPE, (1,))})
    assert Game(get_objective("non_saturating"), heads=[ClassHead(3)]).num_outputs == 4
    with pytest.raises(ValueError, match=r"`generator` to go from \[\(3,\), label \(\)\] to \(4, 4, 1\)"):
        Trio(**{**networks(), "generator": dense((LATENTS,), SHAPE)})
    assert tfgen.GAN((4, 4, 1), latent_dim=2, width=2).game.num_outputs == 1


def test_a_prior_of_layers_that_no_player_trains_stays_as_it_is() -> None:
    model = Trio(ema=0.9, **networks())
    keras.Model.__setattr__(model, "prior", NormalMixture(LATENTS, 2))  # past the refusal
    model.compile("sgd", "sgd", "sgd", run_eagerly=True)
    begin = [weight.numpy() for weight in model.prior.weights]
    model.fit(X[:4], Y[:4], batch_size=4, verbose=0)
    assert all(np.array_equal(weight.numpy(), old) for weight, old in zip(model.prior.weights, begin, strict=True))
    assert model.sample(2, seed=0, label=1).shape == (2, *SHAPE)


def test_a_discriminator_that_is_not_told_the_label_is_asked_without() -> None:
    model = Trio()
    model.compile(run_eagerly=True)
    x = np.zeros((2, 4, 4, 1), np.float32)
    scores = model.judge(x)
    np.testing.assert_allclose(model.predict(x, verbose=0), tf.sigmoid(scores), rtol=1e-6)
    assert [spec.name for spec in model.operations()["judge"].inputs] == ["image"]
    with pytest.raises(ValueError, match=r"takes no `label`: this does not depend on it"):
        model.judge(x, label=1)
