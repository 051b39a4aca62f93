"""Several moves of the critic for one of the generator: which rows, which latents, which penalty, and where a run stands in its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.adversarial.by_hand import agree, compiled, data, losses, networks, play, round_of
from tests.models.adversarial.toy import LATENTS, Trio
from tfgen import random
from tfgen.callbacks import Checkpoint
from tfgen.objectives import GradientPenalty, Penalty
from tfgen.testing import two_replicas

WEIGHT = 0.5
LAZY = GradientPenalty(WEIGHT, every=3)
NORMALISED = ("generator", "encoder")
X, Y = data(60)


def lazily(number: int) -> float:
    return 3 * WEIGHT if number % 3 == 0 else 0.0


def batches(n: int, rows: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((X[:n], Y[:n])).batch(rows)


@pytest.fixture(scope="module")
def played() -> tuple[Trio, list[np.ndarray]]:
    """A game of two moves a step and a lazy penalty, traced once, and its state at the start."""
    model = compiled(Trio(penalty=LAZY, critic_steps=2, ema=0.9, seed=4, **networks()))
    return model, state(model)


@pytest.fixture
def model(played: tuple[Trio, list[np.ndarray]]) -> Trio:
    return reset(*played)


def _variables(model: Trio) -> list[Any]:
    return [*model.weights, *(v for optimizer in model.optimizers.values() for v in optimizer.variables)]


def state(model: Trio) -> list[np.ndarray]:
    """Weights, averages, counters, and what the optimizers keep."""
    return [tf.convert_to_tensor(variable.value).numpy() for variable in _variables(model)]


def reset(model: Trio, begin: list[np.ndarray]) -> Trio:
    for variable, value in zip(_variables(model), begin, strict=True):
        variable.assign(value)
    return model


# ---- rows, latents, penalties ----


def test_a_step_is_the_loop_written_by_hand(model: Trio) -> None:
    """From arrays and from a data set; the penalty is a lazy one, charged at the moves 0, 3 and 6."""

    def expected(weight: Callable[[int], float] = lazily) -> dict[str, list[np.ndarray]]:
        return play(Trio(seed=4, **networks()), X, Y, 4, steps=4, moves=2, weight=weight)

    begin = state(model)
    model.fit(X[:32], Y[:32], batch_size=4, shuffle=False, verbose=0)
    by_hand = expected()
    agree(model, by_hand)
    assert int(model.step.numpy()) == 4
    reset(model, begin).fit(batches(32, 4), verbose=0)
    agree(model, by_hand)
    reset(model, begin).fit(batches(32, 4).repeat(), steps_per_epoch=2, epochs=2, verbose=0)
    agree(model, by_hand)
    with pytest.raises(AssertionError):  # the comparison tells a game that charges at other moves apart
        agree(model, expected(lambda number: lazily(number + 1)), 1e-3)


def test_five_moves_a_step() -> None:
    by_hand = play(Trio(seed=9, **networks()), X, Y, 3, steps=2, moves=5, weight=lazily)
    model = compiled(Trio(penalty=LAZY, critic_steps=5, seed=9, **networks()), run_eagerly=True)
    begin = state(model)
    model.fit(X[:30], Y[:30], batch_size=3, shuffle=False, verbose=0)
    agree(model, by_hand)
    reset(model, begin).fit(batches(15, 3), verbose=0)
    agree(model, play(Trio(seed=9, **networks()), X, Y, 3, steps=1, moves=5, weight=lazily))


def test_batch_statistics_are_those_of_a_players_own_moves() -> None:
    """Of one step alone: normalising four rows makes much of what is rounded."""
    by_hand = play(Trio(seed=4, **networks(*NORMALISED)), X, Y, 4, steps=1, moves=2)
    model = compiled(Trio(critic_steps=2, seed=4, **networks(*NORMALISED)), run_eagerly=True)
    model.fit(X[:8], Y[:8], batch_size=4, shuffle=False, verbose=0)
    agree(model, by_hand, 1e-6)


@pytest.mark.parametrize(("moves", "steps", "penalty"), [(2, 2, LAZY), (5, 1, None)])
def test_two_replicas_play_the_same_game(moves: int, steps: int, penalty: Penalty | None) -> None:
    """Each sees its half of every move's rows, and noise is that of the global row; statistics are of both halves."""
    normalised = ("generator",) if steps == 1 else ()
    weight = lazily if penalty is LAZY else lambda number: 0.0
    by_hand = play(Trio(seed=4, **networks(*normalised)), X, Y, 4, steps=steps, moves=moves, weight=weight)
    with two_replicas().scope():
        model = compiled(Trio(penalty=penalty, critic_steps=moves, seed=4, **networks(*normalised)), run_eagerly=moves == 5)
    rows = steps * moves * 4
    model.fit(X[:rows], Y[:rows], batch_size=4, shuffle=False, verbose=0)
    agree(model, by_hand)


def test_a_lazy_penalty_is_shown_unscaled() -> None:
    """By `evaluate` and by the probe of the `Doctor`, wherever training stands."""
    model = compiled(Trio(penalty=LAZY, critic_steps=2, **networks()), run_eagerly=True)
    model.step.assign(2)  # the next moves are the fourth and the fifth: neither is charged
    seeds = random.row_keys(model.seed, random.Purpose.EVALUATION, tf.range(6))
    latents = tf.math.ndtri(random.uniform(seeds, (LATENTS,), stream=0))
    seen = (tf.constant(X[:6]), tf.constant(Y[:6]), latents, random.uniform(seeds, (1,), stream=4))
    generated = model.generator([latents, seen[1]])
    found = {weight: losses(model, seen, generated, weight, False)["discriminator"]() for weight in (WEIGHT, 0.0)}
    expected = float(tf.reduce_mean(found[WEIGHT] - found[0.0]))
    assert expected > 0.01
    shown = model.evaluate(X[:6], Y[:6], verbose=0, return_dict=True)
    assert shown["discriminator_penalty"] == pytest.approx(expected, rel=1e-4)
    assert shown["discriminator_loss"] == pytest.approx(float(tf.reduce_mean(found[WEIGHT])), rel=1e-4)
    probed = model.probe(seen[0], seen[1], seeds)
    assert float(probed["discriminator_penalty"]) == pytest.approx(expected, rel=1e-4)
    assert model.fit(X[:8], Y[:8], batch_size=4, verbose=0).history["discriminator_penalty"] == [0.0]


# ---- steps, epochs, the place in the data ----


def test_a_group_that_is_short_is_left_out_and_said(model: Trio, capsys: pytest.CaptureFixture) -> None:
    model.fit(X[:22], Y[:22], batch_size=4, verbose=0)  # five whole batches and two rows: two steps
    assert int(model.step.numpy()) == 2
    said = capsys.readouterr().out
    assert "The short last batch is dropped: every move sees 4 rows." in said
    assert "A step takes 2 batches: the last 1 of 5 are left out." in said
    model.fit(batches(22, 4), verbose=0)
    assert int(model.step.numpy()) == 4
    assert capsys.readouterr().out == said
    model.fit(batches(22, 4).filter(lambda x, y: True), verbose=0)  # nobody knows how many there are
    assert int(model.step.numpy()) == 6
    model.fit(X[:16], Y[:16], batch_size=4, steps_per_epoch=1, epochs=2, verbose=0)
    assert [int(counter.numpy()) for counter in (model.step, model.epoch, model.batch)] == [8, 5, 0]
    capsys.readouterr()
    model.fit(X[:16], Y[:16], batch_size=4, verbose=0)
    assert capsys.readouterr().out == ""


def test_steps_that_the_data_cannot_give_are_refused(model: Trio) -> None:
    with pytest.raises(ValueError, match=r"at most the data set's 2 .*Received: steps_per_epoch=3"):
        model.fit(X[:16], Y[:16], batch_size=4, steps_per_epoch=3, verbose=0)
    with pytest.raises(ValueError, match=r"at least 2 whole batches, as many as a step takes. Received: 1"):
        model.fit(X[:7], Y[:7], batch_size=4, verbose=0)
    assert int(model.step.numpy()) == 0


class Killed(Exception):
    pass


class Kill(keras.callbacks.Callback):
    model: Any

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.step.numpy()) == 3:
            raise Killed


def fed(kind: str) -> dict[str, Any]:
    """Two steps an epoch; the endless data set has a short batch in every round of six."""
    if kind == "arrays":
        return {"x": X[:16], "y": Y[:16], "batch_size": 4}
    return {"x": batches(16, 4)} if kind == "data set" else {"x": batches(22, 4).repeat(), "steps_per_epoch": 2}


@pytest.mark.parametrize("kind", ["arrays", "data set", "endless"])
def test_a_run_killed_inside_an_epoch_goes_on_bit_for_bit(model: Trio, kind: str, tmp_path: Any) -> None:
    begin = state(model)
    model.fit(**fed(kind), epochs=3, verbose=0)
    whole = state(model)
    with pytest.raises(Killed):
        reset(model, begin).fit(**fed(kind), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path, every_steps=1), Kill()])
    reset(model, begin).fit(**fed(kind), epochs=3, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert [int(counter.numpy()) for counter in (model.step, model.epoch, model.batch)] == [6, 3, 0]
    for one, other in zip(state(model), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_noise_of_a_move_is_that_of_its_number() -> None:
    model = Trio(critic_steps=2, seed=7, **networks())
    model.step.assign(3)
    for move in (0, 1):
        seeds = random.row_keys(7, 0, 3 * 2 + move, tf.range(4))
        np.testing.assert_array_equal(model.training_seeds(tf.constant(4), 2, move), seeds)
    assert len(round_of(model, 6, X[:4], Y[:4])[2]) == 4
