"""Training by a recipe writes a whole entry, and says why when it cannot."""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.zoo.tiny import recipe_values, write_recipe
from tfgen import zoo

Trained = dict[str, tuple[Path, Any]]


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An entry of half the recipe's epochs, and what was printed of its training."""
    folder = tmp_path_factory.mktemp("one-epoch")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        zoo.train(write_recipe(folder / "recipe", recipe_values()), folder / "entry", epochs=1)
    return folder / "entry", printed.getvalue()


def test_train_writes_an_entry_that_verifies(one_epoch: tuple[Path, str]):
    folder, printed = one_epoch
    wanted = ["README.md", "history.csv", "metrics.json", "model.keras", "recipe.yaml", "samples.png", "training"]
    assert sorted(path.name for path in folder.iterdir()) == wanted
    assert all(result["holds"] for result in zoo.verify(folder))
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1 and float(rows[0]["nll"]) > 0
    assert zoo.read_recipe(folder)["epochs"] == 1  # what was in fact trained
    assert "epoch 1 (step 4 of 4)" in printed
    assert len(list((folder / "training" / "samples").glob("*.png"))) == 1


def test_training_goes_on_from_a_finished_one(one_epoch: tuple[Path, str], trained: Trained, tmp_path: Path):
    recipe = write_recipe(tmp_path / "recipe", recipe_values())
    folder = zoo.train(recipe, shutil.copytree(one_epoch[0], tmp_path / "steps"))
    whole = zoo.load(trained["autoregressive"][0])  # of the same recipe, without a break
    for a, b in zip(zoo.load(folder).network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with (folder / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert zoo.card(folder)["training"]["steps"] == 8


def test_a_training_that_diverges_says_so(tmp_path: Path):
    values = recipe_values(optimizers={"optimizer": {"class": "SGD", "learning_rate": 1e30}})
    recipe = write_recipe(tmp_path / "recipe", values)
    with pytest.raises(ValueError, match=r"loss is not a number.*smaller learning rate"):
        zoo.train(recipe, tmp_path / "entry")
    with pytest.raises(FileNotFoundError):
        zoo.load(tmp_path / "entry")


def test_data_that_cannot_be_measured_is_told_before_training(tmp_path: Path):
    recipe = write_recipe(tmp_path / "recipe", recipe_values(evaluation={"split": "validation"}))
    with pytest.raises(ValueError, match=r"Received: split='validation'"):
        zoo.train(recipe, tmp_path / "entry")
    assert not (tmp_path / "entry").exists()


def test_pack_wants_a_finished_training_of_the_recipes_class(trained: Trained, tmp_path: Path):
    folder, model = trained["autoregressive"]
    training = Path(shutil.copytree(folder.parent / "training", tmp_path / "training"))
    recipe = folder / "recipe.yaml"
    other = write_recipe(tmp_path / "other", recipe_values("latent"))
    with pytest.raises(ValueError, match=r"Expected a checkpoint of VAE.*Received: PixelCNN"):
        zoo.pack(other, training, tmp_path / "entry")
    unfinished = type(model).from_config(model.get_config())
    unfinished.epoch.assign(1)
    unfinished.batch.assign(2)
    unfinished.save(training / "checkpoint.keras")
    with pytest.raises(ValueError, match=r"stopped inside epoch 2"):
        zoo.pack(recipe, training, tmp_path / "entry")
    (training / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"without run.json"):
        zoo.pack(recipe, training, tmp_path / "entry")
    assert not (tmp_path / "entry").exists()
