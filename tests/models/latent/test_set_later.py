"""Numbers of the bound, set by hand, by callbacks, as schedules: the next step heeds them, and files hold them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.setting import (
    LATENTS,
    X,
    arrays,
    assert_same,
    decoder,
    fitted,
    through_file,
    trained,
    vae,
)
from tfgen.objectives import ELBO, Bound, ImportanceWeighted


def share(result: dict[str, Any]) -> float:
    """The weight of the KL in a loss."""
    return (result["loss"] - result["reconstruction"]) / result["kl"]


def test_a_callback_sets_beta_and_nothing_is_traced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anneal(keras.callbacks.Callback):
        model: Any

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.beta = 0.5 * epoch

    traced, step = [], tfgen.VAE.per_example
    monkeypatch.setattr(tfgen.VAE, "per_example", lambda self, batch: traced.append(batch.training) or step(self, batch))
    model = vae()
    model.compile("sgd")
    history = fitted(model, 3, Anneal()).history.history
    assert traced == [True]
    rows = [{name: values[epoch] for name, values in history.items()} for epoch in range(3)]
    np.testing.assert_allclose([share(row) for row in rows], [0.0, 0.5, 1.0], atol=1e-3)
    assert model.beta == model.bound.beta == model.get_config()["beta"] == 1.0
    model.beta = 4.0
    assert share(model.evaluate(X, verbose=0, return_dict=True)) == pytest.approx(4.0, rel=1e-3)


def test_numbers_of_the_bound_are_in_files(tmp_path: Path) -> None:
    model = trained(vae(kl_warmup_steps=10))
    model.beta, model.free_bits, model.kl_warmup_steps = 2.0, 3.0, 20
    loaded = through_file(model, tmp_path)
    assert loaded.bound == model.bound == ELBO(2.0, 20, 3.0) and loaded.get_config() == model.get_config()
    found = loaded.evaluate(X, verbose=0, return_dict=True)
    assert found["loss"] - found["reconstruction"] == pytest.approx(2.0 * LATENTS * 3.0, rel=1e-4)
    assert_same(fitted(loaded), fitted(model))


def test_a_schedule_stands_for_a_number(tmp_path: Path) -> None:
    model = vae(beta=keras.optimizers.schedules.PolynomialDecay(0.0, 4, 1.0))
    trained(model, optimizer=keras.optimizers.SGD(0.0))
    assert share({name: values[-1] for name, values in model.history.history.items()}) == pytest.approx(0.0, abs=1e-4)
    assert share(model.evaluate(X, verbose=0, return_dict=True)) == pytest.approx(0.25, rel=1e-3)
    loaded = through_file(model, tmp_path)
    assert loaded.get_config() == model.get_config() and loaded.get_config()["beta"]["class_name"] == "PolynomialDecay"
    model.free_bits = keras.optimizers.schedules.PiecewiseConstantDecay([10], [7.0, 0.0])
    found = model.evaluate(X, verbose=0, return_dict=True)
    assert found["loss"] - found["reconstruction"] == pytest.approx(0.25 * LATENTS * 7.0, rel=1e-3)
    model.bound = ELBO(beta=model.beta)
    assert type(model).from_config(model.get_config()).bound.beta.get_config() == model.beta.get_config()


class Reconstruction(Bound):
    """A bound of a user's own, which is none."""

    num_samples = 1

    def get_config(self) -> dict[str, Any]:
        return {}

    def __call__(self, log_likelihood: Any, *terms: Any, **given: Any) -> dict[str, Any]:
        loss = -tf.reduce_mean(log_likelihood, -1)
        return {"loss": loss, "elbo": -loss, "reconstruction": loss, "kl": 0.0 * loss}


def test_bounds_that_are_none_of_the_librarys_have_no_numbers() -> None:
    model = vae(beta=2.0)
    model.bound = Reconstruction()
    found = trained(model).evaluate(X, verbose=0, return_dict=True)
    assert found["loss"] == found["reconstruction"] and model.get_config()["bound"]["class_name"] == "Reconstruction"
    with pytest.raises(
        ValueError, match=r"Expected a bound of this library's, .*set `model.bound`. Received: beta=3.0, bound="
    ):
        model.beta = 3.0
    for wrong in (None, 1.0, "elbo"):
        with pytest.raises(ValueError, match=r"`bound` to be a `tfgen.objectives.Bound`. Received: bound="):
            model.bound = wrong
    model.bound = ELBO()
    with pytest.raises(ValueError, match=r"`beta` must be a number of at least 0. Received: beta=-1"):
        model.beta = -1


# ---- by callbacks ----


class Sets(keras.callbacks.Callback):
    """Does something at the beginning of each epoch, and keeps the weights of both networks."""

    model: Any

    def __init__(self, *acts: Callable[[Any], None]) -> None:
        super().__init__()
        self.acts, self.seen = acts, []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.acts[epoch](self.model)
        self.networks = self.model.encoder, self.model.decoder
        self.before = [arrays(network.weights) for network in self.networks]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        after = [arrays(network.weights) for network in self.networks]
        self.seen.append([any(map(np.any, map(np.not_equal, a, b))) for a, b in zip(self.before, after, strict=True)])


def thaw(model: Any) -> None:
    model.encoder.trainable = True


def exchange(model: Any) -> None:
    model.decoder = decoder()


def charge(model: Any) -> None:
    model.free_bits = 5.0


def weigh(model: Any) -> None:
    model.bound = ImportanceWeighted(3)


def test_what_callbacks_set_holds_from_the_epoch_on_in_a_graph_that_trains_too() -> None:
    model = vae()
    model.encoder.trainable = False
    model.compile(keras.optimizers.SGD(0.1))
    sets = Sets(lambda _: None, thaw, exchange, charge, weigh)
    old = model.decoder
    history = fitted(model, 5, sets).history.history
    assert sets.seen[:3] == [[False, True], [True, True], [True, True]]
    assert model.decoder is not old and sets.networks[1] is model.decoder
    rows = [{name: values[epoch] for name, values in history.items()} for epoch in range(5)]
    assert rows[3]["loss"] - rows[3]["reconstruction"] == pytest.approx(LATENTS * 5.0, rel=1e-4)
    assert rows[4]["loss"] < -rows[4]["elbo"] and model.importance_samples == model.get_config()["importance_samples"] == 3
