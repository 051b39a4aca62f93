"""The numbers on a card are what they say, and `verify` notices when one is not."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfgen
from tfgen import data, random, zoo
from tfgen.data import FIXED_SHA256
from tfgen.zoo import measures
from tfgen.zoo.measures import MEASURES, measure
from tfgen.zoo.numbers import make_number
from tfgen.zoo.run import Run
from tfgen.zoo.table import Measure

Trained = dict[str, tuple[Path, Any]]


def _values(numbers: list[dict[str, Any]]) -> dict[str, Any]:
    return {number["metric"]: number["value"] for number in numbers}


def _read(view: str) -> np.ndarray:
    return next(iter(data.load("fashion_mnist_small", "test[:40]", view=view, image_size=8, batch_size=40))).numpy()


def test_nll_is_the_mean_over_the_fixed_draw(trained: Trained):
    folder, model = trained["autoregressive"]
    values = _values(zoo.card(folder)["metrics"])
    nll = -np.mean(model.log_prob(_read("binarized")), dtype=np.float64)
    assert values["nll"] == pytest.approx(nll, abs=1e-4)
    assert values["bits_per_dim"] == pytest.approx(nll / (64 * math.log(2)), abs=1e-6)


def test_nll_of_a_conditional_model_is_given_the_labels(trained: Trained):
    folder, model = trained["conditional"]
    images, labels = next(
        iter(data.load("fashion_mnist_small", "test[:40]", view="binarized", image_size=8, batch_size=40, labels=True))
    )
    number = next(number for number in zoo.card(folder)["metrics"] if number["metric"] == "nll")
    assert number["value"] == pytest.approx(-np.mean(model.log_prob(images, labels), dtype=np.float64), abs=1e-4)
    assert number["value"] != pytest.approx(-np.mean(model.log_prob(images, labels[::-1]), dtype=np.float64), abs=1e-4)
    assert "-log p(x | label)" in number["protocol"]


def test_bounds_are_ordered_and_repeatable(trained: Trained):
    folder, model = trained["latent"]
    values = _values(zoo.card(folder)["metrics"])
    images, seeds = _read("8bit"), random.row_seeds(4, 40)
    assert values["elbo"] == pytest.approx(model.elbo(images, seed=seeds).mean(dtype=np.float64), abs=1e-4)
    bound = model.log_prob_bound(images, num_samples=5, seed=seeds).mean(dtype=np.float64)
    assert values["log_prob_bound"] == pytest.approx(bound, abs=1e-4)
    assert values["elbo"] < values["log_prob_bound"]
    assert values["elbo_bits_per_dim"] == pytest.approx(-values["elbo"] / (64 * math.log(2)), abs=1e-6)
    more = _values(measure(zoo.load(folder), zoo.read_recipe(folder).protocol().changed(num_samples=50)))
    assert more["log_prob_bound"] > values["log_prob_bound"]
    assert more["elbo"] == values["elbo"]


def test_moments_are_those_of_ten_thousand_samples(trained: Trained):
    folder, model = trained["adversarial"]
    values = _values(zoo.card(folder)["metrics"])
    samples = model.sample(10_000, seed=0).astype(np.float64)
    assert values["sample_mean"] == pytest.approx(samples.mean(), abs=1e-6)
    assert values["sample_std"] == pytest.approx(samples.std(), abs=1e-6)


def test_every_family_has_its_numbers(trained: Trained):
    pinned = ["pinned_seed_0", "pinned_seed_1", "pinned_seed_2"]
    wanted = {
        "autoregressive": ["nll", "bits_per_dim"],
        "conditional": ["nll", "bits_per_dim"],
        "latent": ["elbo", "elbo_bits_per_dim", "log_prob_bound", "log_prob_bound_bits_per_dim"],
        "adversarial": ["sample_mean", "sample_std"],
    }
    for family, (folder, _) in trained.items():
        metrics = zoo.card(folder)["metrics"]
        assert [number["metric"] for number in metrics] == [*wanted[family], *pinned]
        assert {number["kind"] for number in metrics} >= {"pinned"}
        assert all(len(number["value"]) == 6 for number in metrics if number["kind"] == "pinned")


SMALL: dict[str, Any] = {"filters": 2, "blocks": 1}
COMPARED = ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "data_copying"]
SOUND: dict[str, Any] = {"dilations": (1, 2), "blocks": 1, "filters": 2, "skip": 2}


@pytest.mark.parametrize(
    ("build", "known"),
    [
        (lambda: tfgen.PixelCNN((28, 28, 1), **SMALL), ["nll", "bits_per_dim", *COMPARED]),
        (
            lambda: tfgen.GatedPixelCNN((28, 28, 1), num_classes=2, **SMALL),
            ["nll", "bits_per_dim", *COMPARED, "class_accuracy", "intra_class_frechet_distance", "class_similarity"],
        ),
        # a density has no bits: they would depend on the unit of the data
        (
            lambda: tfgen.PixelCNN((4, 4, 1), likelihood=tfgen.distributions.Normal(None), **SMALL),
            ["nll"],
        ),
        (
            lambda: tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4, likelihood=tfgen.distributions.Normal(None)),
            ["elbo", "log_prob_bound"],
        ),
        (lambda: tfgen.GAN((28, 28, 1), latent_dim=2, width=4), ["sample_mean", "sample_std", *COMPARED]),
        (
            lambda: tfgen.WaveNet(20, **SOUND, local_channels=2, hop=4),
            ["nll", "bits_per_dim", "nll_per_sample", "marginal_entropy", "order_1_nll"],
        ),
    ],
)
def test_the_rows_that_apply_are_those_that_a_model_has_an_answer_to(build: Callable[[], Any], known: list[str]):
    run = Run(build(), protocol=zoo.Protocol(data="a set that is nowhere"))  # which no row needs to say whether it applies
    assert [name for row in MEASURES if row.applies(run) for name in row.names] == known


def test_a_new_measure_is_one_row(trained: Trained, monkeypatch: pytest.MonkeyPatch):
    row = Measure(
        ("least",),
        lambda run: run.model.value_range == (0.0, 1.0),
        lambda run: iter([make_number("least", float(run.reference.images.min()), "value", "exact", "of all values", n=40)]),
    )
    monkeypatch.setattr(measures, "MEASURES", (row, *MEASURES))
    folder, _ = trained["latent"]
    names = [number["metric"] for number in measure(zoo.load(folder), zoo.read_recipe(folder).protocol())]
    assert names[:2] == ["least", "elbo"]
    (number,) = measure(zoo.load(folder), zoo.read_recipe(folder).protocol(), metrics=["least"])
    assert (number["value"], number["tolerance"]) == (0.0, 1e-3) and number["hardware"]


def test_a_protocol_reads_the_scoreboards_images():
    protocol = zoo.Protocol(data="fashion_mnist_small", split="test", view="binarized")
    images, sha256 = protocol.read()
    assert (
        sha256 == FIXED_SHA256["fashion_mnist_small", "test"] == hashlib.sha256(images.astype(np.uint8).tobytes()).hexdigest()
    )
    head, _ = protocol.changed(split="test[:7]").read()
    np.testing.assert_array_equal(head, images[:7])
    grey, sha256 = protocol.changed(view="8bit").read()
    assert hashlib.sha256(data.arrays("fashion_mnist_small", "test")[0].tobytes()).hexdigest() == sha256
    assert grey.max() == 1.0
    points, sha256 = zoo.Protocol(data="ring").read()
    assert points.min() < -0.9 and hashlib.sha256(data.arrays("ring", "test")[0].tobytes()).hexdigest() == sha256


def test_pinned_numbers_tell_models_apart(trained: Trained):
    for folder, model in trained.values():
        numbers = _values(measure(zoo.load(folder), metrics=["pinned_seed_0", "pinned_seed_1"]))
        assert list(numbers) == ["pinned_seed_0", "pinned_seed_1"]
        assert numbers["pinned_seed_0"] != numbers["pinned_seed_1"]
        untrained = type(model).from_config(model.get_config())
        other = _values(measure(untrained, metrics=["pinned_seed_0"]))
        assert np.abs(np.subtract(numbers["pinned_seed_0"], other["pinned_seed_0"])).max() > 1e-5


def test_progress_is_told(trained: Trained):
    told: list[tuple[str, int, int]] = []
    folder, _ = trained["autoregressive"]
    measure(zoo.load(folder), zoo.read_recipe(folder).protocol(), progress=lambda *where: told.append(where))
    assert told == [("nll", 0, 40), ("nll", 40, 40)]


def test_an_unknown_number_suggests_the_nearest(trained: Trained):
    folder, _ = trained["autoregressive"]
    with pytest.raises(ValueError, match=r"Did you mean pinned_seed_0. Received: pinned_seed0"):
        measure(zoo.load(folder), metrics=["pinned_seed0"])
    with pytest.raises(ValueError, match=r"Expected `metrics` among nll, .*Received: nl"):
        zoo.verify(folder, metrics=["nl"])


@pytest.mark.parametrize("family", ["autoregressive", "conditional", "latent", "adversarial"])
def test_verify_holds_for_what_was_measured(trained: Trained, family: str):
    results = zoo.verify(trained[family][0])
    assert [(result["metric"], result["holds"]) for result in results] == [(result["metric"], True) for result in results]
    assert max(result["difference"] for result in results) < 1e-5


def _change(folder: Path, metric: str, **changes: Any) -> None:
    content = json.loads((folder / "metrics.json").read_text())
    next(number for number in content["metrics"] if number["metric"] == metric).update(changes)
    (folder / "metrics.json").write_text(json.dumps(content))


def test_verify_notices_a_wrong_number(entry: Callable[..., Path]):
    folder = entry()
    nll = _values(zoo.card(folder)["metrics"])["nll"]
    _change(folder, "nll", value=nll + 0.03)
    first, second, *_ = zoo.verify(folder)
    assert (first["metric"], first["holds"], second["holds"]) == ("nll", False, True)
    assert first["difference"] == pytest.approx(0.03, abs=1e-4)
    _change(folder, "nll", value=nll + 0.01)  # within the stated tolerance
    assert [result["holds"] for result in zoo.verify(folder, metrics=["nll"])] == [True]
    _change(folder, "pinned_seed_1", value=[0.5])
    assert [result["holds"] for result in zoo.verify(folder, metrics=["pinned_seed_1"])] == [False]


def test_verify_notices_another_protocol(entry: Callable[..., Path]):
    folder = entry()
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("split: test[:40]", "split: test[:39]"))
    first, *_ = zoo.verify(folder)
    assert not first["holds"]
    assert "computed on another split" in first["note"] and "computed on another n: 39, not 40" in first["note"]


def test_verify_notices_other_weights(entry: Callable[..., Path], trained: Trained):
    folder = entry()
    stored = json.loads((folder / "metrics.json").read_text())["metrics"]
    model = zoo.load(folder)
    model.fit(_read("binarized"), verbose=0)
    zoo.save(model, folder, recipe=folder)
    content = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**content, "metrics": stored}))
    assert [result["holds"] for result in zoo.verify(folder)] == [False] * 5
