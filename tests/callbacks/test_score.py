"""Scores in training: the numbers are those of `tfgen.metrics`, the best model is kept, and training goes on undisturbed."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import metrics
from tfgen.callbacks import Score
from tfgen.testing.devices import two_replicas

SHAPE = (4, 4, 1)
X = np.random.default_rng(0).integers(0, 2, (24, *SHAPE)).astype(np.float32)
DISTANCES = ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"]


def vae(**arguments: Any) -> tfgen.VAE:
    keras.utils.set_random_seed(3)
    model = tfgen.VAE(SHAPE, **{"latent_dim": 2, "network": "mlp", "width": 4, **arguments})
    model.compile()
    return model


def pixelcnn() -> tfgen.PixelCNN:
    keras.utils.set_random_seed(3)
    model = tfgen.PixelCNN(SHAPE, filters=2, blocks=1, kernel_size=3)
    model.compile()
    return model


def gan() -> tfgen.GAN:
    keras.utils.set_random_seed(3)
    model = tfgen.GAN(SHAPE, latent_dim=2, width=2)
    model.compile()
    return model


def fit(model: Any, epochs: int, *callbacks: Any) -> dict[str, list[float]]:
    return model.fit(X, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks)).history


def halves(images: np.ndarray) -> np.ndarray:
    return np.stack([images[:, :2].mean((1, 2, 3)), images[:, 2:].mean((1, 2, 3)), images[:, :, :2].mean((1, 2, 3))], -1)


def test_the_numbers_are_those_of_the_metrics(tmp_path: Path) -> None:
    model = vae()
    score = Score(X, directory=tmp_path, metrics=[*DISTANCES, "elbo", "log_prob_bound"], extractor=halves, n=16, seed=5)
    history = fit(model, 2, score)
    real, generated = halves(X), halves(model.sample(16, seed=5))
    expected = {
        "frechet_distance": metrics.frechet_distance(real, generated),
        "kernel_distance": metrics.kernel_distance(real, generated, subset_size=16, seed=5).value,
        **metrics.precision_recall(real, generated, k=3)._asdict(),
        **metrics.density_coverage(real, generated, k=5)._asdict(),
        "elbo": np.mean(model.elbo(X, seed=5)),
        "log_prob_bound": np.mean(model.log_prob_bound(X, seed=5)),
    }
    assert set(expected) == set(score.metrics)
    for name, value in expected.items():
        assert history[name][-1] == score.scores[-1][name] == pytest.approx(value, rel=1e-6), name
    assert [found["epoch"] for found in score.scores] == [1, 2]


def test_an_exact_likelihood(tmp_path: Path) -> None:
    model = pixelcnn()
    history = fit(model, 1, Score(X, directory=tmp_path, metrics=["log_prob"], n=2))
    assert history["log_prob"] == [pytest.approx(np.mean(model.log_prob(X)), rel=1e-6)]
    assert json.loads((tmp_path / "best.json").read_text())["mode"] == "max"


class Constant:
    """An extractor that says what it is, and gives the features of a list one call after another."""

    name, sha256 = "constant", "abc"

    def __init__(self, shifts: list[float]) -> None:
        self.shifts = iter(shifts)

    def features(self, images: np.ndarray) -> np.ndarray:
        return np.random.default_rng(len(images)).normal(size=(len(images), 2)) + next(self.shifts)


def test_the_best_is_kept(tmp_path: Path) -> None:
    """The distance is the squared shift: the second of four epochs is the best."""
    weights: list[list[np.ndarray]] = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    model = vae()
    # the samples' features come first, then once those of the real images
    score = Score(X, directory=tmp_path, extractor=Constant([3.0, 0.0, 1.0, 2.0, 1.5]))
    history = fit(model, 4, score, keep)["frechet_distance"]
    np.testing.assert_allclose(history, [18.0, 2.0, 8.0, 4.5], rtol=1e-4)
    best = json.loads((tmp_path / "best.json").read_text())
    assert best.pop("model_sha256") == hashlib.sha256((tmp_path / "best.keras").read_bytes()).hexdigest()
    assert best == {
        "metric": "frechet_distance", "mode": "min", "n": 24, "seed": 0, "images": 24,
        "extractor": {"name": "constant", "sha256": "abc"}, "value": history[1], "epoch": 2,
        "scores": {"frechet_distance": history[1]},
    }  # fmt: skip
    kept = keras.saving.load_model(tmp_path / "best.keras")
    for a, b in zip(kept.get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(kept.optimizer.iterations.numpy()) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.json", "best.keras", *(f"epoch-000{epoch}.png" for epoch in (1, 2, 3, 4)),
    ]  # fmt: skip


def test_goes_on_from_the_best_so_far(tmp_path: Path) -> None:
    model = vae()
    fit(model, 1, Score(X, directory=tmp_path, extractor=Constant([1.0, 0.0])))
    before = (tmp_path / "best.keras").read_bytes()
    fit(model, 1, Score(X, directory=tmp_path, extractor=Constant([2.0, 0.0])))  # worse
    assert (tmp_path / "best.keras").read_bytes() == before
    fit(model, 1, Score(X, directory=tmp_path, extractor=Constant([0.5, 0.0])))
    assert json.loads((tmp_path / "best.json").read_text())["epoch"] == 3
    assert (tmp_path / "best.keras").read_bytes() != before


@pytest.mark.parametrize("change", [{"seed": 1}, {"n": 8}, {"extractor": halves}, {"metrics": ["kernel_distance"]}])
def test_refuses_a_best_of_another_protocol(change: dict[str, Any], tmp_path: Path) -> None:
    model = vae()
    fit(model, 1, Score(X, directory=tmp_path))
    with pytest.raises(ValueError, match="another protocol"):
        fit(model, 1, Score(X, **{"directory": tmp_path, **change}))


@pytest.mark.parametrize("build", [vae, gan, pixelcnn])
def test_scores_do_not_change_training(build: Any, tmp_path: Path) -> None:
    plain, watched = build(), build()
    fit(plain, 2)
    fit(watched, 2, Score(X, directory=tmp_path, log_dir=tmp_path / "log", n=4))
    for a, b in zip(plain.weights, watched.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for name, optimizer in plain.optimizers.items():
        for a, b in zip(optimizer.variables, watched.optimizers[name].variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_kerass_callbacks_see_the_scores(tmp_path: Path) -> None:
    model = vae()
    score = Score(X, directory=tmp_path, every_epochs=2, extractor=Constant([1.0, 0.0, 2.0, 3.0, 4.0]))
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    stop = keras.callbacks.EarlyStopping("frechet_distance", patience=3, mode="min")
    history = fit(model, 20, score, log, stop)["frechet_distance"]
    assert [math.isinf(value) for value in history] == [True, False, True, False, True]  # none better in three epochs
    with open(tmp_path / "log.csv") as file:
        assert [row["frechet_distance"] for row in csv.DictReader(file)] == [str(value) for value in history]


def test_tensorboard_reads_the_events(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    score = Score(X, directory=tmp_path, log_dir=tmp_path / "log", metrics=["recall", "elbo"], n=9)
    history = fit(vae(), 2, score)
    events = EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert sorted(events.Tags()["tensors"]) == ["samples", "score/elbo", "score/recall"]
    found = [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors("score/elbo")]
    assert found == [(1, pytest.approx(history["elbo"][0])), (2, pytest.approx(history["elbo"][1]))]
    assert events.SummaryMetadata("score/elbo").plugin_data.plugin_name == "scalars"
    width, height, png = tf.make_ndarray(events.Tensors("samples")[-1].tensor_proto)
    picture = tf.io.decode_png(png).numpy()
    assert (int(width), int(height)) == picture.shape[1::-1] == (14, 14)
    np.testing.assert_array_equal(picture, tfgen.pictures.grid(score.model.sample(9, seed=0)))


def test_a_keras_model_extracts(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)])
    model = vae()
    history = fit(model, 1, Score(X, directory=tmp_path, extractor=network))
    features = [network.predict(images, verbose=0) for images in (X, model.sample(24, seed=0))]
    assert history["frechet_distance"] == [pytest.approx(metrics.frechet_distance(*features), rel=1e-5)]


def test_a_model_that_draws_nan_is_never_the_best(tmp_path: Path) -> None:
    model = vae()
    model.decoder.trainable_variables[-1].assign(np.full(16, np.nan, np.float32))
    with tf.device("CPU:0"):
        assert fit(model, 1, Score(X, directory=tmp_path))["frechet_distance"] == [math.inf]
    assert not (tmp_path / "best.keras").exists()
    assert (tmp_path / "epoch-0001.png").exists()


def test_a_conditional_model_draws_the_labels_of_the_images(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    model = tfgen.GatedPixelCNN(SHAPE, filters=2, blocks=1, kernel_size=3, num_classes=3)
    model.compile()
    labels = np.arange(24) % 3
    score = Score((X, labels), directory=tmp_path, metrics=["frechet_distance", "log_prob"], n=30)
    history = model.fit(X, labels, batch_size=8, verbose=0, callbacks=[score]).history
    samples = model.sample(label=np.resize(labels, 30), seed=0)
    expected = metrics.frechet_distance(X.reshape(24, -1), samples.reshape(30, -1))
    assert history["frechet_distance"] == [pytest.approx(expected, rel=1e-6)]
    assert history["log_prob"] == [pytest.approx(np.mean(model.log_prob(X, labels)), rel=1e-6)]


@pytest.mark.parametrize(
    "arguments",
    [{"metrics": []}, {"metrics": ["fid"]}, {"metrics": "recall"}, {"n": 1}, {"every_epochs": 0}, {"images": X[:1]}],
)
def test_refuses(arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received"):
        Score(**{"images": X, "directory": tmp_path, **arguments})


def test_refuses_what_does_not_fit_the_model(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="extractor"):
        Score(X, directory=tmp_path, extractor=3)
    with pytest.raises(ValueError, match="no such likelihood"):
        fit(gan(), 1, Score(X, directory=tmp_path, metrics=["log_prob"]))
    with pytest.raises(ValueError, match="`images`"):
        fit(gan(), 1, Score(X[:, :3], directory=tmp_path))
    plain = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(1)])
    plain.compile(loss="mse")
    with pytest.raises(TypeError, match="`sample"):
        plain.fit(X, X[:, 0, 0], verbose=0, callbacks=[Score(X, directory=tmp_path)])


def test_under_two_replicas(tmp_path: Path) -> None:
    with two_replicas().scope():
        model = vae()
    history = fit(model, 1, Score(X, directory=tmp_path, metrics=["frechet_distance", "elbo"]))
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    expected = metrics.frechet_distance(X.reshape(24, -1), loaded.sample(24, seed=0).reshape(24, -1))
    assert history["frechet_distance"] == [pytest.approx(expected, rel=1e-4)]
