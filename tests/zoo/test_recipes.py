"""Recipes are checked before anything is trained, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.zoo.tiny import FAMILIES, recipe_values, write_recipe
from tfgen import zoo


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimisers": {}}, r"Unknown key in .*recipe.yaml. Did you mean `optimizers`\? Received: optimisers"),
        ({"batchsize": 3}, r"Did you mean `batch_size`\?"),
        ({"zzz": 3}, r"Known keys: .*'batch_size'"),
        (
            {"model": {"clas": "PixelCNN", "arguments": {}}},
            r"Unknown key in `model` of .* Did you mean `class`\? Received: clas",
        ),
        ({"model": {"class": "PixelCNN"}}, "Expected `model` in .* to hold arguments, class. Received: no arguments"),
        ({"data": {"name": "fashion_mnist", "spilt": "train"}}, r"Did you mean `split`\? Received: spilt"),
        ({"evaluation": {"num_sample": 3, "split": "test"}}, r"Did you mean `num_samples`\?"),
        ({"evaluation": {}}, "no split"),
        ({"batch_size": "64"}, "`batch_size` in .* to be int. Received: batch_size='64'"),
        ({"batch_size": True}, "Received: batch_size=True"),
        ({"batch_size": 0}, "to be positive. Received: batch_size=0"),
        ({"epochs": -1}, "to be positive. Received: epochs=-1"),
        ({"seed": -1}, "Received: seed=-1"),
        *(
            ({"name": name}, "Expected `name` .* letters, digits and hyphens")
            for name in ("../x", "/x", "Tiny", "a_b", "-a", "a" * 64)
        ),
        ({"model": {"class": ["PixelCNN"], "arguments": {}}}, "`model.class` in .* to be str"),
        ({"data": {"name": "fashion_mnist", "split": 3}}, "`data.split` in .* to be str. Received: data.split=3"),
        ({"data": {"name": "fashion_mnist", "split": "train", "image_size": "8"}}, "to be int or list"),
        ({"evaluation": {"split": "test", "n": "all"}}, "`evaluation.n` in .* to be int"),
        ({"optimizers": {"optimizer": "Adam"}}, "`optimizers.optimizer` in .* to be dict"),
        ({"limits": [{"The loss is convex": "it is"}]}, "`limits` in .* to be str"),
        ({"reference": ["somebody"]}, "`reference` in .* to be dict"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        zoo.read_recipe(write_recipe(tmp_path, recipe_values(**changes)))


def test_a_missing_key_is_named(tmp_path: Path):
    values = recipe_values()
    del values["epochs"], values["licence"]
    with pytest.raises(ValueError, match=r"Received: no epochs, licence"):
        zoo.read_recipe(write_recipe(tmp_path, values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n- 2\n", "YAML mapping .* list"),
        ("a: [1\n", "Expected YAML in"),
        ("a: \xff", "Expected YAML, as text in UTF-8, in .* byte 0xff at position 3"),
        ("a: " + "[" * 1500, "Received: RecursionError"),
        ("a: 2020-99-99", "Received: ValueError: month"),
        ("a: " + "[" * 30 + "]" * 30, "at most 10000 values in .*, nested 20 deep"),
        ("a: &a [*a]", "nested 20 deep"),
        (
            "a: &a ["
            + "x, " * 9
            + "]\n"
            + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{f'*{chr(97 + i)}, ' * 9}]\n" for i in range(9)),
            "at most 10000 values",
        ),
    ],
)
def test_a_file_that_is_no_mapping_or_hostile_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message) as caught:
        zoo.read_recipe(path)
    assert len(str(caught.value)) < 1000


def test_a_recipe_is_never_executed(tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(ValueError, match=r"Expected YAML"):
        zoo.read_recipe(path)
    assert not (tmp_path / "made").exists()


def test_nothing_there():
    with pytest.raises(FileNotFoundError, match=r"Received: nowhere.yaml"):
        zoo.read_recipe("nowhere.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"class": "PixelCN", "arguments": {}}}, r"Unknown model class: did you mean PixelCNN\? Received: 'PixelCN'"),
        ({"model": {"class": "os", "arguments": {}}}, "Unknown model class"),
        ({"model": {"class": "__builtins__", "arguments": {}}}, "Unknown model class. .*Received: '__builtins__'"),
        ({"model": {"class": "annotations", "arguments": {}}}, "Unknown model class"),
        ({"model": {"class": "LatentVariableModel", "arguments": {}}}, "Unknown model class"),
        ({"optimizers": {"optimizer": {"class": "deserialize"}}}, "Unknown optimizer"),
        ({"optimizers": {"optimizer": {"class": "Optimizer"}}}, "Unknown optimizer"),
        ({"optimizers": {"optimizer": {"class": "SGD", "learning_rate": {"schedule": "deserialize"}}}}, "Unknown schedule"),
        ({"model": {"class": "PixelCNN", "arguments": {"filter": 3}}}, r"Did you mean `filters`\? Received: filter"),
        ({"optimizers": {"optimizer": {"class": "Adm"}}}, r"did you mean Adam\?"),
        ({"optimizers": {"optimizer": {"class": "Adam", "lr": 1.0}}}, "lr"),
        ({"optimizers": {"optimiser": {"class": "Adam"}}}, "optimiser"),
        ({"optimizers": {"optimizer": {"class": "Adam", "learning_rate": {"schedule": "Cosine"}}}}, "did you mean CosineDecay"),
        ({"precision": "bfloat"}, "Received: precision='bfloat'"),
    ],
)
def test_a_recipe_that_cannot_be_built_is_refused(tmp_path: Path, changes: dict[str, Any], message: str):
    recipe = zoo.read_recipe(write_recipe(tmp_path, recipe_values(**changes)))
    with pytest.raises(ValueError, match=message):
        zoo.build(recipe)


def test_initial_weights_follow_from_the_seed(tmp_path: Path):
    path = write_recipe(tmp_path, recipe_values())
    other = write_recipe(tmp_path / "other", recipe_values(seed=4))
    first, again, changed = (zoo.build(recipe).network.get_weights() for recipe in (path, path, other))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, changed, strict=True))


def test_the_protocol_follows_from_data_and_evaluation(tmp_path: Path):
    protocol = zoo.read_recipe(write_recipe(tmp_path, recipe_values("latent"))).protocol()
    expected = zoo.Protocol(data="fashion_mnist_small", split="test[:40]", image_size=8, num_samples=5, seed=4)
    assert protocol == expected
    assert protocol.changed(split="test", seed=None).split == "test"
    assert protocol.changed(split="test", seed=None).seed == 4


# to compile a training costs five times the two steps themselves: all do it in turn, and the lightest each time
COMPILED = [pytest.param(name, marks=[] if name.startswith("fvbn-") else pytest.mark.slow) for name in zoo.names()]


@pytest.mark.parametrize("name", zoo.names())
@pytest.mark.in_turn(every=3)
def test_every_recipe_of_the_zoo_trains_two_steps(name: str):
    assert_trains(name, run_eagerly=True)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.in_turn(every=2)
def test_every_recipe_of_the_zoo_trains_two_compiled_steps(name: str):
    assert_trains(name, run_eagerly=False)


def assert_trains(name: str, run_eagerly: bool) -> None:
    recipe = zoo.read_recipe(name)
    assert recipe["name"] == name
    model = zoo.build(recipe, precision="float32")
    model.run_eagerly = run_eagerly
    noise, shape = np.random.default_rng(0), getattr(model, "event_shape", None) or model.input_shape[1:]
    images = noise.integers(0, 2, (4, *shape)).astype(np.float32)
    num_classes = model.num_classes
    labels = None if num_classes is None else noise.integers(0, num_classes, 4)
    history = model.fit(images, labels, batch_size=2, verbose=0)
    assert int(model.step) == 2
    assert all(np.isfinite(values).all() for values in history.history.values())
    assert (recipe.protocol().data, recipe.protocol().split) == (recipe["data"]["name"], "test")


@pytest.mark.parametrize("family", FAMILIES)
def test_precision_can_be_chosen(family: str, tmp_path: Path):
    path = write_recipe(tmp_path, recipe_values(family))
    assert zoo.build(path).dtype_policy.name == "float32"
    assert zoo.build(path, precision="mixed_bfloat16").dtype_policy.name == "mixed_bfloat16"
