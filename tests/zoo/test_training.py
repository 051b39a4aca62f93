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

from tests.kills import claimed, each_kill
from tests.zoo.tiny import recipe_values, write_recipe
from tfgen import zoo
from tfgen.zoo import training

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


def test_somebodys_own_files_are_not_trained_over(tmp_path: Path):
    recipe = write_recipe(tmp_path / "recipe", recipe_values(data={"name": "never_read", "split": "train"}))
    for name in ("README.md", "history.csv", "samples.wav"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=r"or an entry of the zoo: nothing of yours is replaced. Received: .*README.md"):
        zoo.train(recipe, tmp_path)
    with pytest.raises(ValueError, match=r"or the folder of a training: nothing of yours is replaced"):
        zoo.fit_recipe(recipe, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "history.csv", "recipe", "samples.wav"]


def test_a_second_training_in_a_directory_is_refused(tmp_path: Path):
    recipe = write_recipe(tmp_path / "recipe", recipe_values())
    with claimed(tmp_path / "entry" / "training") as process:
        for begin in (zoo.train, lambda recipe, folder: zoo.fit_recipe(recipe, folder / "training")):
            with pytest.raises(ValueError, match=rf"Expected one training at a time in .*Received: process {process}"):
                begin(recipe, tmp_path / "entry")


def test_an_epoch_that_is_trained_again_has_one_row(tmp_path: Path):
    path = tmp_path / "history.csv"

    def train(first: int, last: int, loss: float, **more: float) -> None:
        log = training._History(path)  # of one process
        log.on_train_begin()
        for epoch in range(first, last):
            log.on_epoch_end(epoch, {"loss": loss, **more})

    def prepare() -> None:
        path.unlink(missing_ok=True)
        train(0, 2, 1.0)

    train(0, 3, 1.0)
    train(2, 4, 0.5, accuracy=1)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["loss"], row["accuracy"]) for row in rows] == [
        ("0", "1.0", "NA"), ("1", "1.0", "NA"), ("2", "0.5", "1.0"), ("3", "0.5", "1.0"),
    ]  # fmt: skip
    for _ in each_kill(lambda: train(1, 3, 0.5), prepare):
        lines = path.read_text().splitlines()
        assert lines[:2] == ["epoch,loss", "0,1.0"] and len(lines) in (3, 4) and all("," in line for line in lines)


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
