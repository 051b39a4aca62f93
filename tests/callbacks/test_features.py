"""Callbacks beside a model that is conditional on features: they are given rows of them, or say at once that they need some."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import tfgen
from tfgen.callbacks import Doctor, Samples, Score

RNG = np.random.default_rng(2)
X = RNG.uniform(-0.9, 0.9, (8, 12, 1)).astype(np.float32)
FEATURES = RNG.normal(size=(8, 4, 2)).astype(np.float32)


def build() -> tfgen.WaveNet:
    keras.utils.set_random_seed(3)
    model = tfgen.WaveNet(12, dilations=(1, 2), blocks=1, filters=2, skip=4, local_channels=2, hop=3)
    model.compile(keras.optimizers.SGD(0.0))
    return model


def fit(model: tfgen.WaveNet, callback: keras.callbacks.Callback) -> dict[str, list[float]]:
    return model.fit(X, FEATURES, batch_size=4, verbose=0, callbacks=[callback]).history


def test_the_doctor_looks_with_the_features() -> None:
    model = build()
    one, other = Doctor(X, labels=FEATURES, every_steps=1), Doctor(X, labels=FEATURES[::-1], every_steps=1)
    model.fit(X, FEATURES, batch_size=4, verbose=0, callbacks=[one, other])
    assert one.looks[0]["nll"] == pytest.approx(-model.log_prob(X, features=FEATURES).mean(), rel=1e-5)
    assert other.looks[0]["nll"] == pytest.approx(-model.log_prob(X, features=FEATURES[::-1]).mean(), rel=1e-5)
    assert len(one.looks) == 2 and one.findings == []


def test_samples_are_drawn_with_the_features_in_turn(tmp_path: Path) -> None:
    model, callback = build(), Samples(tmp_path, n=5, seed=6, labels=FEATURES[:3])
    fit(model, callback)
    expected = model.sample(5, seed=6, features=FEATURES[[0, 1, 2, 0, 1]])
    tfgen.pictures.save_grid(tfgen.pictures.envelopes(expected), tmp_path / "expected.png")
    assert (tmp_path / "epoch-0001.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_scores_are_of_samples_with_the_features(tmp_path: Path) -> None:
    model = build()
    history = fit(model, Score((X, FEATURES), directory=tmp_path, metrics=["log_prob", "frechet_distance"], n=10))
    assert history["log_prob"] == [pytest.approx(model.log_prob(X, features=FEATURES).mean(), rel=1e-6)]
    drawn = model.sample(10, seed=0, features=np.concatenate([FEATURES, FEATURES[:2]]))
    distance = tfgen.metrics.frechet_distance(X.reshape(8, -1), drawn.reshape(10, -1))
    assert history["frechet_distance"] == [pytest.approx(float(distance), rel=1e-5)]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (lambda folder: Doctor(X), r"expected `labels` beside `images`.*Received: Doctor\(labels=None\)"),
        (lambda folder: Doctor(X, labels=FEATURES[:, :3]), r"\(batch, 4, 2\)"),
        (lambda folder: Doctor(X, labels=FEATURES[:5]), "8 images and 5 labels"),
        (lambda folder: Samples(folder), r"expected `labels=`.*Received: Samples\(labels=None\)"),
        (lambda folder: Samples(folder, labels=FEATURES[..., :1]), r"\(batch, 4, 2\)"),
        (lambda folder: Samples(folder, labels=FEATURES[:0]), "Received"),
        (lambda folder: Score(X, directory=folder), "expected a pair of images and what `fit` takes as `y`"),
        (lambda folder: Score((X, FEATURES[:6]), directory=folder), "8 images and 6 labels"),
    ],
)
def test_missing_or_wrong_features_are_told_before_the_first_step(callback, message: str, tmp_path: Path) -> None:
    model = build()
    with pytest.raises(ValueError, match=message):
        fit(model, callback(tmp_path))
    assert int(model.step.numpy()) == 0 and not list(tmp_path.iterdir())


def test_calling_the_model_without_its_features_says_so() -> None:
    model = build()
    with pytest.raises(ValueError, match=r"conditional on 2 features a frame: expected them as .*Received: features=None"):
        model(X)
    np.testing.assert_allclose(model(X, features=FEATURES), model.predict(X, y=FEATURES, verbose=0), rtol=1e-5)
