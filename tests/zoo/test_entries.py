"""Entries appear whole or not at all, and names that are not there get a suggestion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tfgen import zoo
from tfgen.zoo.entries import FILES, locate, read_metrics, sha256_of, write_entry
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


@pytest.mark.parametrize("text", ["{", "[]", '{"model": {}, "metrics": [], "training": null}', '{"metrics": []}'])
def test_numbers_that_are_none_are_refused(entry: Callable[..., Path], text: str):
    folder = entry()
    (folder / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"Expected .*metrics.json as `tfgen.zoo.save` writes it"):
        read_metrics(folder)


def _fill(text: str, names: tuple[str, ...] = FILES) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name in names:
            (folder / name).write_text(text)

    return fill


def test_a_new_entry_appears_in_one_step(tmp_path: Path):
    seen = []
    folder = tmp_path / "deep" / "entry"

    def fill(aside: Path) -> None:
        _fill("a")(aside)
        seen.append(folder.exists())

    assert write_entry(folder, fill) == folder
    assert seen == [False]
    assert sorted(os.listdir(folder)) == sorted(FILES)
    assert os.listdir(folder.parent) == ["entry"]


def test_an_error_leaves_nothing_and_changes_nothing(tmp_path: Path):
    def fail(aside: Path) -> None:
        _fill("b")(aside)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_entry(tmp_path / "entry", fail)
    assert os.listdir(tmp_path) == []
    write_entry(tmp_path / "entry", _fill("a"))
    with pytest.raises(KeyboardInterrupt):
        write_entry(tmp_path / "entry", fail)
    assert {(tmp_path / "entry" / name).read_text() for name in FILES} == {"a"}
    assert os.listdir(tmp_path) == ["entry"]


def test_an_older_entrys_files_go_and_other_files_stay(tmp_path: Path):
    write_entry(tmp_path / "entry", _fill("a"))
    (tmp_path / "entry" / "notes.txt").write_text("mine")
    write_entry(tmp_path / "entry", _fill("b", ("model.keras", "metrics.json")))
    assert sorted(os.listdir(tmp_path / "entry")) == ["metrics.json", "model.keras", "notes.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path):
    (tmp_path / "entry").write_text("x")
    with pytest.raises(ValueError, match=r"Expected a folder.*a file"):
        write_entry(tmp_path / "entry", _fill("a"))


def _killed_after(changes: int, act: Callable[[], object]) -> None:
    """Runs `act` in a forked process that dies when it is about to make its next change to the file system."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    left = [changes]

    def dying(change: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **keywords: object) -> object:
            if not left[0]:
                os._exit(9)
            left[0] -= 1
            return change(*arguments, **keywords)

        return step

    for name in ("replace", "rename", "unlink"):
        setattr(os, name, dying(getattr(os, name)))
    try:
        act()
    finally:
        os._exit(0)


def test_a_kill_at_any_moment_leaves_no_wrong_entry_that_loads(entry: Callable[..., Path], tmp_path: Path):
    folder = entry()
    old = {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}
    other = entry("latent")
    new = {name: (other / name).read_bytes() for name in FILES if (other / name).exists()}

    def fill(content: dict[str, bytes]) -> Callable[[Path], None]:
        return lambda aside: [(aside / name).write_bytes(data) for name, data in content.items()] and None  # type: ignore[func-returns-value]

    outcomes = []
    for changes in range(len(FILES) + 3):
        write_entry(folder, fill(old))
        _killed_after(changes, lambda: write_entry(folder, fill(new)))
        present = {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}
        try:
            check_weights(folder)
            outcomes.append({str(old): "old", str(new): "new"}[str(present)])
        except FileNotFoundError:
            outcomes.append("refused")
    assert outcomes == ["old", *["refused"] * len(FILES), "new", "new"]
    assert sha256_of(folder / "model.keras") == sha256_of(other / "model.keras")
    zoo.load(folder)


def test_a_kill_before_a_new_entry_is_whole_leaves_none(tmp_path: Path):
    def fill(aside: Path) -> None:
        (aside / "model.keras").write_text("half")
        os._exit(9)

    child = os.fork()
    if not child:
        try:
            write_entry(tmp_path / "entry", fill)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert not (tmp_path / "entry").exists()
    write_entry(tmp_path / "entry", _fill("a"))
    assert (tmp_path / "entry" / "model.keras").read_text() == "a"
