"""A wrong weight file is refused by its name; what the zoo holds is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfgen import paths, zoo
from tfgen.zoo.cards import render_card
from tfgen.zoo.entries import sha256_of
from tfgen.zoo.loading import check_weights

TRAINED = sorted(path.parent for path in paths.zoo_folder().glob("*/metrics.json"))
CLASSIFIERS = [folder for folder in TRAINED if '"pinned"' not in (folder / "metrics.json").read_text()]  # they draw nothing


def _flip(content: bytes) -> bytes:
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize("spoil", [_flip, lambda content: content[:-1], lambda content: b"", lambda content: content + b"x"])
def test_a_changed_weight_file_is_refused_by_name(entry: Callable[..., Path], spoil: Callable[[bytes], bytes]):
    path = entry() / "model.keras"
    expected = sha256_of(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError) as refused:
        zoo.load(path.parent)
    for part in (str(path), "Restore", f"Expected sha256 {expected}", f"Received: {sha256_of(path)}"):
        assert part in str(refused.value)
    with pytest.raises(ValueError, match=r"Expected sha256"):
        zoo.verify(path.parent)


def test_another_models_weights_are_refused(entry: Callable[..., Path]):
    folder, other = entry("autoregressive"), entry("latent")
    (folder / "model.keras").write_bytes((other / "model.keras").read_bytes())
    with pytest.raises(ValueError, match=r"Expected sha256"):
        zoo.load(folder)


def test_a_file_with_the_right_sha256_that_is_no_model_is_refused(entry: Callable[..., Path]):
    folder = entry()
    (folder / "model.keras").write_bytes(b"not a model")
    content = json.loads((folder / "metrics.json").read_text())
    content["model"]["sha256"] = sha256_of(folder / "model.keras")
    (folder / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"model.keras has the right sha256 but cannot be read.*Received: "):
        zoo.load(folder)


def test_the_card_as_data(trained: dict[str, tuple[Path, Any]]):
    card = zoo.card(trained["autoregressive"][0])
    assert (card["name"], card["system"], card["paper"]["arxiv"]) == ("tiny", "PixelCNN", "1601.06759")
    assert sorted(card["files"]) == ["README.md", "history.csv", "metrics.json", "model.keras", "recipe.yaml", "samples.png"]
    assert card["files"]["model.keras"]["sha256"] == card["model"]["sha256"]
    assert card["training"]["steps"] == 8 and card["training"]["precision"] == "float32"
    json.dumps(card)


def test_the_card_of_an_untrained_entry(tmp_path: Path, entry: Callable[..., Path]):
    folder = entry()
    for name in ("metrics.json", "model.keras"):
        (folder / name).unlink()
    card = zoo.card(folder)
    assert (card["name"], card["model"], card["metrics"]) == ("tiny", None, [])
    with pytest.raises(FileNotFoundError):
        zoo.card(tmp_path)


@pytest.mark.parametrize("folder", TRAINED, ids=lambda folder: folder.name)
@pytest.mark.in_turn(every=3)
def test_an_entry_of_the_zoo_is_true(folder: Path):
    check_weights(folder)
    assert (folder / "README.md").read_text() == render_card(folder, folder.name), f"Run tfgen.zoo.write_card({folder.name!r})"
    model = zoo.load(folder.name)
    assert model.dtype_policy.name == "float32" and getattr(model, "ema", None) is None
    metrics = zoo.card(folder.name)["metrics"]
    for number in metrics:
        wanted = {
            "metric",
            "value",
            "unit",
            "kind",
            "split",
            "n",
            "seed",
            "protocol",
            "tolerance",
            "command",
            "versions",
            "hardware",
        }
        assert wanted <= set(number)
    pinned = [number["metric"] for number in metrics if number["kind"] == "pinned"]
    assert len(pinned) == (0 if folder in CLASSIFIERS else 3) and len(metrics) > 3
    if pinned:
        assert [result["holds"] for result in zoo.verify(folder.name, metrics=pinned)] == [True] * 3


@pytest.mark.parametrize("folder", CLASSIFIERS, ids=lambda folder: folder.name)
def test_a_classifiers_accuracy_is_about_that_of_a_thousand_images(folder: Path):
    stated = next(number["value"] for number in zoo.card(folder.name)["metrics"] if number["metric"] == "accuracy")
    protocol = zoo.read_recipe(folder.name).protocol().changed(split="test[:1000]")
    (number,) = zoo.measure(zoo.load(folder.name), protocol, metrics=["accuracy"])
    assert number["n"] == 1000
    assert abs(number["value"] - stated) < 3 * np.sqrt(stated * (1 - stated) / 1000)


@pytest.mark.slow  # it looks at ten thousand
@pytest.mark.parametrize("folder", CLASSIFIERS, ids=lambda folder: folder.name)
def test_a_classifiers_accuracy_is_true(folder: Path):
    assert [result["holds"] for result in zoo.verify(folder.name, metrics=["accuracy"])] == [True]
