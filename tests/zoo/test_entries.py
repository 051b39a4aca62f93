"""Entries are whole, whoever is killed, and nobody's own files are replaced; names that are not there get a suggestion."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kills import each_kill
from tfgen import writing, zoo
from tfgen.zoo.cards import render_card
from tfgen.zoo.entries import FILES, check_place, locate, read_metrics
from tfgen.zoo.loading import check_weights


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'vae-fashion-mnist'.*Received: vae-fashion-mnits"):
        zoo.load("vae-fashion-mnits")
    with pytest.raises(FileNotFoundError, match=r"no such folder. `tfgen list` shows all. Received: qqqq"):
        locate("qqqq")


def test_names_are_sorted_and_located():
    assert zoo.names() == sorted(zoo.names())
    assert {locate(name).name for name in zoo.names()} == set(zoo.names())


def test_an_untrained_folder_says_how_to_train_it(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no trained model in this folder.*without model.keras"):
        zoo.load(tmp_path)


MODEL = '"model": {"class": "VAE", "parameters": 1, "bytes": 1, "sha256": "a"}'
RUN = '"training": {"steps": 1, "epochs": 1, "minutes": 1, "hardware": "a", "precision": "float32"}'


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("{", "Expecting property name"),
        ("[]", "a list"),
        ("[" * 100_000, "RecursionError"),
        ("\xff", "byte 0xff at position 0"),
        ('{"metrics": []}', "no model"),
        ('{"model": {}, "metrics": [], "training": null}', "no class"),
        ('{"model": 3, "metrics": [], "training": null}', "model=3"),
        (f'{{{MODEL.replace("1", "null", 1)}, "metrics": [], "training": null}}', "parameters=None"),
        (f'{{{MODEL}, "metrics": {{}}, "training": null}}', "metrics={}"),
        (f'{{{MODEL}, "metrics": [], {RUN.replace("1", "[]", 1)}}}', "steps=[]"),
    ],
)
def test_numbers_that_are_none_are_refused(entry: Callable[..., Path], text: str, received: str):
    folder = entry()
    (folder / "metrics.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"Expected numbers as `tfgen.zoo.save` writes them.* in .*metrics.json") as caught:
        read_metrics(folder)
    assert received in str(caught.value).split("Received: ")[1] and len(str(caught.value)) < 500


@pytest.mark.parametrize("key", ["value", "n", "split", "extractor", "versions", "std"])
def test_a_number_of_a_card_is_of_its_kind(entry: Callable[..., Path], key: str):
    folder = entry()
    content = json.loads((folder / "metrics.json").read_text())
    for value in ([1, "2"], {"a": []}, True if key == "versions" else [[]]):
        if (key, type(value)) in (("versions", dict), ("extractor", dict)):
            continue
        content["metrics"][0][key] = value
        (folder / "metrics.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r"Expected .*metrics.json.*Received: "):
            zoo.card(folder)


def test_a_card_of_an_unknown_class_is_rendered(entry: Callable[..., Path]):
    folder = entry()
    (folder / "recipe.yaml").unlink()
    content = json.loads((folder / "metrics.json").read_text())
    content["model"]["class"] = "__builtins__"
    (folder / "metrics.json").write_text(json.dumps(content))
    assert "`tfgen.__builtins__`" in render_card(folder, "tiny")


def _put(folder: Path, content: dict[str, bytes]) -> None:
    with writing.whole_files(check_place(folder), FILES) as aside:
        for name, data in content.items():
            (aside / name).write_bytes(data)


def _content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def test_a_kill_at_any_moment_leaves_the_old_entry_or_the_new_one(entry: Callable[..., Path]):
    folder, other = entry(), entry("latent")
    (folder / "notes.txt").write_text("mine")
    (other / "history.csv").unlink()  # so that a file of the old entry goes
    old, new = _content(folder), _content(other)
    seen = []
    for _ in each_kill(lambda: _put(folder, new), lambda: _put(folder, old)):
        with writing.settled(folder):  # finishes what was begun
            check_weights(folder)
        seen.append({str(old): "old", str(new): "new"}[str(_content(folder))])
    assert seen == sorted(seen, reverse=True) and set(seen) == {"old", "new"}
    _put(folder, new)
    assert sorted(os.listdir(folder)) == sorted([*new, "notes.txt"])
    assert not [name for name in os.listdir(folder.parent) if name.startswith(".")]
    zoo.load(folder)


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        ([], True),
        ([".git", ".gitignore"], True),
        (["README.md"], False),
        (["history.csv", "samples.wav"], False),
        (["notes.txt"], False),
        (["recipe.yaml"], False),  # another than that of the training
        (["model.keras", "metrics.json"], False),  # of somebody else
        (["training/run.json"], False),
        (["training/checkpoint.keras"], True),
        (["training/checkpoint.keras", "README.md"], False),
    ],
)
def test_where_an_entry_may_be_written(held: list[str], allowed: bool, tmp_path: Path):
    for name in held:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for ask in (check_place, lambda folder: zoo.save(None, folder)):
        if allowed and ask is check_place:
            assert ask(tmp_path) == tmp_path
        elif not allowed:
            with pytest.raises(
                ValueError, match=r"or an entry of the zoo: nothing of yours is replaced. Received: .*, which holds"
            ):
                ask(tmp_path)
    assert {path.read_text() for path in tmp_path.rglob("*") if path.is_file()} <= {"{}"}


def test_an_entry_and_the_folder_of_its_recipe_may_be_written_to(entry: Callable[..., Path], tmp_path: Path):
    folder = entry()
    (folder / "notes.txt").write_text("mine")
    assert check_place(folder) == folder
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "recipe.yaml").write_text("")
    assert check_place(tmp_path / "new", tmp_path / "new" / "recipe.yaml") == tmp_path / "new"
    with pytest.raises(ValueError, match=r"which holds recipe.yaml"):
        check_place(tmp_path / "new", tmp_path / "recipe.yaml")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"Expected a folder.*a file"):
        check_place(tmp_path / "file")
