"""The extractor's classifier: its augmentation, its numbers, and that a killed training ends with the same weights."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.zoo.tiny import ADAM, recipe_values, write_recipe
from tfgen import data, metrics, random, zoo
from tfgen.models import Classifier
from tfgen.models.classifier import augment
from tfgen.zoo.classifiers import as_model
from tfgen.zoo.saving import convert

MODEL = {
    "class": "image_classifier",
    "arguments": {"image_shape": [8, 8, 1], "num_classes": 10, "width": 2, "num_features": 4},
}
DATA = {"name": "fashion_mnist_small", "split": "train[:128]", "image_size": 8}


def _recipe(folder: Path, **changes: object) -> Path:
    values = recipe_values(
        "adversarial", name="tiny-classifier", model=MODEL, data=DATA, optimizers={"optimizer": ADAM}, **changes
    )
    return write_recipe(folder, {**values, "evaluation": {"split": "test"}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entry, trained for two epochs."""
    place = tmp_path_factory.mktemp("classifier")
    return zoo.train(_recipe(place / "recipe"), place / "entry")


def test_training_writes_a_whole_entry_that_loads(folder: Path):
    model = zoo.load(folder)
    assert isinstance(model, Classifier) and zoo.read_recipe(folder).model_class is Classifier
    assert model.augment  # which recipes of the old name did not say
    images, labels = data.arrays("fashion_mnist_small", "test")
    small = np.concatenate(list(data.load("fashion_mnist_small", "test", image_size=8)))
    measured = {number["metric"]: number["value"] for number in zoo.card(folder)["metrics"]}
    found = model.evaluate(small, labels, verbose=0, return_dict=True)
    assert measured["accuracy"] == pytest.approx(found["accuracy"], abs=1e-6)
    assert measured["cross_entropy"] == pytest.approx(found["loss"], abs=1e-4)
    assert set(measured) == {"accuracy", "cross_entropy", "accuracy_binarized", "cross_entropy_binarized"}
    assert all(result["holds"] for result in zoo.verify(folder))
    assert "load_extractor" in (folder / "README.md").read_text()
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert metrics.load_extractor(folder / "model.keras").features(small[:3]).shape == (3, 4)
    assert len(images) == 500


def test_a_killed_training_goes_on_to_the_same_weights(folder: Path, tmp_path: Path):
    recipe = _recipe(tmp_path)
    zoo.fit_recipe(recipe, tmp_path / "run", epochs=1)
    resumed = zoo.fit_recipe(recipe, tmp_path / "run")
    whole = keras.saving.load_model(folder / "training" / "checkpoint.keras")
    for one, other in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 3
    nothing_left = zoo.fit_recipe(recipe, tmp_path / "run")
    for one, other in zip(nothing_left.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_number_format_keeps_weights_and_float32_outputs(folder: Path):
    model = zoo.load(folder)
    copy = convert(model, precision="mixed_bfloat16")
    assert copy.network.get_layer("convolution_1").compute_dtype == "bfloat16"
    assert copy.network.get_layer("features").output.dtype == "float32"
    for one, other in zip(copy.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert zoo.load(folder, precision="mixed_bfloat16").network.get_layer("convolution_1").compute_dtype == "bfloat16"


def test_a_file_of_a_bare_network_is_a_classifier(folder: Path, tmp_path: Path):
    model = zoo.load(folder)
    model.network.save(tmp_path / "network.keras")
    images = np.concatenate(list(data.load("fashion_mnist_small", "test", image_size=8)))[:5]
    for arguments in (None, MODEL["arguments"]):
        twin = as_model(keras.saving.load_model(tmp_path / "network.keras"), arguments)
        np.testing.assert_array_equal(twin.classify(images)[0], model.classify(images)[0])
    np.testing.assert_array_equal(
        metrics.load_extractor(tmp_path / "network.keras").features(images),
        metrics.load_extractor(folder / "model.keras").features(images),
    )


def test_augmentation_mirrors_shifts_and_binarizes():
    image = np.zeros((8, 8, 1), np.float32)
    image[3, 2] = 1.0
    keys = random.row_seeds(0, 4000)
    drawn = augment(np.repeat(image[None], 4000, 0), keys).numpy()
    np.testing.assert_array_equal(drawn, augment(np.repeat(image[None], 4000, 0), keys))
    assert drawn.shape == (4000, 8, 8, 1)
    rows, columns = np.argwhere(drawn[..., 0] == 1.0)[:, 1:].T
    assert len(rows) == 4000  # one pixel stays one pixel: nothing is cut off, and 1 is drawn as 1
    assert set(rows) == {2, 3, 4}
    assert set(columns) == {1, 2, 3} | {4, 5, 6}
    assert np.abs(np.bincount(rows, minlength=5)[2:] / 4000 - 1 / 3).max() < 0.04
    assert abs((columns < 4).mean() - 0.5) < 0.04  # half are mirrored: column 5 in place of 2
    grey = augment(np.full((4000, 8, 8, 1), 0.5, np.float32), keys).numpy()[:, 3:5, 3:5]
    binary = np.isin(grey, (0.0, 1.0)).all((1, 2, 3))
    assert abs(binary.mean() - 0.2) < 0.04
    assert set(np.unique(grey[~binary])) == {0.5}
    assert abs(grey[binary].mean() - 0.5) < 0.04


def test_a_misspelt_argument_is_named(tmp_path: Path):
    model = {**MODEL, "arguments": {**MODEL["arguments"], "widht": 3}}
    values = recipe_values("adversarial", model=model, optimizers={"optimizer": ADAM})
    with pytest.raises(ValueError, match=r"Unknown key in `model.arguments`.*Did you mean `width`.*widht"):
        zoo.build(write_recipe(tmp_path, values))
