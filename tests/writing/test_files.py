"""A file is the old one or the new one, whoever is killed and however full the disk is."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.kills import dies, each_kill, full_disk
from tfgen import writing


def test_a_kill_at_any_moment_leaves_a_whole_file_and_the_next_writer_clears_up(tmp_path: Path):
    path = tmp_path / "a.txt"
    seen = []
    for _ in each_kill(lambda: writing.write_text(path, "new" * 1000), lambda: writing.write_text(path, "old")):
        seen.append(path.read_text())
        left = os.listdir(tmp_path)
        assert len(left) <= 2
        writing.write_text(tmp_path / "b.txt", "other")
        assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"]
        (tmp_path / "b.txt").unlink()
    assert set(seen) == {"old", "new" * 1000} and seen == sorted(seen, reverse=True)


def test_all_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Else a machine that loses its power keeps the new name with nothing behind it."""
    steps: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: steps.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("replaced"), replace(*paths)))
    writing.write_text(tmp_path / "a.txt", "a")
    first, *rest = steps
    assert first.startswith(str(tmp_path / ".a.txt.writing-")) and first.endswith("/a.txt")
    assert rest == ["replaced", str(tmp_path)]


def test_what_another_is_writing_stays(tmp_path: Path):
    with writing.whole_file(tmp_path / "a.txt") as aside:
        aside.write_text("a")
        writing.write_text(tmp_path / "b.txt", "b")
        thread = threading.Thread(target=writing.write_text, args=(tmp_path / "a.txt", "faster"))
        thread.start()
        thread.join()
        assert (tmp_path / "a.txt").read_text() == "faster" and aside.read_text() == "a"
    assert (tmp_path / "a.txt").read_text() == "a"  # the last one's stays
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"]


def test_a_lock_ends_with_its_holder_though_a_child_lives_on(tmp_path: Path):
    """A process of a pool, forked while its parent writes, must not keep the parent's left-overs for ever."""
    ready, done = os.pipe(), os.pipe()

    def write_and_fork() -> None:
        with writing.whole_file(tmp_path / "a.txt") as aside:
            if os.fork() == 0:
                os.close(done[1])
                os.write(ready[1], b".")
                os.read(done[0], 1)  # ends when nobody can write any more
                os._exit(0)
            aside.write_text("half")

    assert dies(write_and_fork, 2)  # of making its folder, a folder aside, and a file in it
    os.close(ready[1])
    assert os.read(ready[0], 1) == b"."
    assert len(os.listdir(tmp_path)) == 1
    writing.write_text(tmp_path / "a.txt", "whole")
    assert os.listdir(tmp_path) == ["a.txt"]
    os.close(done[1])


@pytest.mark.parametrize(
    "write",
    [
        lambda aside: aside.write_bytes(bytes(5000)),
        lambda aside: np.save(aside.open("wb"), np.zeros(5000)),  # numpy's own words, without a number
    ],
)
def test_a_full_disk_names_the_file_and_leaves_the_old_one(write, tmp_path: Path):
    path = tmp_path / "a.npy"
    writing.write_text(path, "old")
    with pytest.raises(OSError, match="what was there before is as it was") as caught:
        with full_disk(), writing.whole_file(path) as aside:
            write(aside)
    assert caught.value.filename == str(path) and caught.value.errno in (errno.EFBIG, errno.EIO)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.npy"]


@pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded"])
def test_other_libraries_words_for_a_full_disk_are_known(words: str, tmp_path: Path):
    with pytest.raises(OSError, match=words) as caught:
        with writing.whole_file(tmp_path / "a.txt"):
            raise RuntimeError(f"Unable to write (errno = 28, error message = '{words}')")
    assert caught.value.filename == str(tmp_path / "a.txt")


def test_an_error_of_the_block_leaves_nothing(tmp_path: Path):
    writing.write_text(tmp_path / "a.txt", "old")
    for error in (
        KeyboardInterrupt(),
        ValueError("no"),
        FileNotFoundError("Expected four files. Received: none"),
        FileNotFoundError(errno.ENOENT, "no such file", "elsewhere"),
    ):
        with pytest.raises(type(error)) as caught:
            with writing.whole_file(tmp_path / "a.txt") as aside:
                aside.write_text("new")
                raise error
        assert caught.value is error
    assert (tmp_path / "a.txt").read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_links_are_followed_and_permissions_kept(tmp_path: Path):
    (tmp_path / "real").mkdir()
    writing.write_text(tmp_path / "real" / "a.txt", "old")
    (tmp_path / "real" / "a.txt").chmod(0o640)
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    writing.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"
    assert (tmp_path / "real" / "a.txt").stat().st_mode & 0o777 == 0o640


def test_protected_files_and_folders_in_the_way_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writing.write_text(tmp_path / "a.txt", "mine")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        writing.write_text(tmp_path, "x")
    monkeypatch.setattr(os, "access", lambda *_: False)  # tests may run as a user whom nothing is forbidden
    with pytest.raises(PermissionError, match="Permission denied"):
        writing.write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_folders_are_made_and_the_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    writing.write_json("~/deep/a.json", {"a": 1})
    assert (tmp_path / "deep" / "a.json").read_text() == '{\n  "a": 1\n}\n'
    with pytest.raises(ValueError):
        writing.write_json("~/deep/a.json", {"a": float("nan")})


def test_a_name_as_long_as_names_can_be(tmp_path: Path):
    writing.write_text(tmp_path / ("ä" * 127), "a")
    assert os.listdir(tmp_path) == ["ä" * 127]
