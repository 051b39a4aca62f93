"""What `save` writes is what `load` gives back: the averaged weights, in float32."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.kills import full_disk
from tests.zoo.tiny import FAMILIES, recipe_values, write_recipe
from tfgen import data, zoo
from tfgen.models.conditions import in_turn
from tfgen.zoo.cards import render_card
from tfgen.zoo.saving import convert

Trained = dict[str, tuple[Path, Any]]


def _weights(model: Any) -> list[np.ndarray]:
    return [values for layer in model.layers for values in layer.get_weights()]


def _images(view: str) -> np.ndarray:
    dataset = data.load("fashion_mnist_small", "test[:20]", view=view, image_size=8, batch_size=20)
    return next(iter(dataset)).numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_loaded_model_draws_what_the_saved_one_draws(trained: Trained, family: str):
    folder, model = trained[family]
    loaded = zoo.load(folder)
    assert type(loaded) is type(model)
    asked = in_turn(model, 5)
    np.testing.assert_array_equal(loaded.sample(5, seed=1, **asked), model.sample(5, seed=1, **asked))
    assert (int(loaded.step), int(loaded.epoch), int(loaded.batch)) == (8, 2, 0)


def test_a_loaded_model_has_the_saved_ones_likelihood(trained: Trained):
    folder, model = trained["autoregressive"]
    images = _images("binarized")
    np.testing.assert_array_equal(zoo.load(folder).log_prob(images), model.log_prob(images))
    folder, model = trained["latent"]
    images = _images("8bit")
    np.testing.assert_array_equal(zoo.load(folder).elbo(images, seed=2), model.elbo(images, seed=2))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_averaged_weights_are_saved(trained: Trained, family: str):
    folder, model = trained[family]
    loaded = zoo.load(folder)
    assert loaded.ema is None and model.ema == 0.5
    for network, average in model.averaged_pairs():
        name = next(key for key, value in vars(model).items() if value is network)
        saved = getattr(loaded, name).get_weights()
        assert all((a == b).all() for a, b in zip(saved, average.get_weights(), strict=True))
        assert any((a != b).any() for a, b in zip(saved, network.get_weights(), strict=True))
        assert all(variable.trainable for variable in getattr(loaded, name).trainable_weights)
        assert len(getattr(loaded, name).trainable_weights) == len(network.trainable_weights) > 0


def test_networks_without_an_average_are_saved_as_they_are(trained: Trained):
    folder, model = trained["adversarial"]
    saved = zoo.load(folder).discriminator.get_weights()
    assert all((a == b).all() for a, b in zip(saved, model.discriminator.get_weights(), strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_optimizer_is_saved_and_the_recipes_come_back_fresh(trained: Trained, family: str, tmp_path: Path):
    folder, _ = trained[family]
    with zipfile.ZipFile(folder / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
        assert "optimizer" not in archive.read("config.json").decode().lower()
    stored: dict[str, int] = {}
    with h5py.File(tmp_path / "model.weights.h5") as weights:
        weights.visititems(lambda name, item: stored.update({name: item.size}) if isinstance(item, h5py.Dataset) else None)
    loaded = zoo.load(folder)
    assert not [name for name in stored if "optimizer" in name]
    counters = 3
    assert sum(stored.values()) == zoo.card(folder)["model"]["parameters"] + counters  # each weight once, no averaged copy
    for optimizer in loaded.optimizers.values():
        assert (int(optimizer.iterations), float(optimizer.learning_rate)) == (0, pytest.approx(0.01))
    images = np.round(_images("8bit"))
    loaded.fit(images, in_turn(loaded, len(images)).get("label"), verbose=0)  # it can be trained further
    assert int(loaded.step) == 9
    assert any((a != b).any() for a, b in zip(_weights(loaded), _weights(zoo.load(folder)), strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_precision_on_loading_changes_the_policy_and_not_the_weights(trained: Trained, family: str):
    folder, _ = trained[family]
    plain, mixed = zoo.load(folder), zoo.load(folder, precision="mixed_bfloat16")
    assert (plain.dtype_policy.name, mixed.dtype_policy.name) == ("float32", "mixed_bfloat16")
    assert all((a == b).all() for a, b in zip(_weights(plain), _weights(mixed), strict=True))
    with pytest.raises(ValueError, match=r"Received: precision='half'"):
        zoo.load(folder, precision="half")


def test_a_model_trained_in_bfloat16_is_saved_in_float32(tmp_path: Path):
    model = zoo.build(write_recipe(tmp_path / "recipe", recipe_values()), precision="mixed_bfloat16")
    model.fit(_images("binarized"), verbose=0)
    loaded = zoo.load(zoo.save(model, tmp_path / "entry"))
    assert loaded.dtype_policy.name == loaded.network.dtype_policy.name == "float32"
    assert {layer.compute_dtype for layer in loaded._flatten_layers()} == {"float32"}


def test_a_model_of_ones_own_needs_no_recipe(tmp_path: Path, trained: Trained):
    model = zoo.load(trained["latent"][0])
    model.compile()
    folder = zoo.save(model, tmp_path / "mine")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "metrics.json", "model.keras", "samples.png"]
    np.testing.assert_array_equal(zoo.load(folder).sample(2, seed=0), model.sample(2, seed=0))
    assert "# mine" in (folder / "README.md").read_text()
    assert zoo.card(folder)["paper"] is None
    assert all(result["holds"] for result in zoo.verify(folder))


def test_saving_over_an_entry_takes_its_place(entry: Callable[..., Path]):
    folder = entry()
    model = zoo.load(folder)
    model.fit(_images("binarized"), verbose=0)
    zoo.save(model, folder, recipe=folder)
    assert int(zoo.load(folder).step) == 9
    assert not (folder / "history.csv").exists()  # the old training's log would be a lie


def test_a_full_disk_names_the_entry_and_leaves_the_old_one(entry: Callable[..., Path], trained: Trained):
    folder, (_, model) = entry(), trained["latent"]
    old = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with full_disk(), pytest.raises(OSError, match="what was there before is as it was") as caught:
        zoo.save(model, folder)
    assert caught.value.filename == str(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == old
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_diverged_weights_are_refused(tmp_path: Path):
    model = zoo.build(write_recipe(tmp_path / "recipe", recipe_values()))
    model.averaged_network.set_weights([values * np.nan for values in model.averaged_network.get_weights()])
    with pytest.raises(ValueError, match=r"diverged.*Received: NaN or infinity in"):
        zoo.save(model, tmp_path / "entry")
    assert not (tmp_path / "entry").exists()


def test_converting_leaves_the_model_as_it_was(trained: Trained):
    _, model = trained["autoregressive"]
    before = _weights(model)
    copy = convert(model)
    copy.compile()
    copy.fit(_images("binarized"), verbose=0)
    assert all((a == b).all() for a, b in zip(before, _weights(model), strict=True))


def test_the_card_is_made_from_the_files(entry: Callable[..., Path]):
    folder = entry()
    text = (folder / "README.md").read_text()
    assert text == render_card(folder, "tiny")
    card = zoo.card(folder)
    nll = next(number for number in card["metrics"] if number["metric"] == "nll")
    for shown in (
        f"{nll['value']:.5g}",
        card["model"]["sha256"],
        "arXiv 1601.06759",
        "It is tiny.",
        "another model",
        "8 of 16 images",
    ):
        assert shown in text
    for name, file in card["files"].items():
        assert name == "README.md" or file["sha256"] in text
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("It is tiny.", "It is small."))
    zoo.write_card(folder)
    assert "It is small." in (folder / "README.md").read_text()
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_the_card_shows_code_that_runs(trained: Trained, monkeypatch: pytest.MonkeyPatch):
    folder, _ = trained["autoregressive"]
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    space: dict[str, Any] = {}
    exec(code.replace('"tiny"', repr(str(folder))), space)
    assert space["images"].shape == (16, 8, 8, 1)
