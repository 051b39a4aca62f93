"""Clipped critics: their weights are within bounds after every move, in every file, on every replica."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.models.adversarial.by_hand import agree, compiled, data, networks, play, weights_of
from tests.models.adversarial.toy import Trio
from tfgen.objectives import WeightClipping
from tfgen.testing import two_replicas

X, Y = data(24)


class Watched:
    """Notes the discriminator's largest weight whenever a player begins to move."""

    def __init__(self, model: Trio) -> None:
        self.largest: list[tuple[str, float]] = []
        terms = model.terms
        model.terms = lambda player, round: (self.note(model, player), terms(player, round))[1]  # type: ignore[method-assign]

    def note(self, model: Trio, player: str) -> None:
        self.largest.append((player, max(float(np.abs(w).max()) for w in model.discriminator.get_weights())))


def test_clipping_holds_after_every_move(tmp_path: Any) -> None:
    bound = 0.1
    expected = play(Trio(seed=4, **networks()), X, Y, 4, steps=2, moves=3, bound=bound)
    model = compiled(Trio(penalty=WeightClipping(bound), critic_steps=3, seed=4, **networks()), run_eagerly=True)
    watched, files = Watched(model), []

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            files.append(tmp_path / f"{batch}.keras")
            model.save(files[-1])

    model.fit(X[:24], Y[:24], batch_size=4, shuffle=False, verbose=0, callbacks=[Save()])
    agree(model, expected)
    names = [player for player, _ in watched.largest]
    assert names == ["discriminator", "encoder"] * 3 + ["generator"] + ["discriminator", "encoder"] * 3 + ["generator"]
    assert watched.largest[0][1] > bound  # nobody has moved yet
    assert all(largest == pytest.approx(bound) for _, largest in watched.largest[1:])
    for file in files:
        loaded: Any = keras.saving.load_model(file)
        assert max(np.abs(w).max() for w in loaded.discriminator.get_weights()) == pytest.approx(bound)
        assert max(np.abs(w).max() for w in loaded.generator.get_weights()) > 2 * bound
        assert loaded.penalty == WeightClipping(bound)


def test_clipping_holds_on_every_replica() -> None:
    bound, strategy = 0.1, two_replicas()
    expected = play(Trio(seed=4, **networks()), X, Y, 4, steps=2, moves=2, bound=bound)
    with strategy.scope():
        model = compiled(Trio(penalty=WeightClipping(bound), critic_steps=2, seed=4, **networks()))
    model.fit(X[:16], Y[:16], batch_size=4, shuffle=False, verbose=0)
    agree(model, expected)
    for weight in model.discriminator.weights:
        values = strategy.experimental_local_results(weight.value)
        assert len(values) == 2
        np.testing.assert_array_equal(values[0], values[1])
        assert np.abs(values[0]).max() <= np.float32(bound)


def test_clipping_holds_where_all_move_at_once() -> None:
    model = compiled(Trio(simultaneous=True, penalty=WeightClipping(0.1), **networks()), run_eagerly=True)
    model.fit(X[:4], Y[:4], batch_size=4, verbose=0)
    largest = {player: max(np.abs(w).max() for w in weights) for player, weights in weights_of(model).items()}
    assert largest["discriminator"] == pytest.approx(0.1) and min(largest["generator"], largest["encoder"]) > 0.2
