"""Files that belong together are all old or all new to whoever reads by `settled`, whoever is killed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kills import each_kill
from tfgen import writing

NAMES = ("a", "b", "deep/c")


def write(folder: Path, text: str, names: tuple[str, ...] = NAMES, known: tuple[str, ...] | None = None) -> None:
    with writing.whole_files(folder, known) as aside:
        for name in names:
            (aside / name).parent.mkdir(exist_ok=True)
            (aside / name).write_text(text)


def read(folder: Path) -> set[str]:
    with writing.settled(folder):
        return {(folder / name).read_text() for name in NAMES}


def test_a_kill_at_any_moment_leaves_files_of_one_kind(tmp_path: Path):
    folder = tmp_path / "pair"
    seen = []
    for after in each_kill(lambda: write(folder, "new"), lambda: write(folder, "old")):
        (text,) = read(folder)
        seen.append(text)
        assert set(os.listdir(folder)) - {"a", "b", "deep"} <= {name for name in os.listdir(folder) if ".writing-" in name}
        write(folder, f"{after}")  # the next who comes
        assert sorted(os.listdir(folder)) == ["a", "b", "deep"] and os.listdir(tmp_path) == ["pair"]
    assert set(seen) == {"old", "new"} and seen == sorted(seen, reverse=True)


def test_a_kill_at_any_moment_leaves_a_new_folder_whole_or_none(tmp_path: Path):
    folder = tmp_path / "pair"

    def remove() -> None:
        if folder.exists():
            os.rename(folder, tmp_path.parent / f"{tmp_path.name}-{len(seen)}")

    seen: list[set[str]] = []
    for _ in each_kill(lambda: write(folder, "new"), remove):
        seen.append(read(folder) if folder.exists() else set())
        assert not folder.exists() or sorted(os.listdir(folder)) == ["a", "b", "deep"]
        write(tmp_path / "other", "x")
        assert set(os.listdir(tmp_path)) <= {"pair", "other"}
    assert seen[0] == set() and seen[-1] in ({"new"}, set())


def test_files_that_are_known_and_not_written_go_and_others_stay(tmp_path: Path):
    write(tmp_path, "old")
    (tmp_path / "mine").write_text("mine")
    write(tmp_path, "new", ("a", "stranger"), known=("a", "b"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()} == {"a": "new", "mine": "mine"}


def test_what_a_dead_writer_began_is_finished_before_anything_else_is_written(tmp_path: Path):
    begun = tmp_path / ".pair.placing-1-0123abcd"
    begun.mkdir()
    (begun / "b").write_text("begun")
    (begun / ".plan.json").write_text(json.dumps({"put": ["a", "b"], "drop": ["c"]}))
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("old")
    writing.write_text(tmp_path / "b", "newer")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "newer"}


@pytest.mark.parametrize(
    "plan", ['{"put": ["../b"], "drop": []}', '{"put": [], "drop": ["/etc/b"]}', "[]", '{"put": []}', "[" * 100000]
)
def test_a_plan_that_reaches_out_of_its_folder_is_refused(plan: str, tmp_path: Path):
    begun = tmp_path / ".pair.placing-1-0123abcd"
    begun.mkdir()
    (begun / ".plan.json").write_text(plan)
    with pytest.raises(ValueError, match=r"delete .*placing-1-0123abcd. Received"):
        with writing.settled(tmp_path):
            raise AssertionError("not reached")


def test_a_reader_is_waited_for(tmp_path: Path):
    write(tmp_path, "old")
    thread = threading.Thread(target=write, args=(tmp_path, "new"))
    with writing.settled(tmp_path):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive() and (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "old"
    thread.join()
    assert read(tmp_path) == {"new"}


def test_two_who_write_at_once_do_not_mix(tmp_path: Path):
    write(tmp_path / "pair", "old")
    threads = [threading.Thread(target=write, args=(tmp_path / "pair", str(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (text,) = read(tmp_path / "pair")
    assert text in "0123" and sorted(os.listdir(tmp_path / "pair")) == ["a", "b", "deep"]


def test_a_folder_that_another_was_faster_to_make_is_written_into(tmp_path: Path):
    with writing.whole_files(tmp_path / "pair") as aside:
        (aside / "a").write_text("second")
        write(tmp_path / "pair", "first")
    assert {name: (tmp_path / "pair" / name).read_text() for name in ("a", "b")} == {"a": "second", "b": "first"}
    assert os.listdir(tmp_path) == ["pair"]


@pytest.mark.parametrize("occupy", [lambda path: path.mkdir(), lambda path: (path.parent.rmdir(), path.parent.write_text(""))])
def test_what_is_in_the_way_is_told_before_anything_is_replaced(occupy: Callable[[Path], object], tmp_path: Path):
    (tmp_path / "pair").mkdir()
    occupy(tmp_path / "pair" / "a")
    with pytest.raises((ValueError, OSError), match=r"Expected a folder|Is a directory"):
        write(tmp_path / "pair", "new")
    assert os.listdir(tmp_path) == ["pair"]


def test_a_folder_is_put_where_nothing_is(tmp_path: Path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "a").write_text("old")
    with pytest.raises(OSError) as caught:
        with writing.folder_aside(tmp_path, "next") as aside:
            (aside / "a").write_text("new")
            writing.put_folder(aside, tmp_path / "1")
    assert caught.value.filename == str(tmp_path / "1")
    assert (tmp_path / "1" / "a").read_text() == "old" and os.listdir(tmp_path) == ["1"]


def test_settled_asks_for_no_folder(tmp_path: Path):
    with writing.settled(tmp_path / "nowhere"):
        pass
    assert os.listdir(tmp_path) == []
