"""The long form of the kills, `python -m benchmarks.kills`, is run on its quickest writers: what it counts is true."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import kills


@pytest.mark.parametrize("name", ["`pictures.save_grid`", "`audio.write_wav`"])
def test_killed_writers_leave_whole_files_and_the_next_one_clears_up(name: str):
    _, number, whole, left, after = kills.measure(name, 4)
    assert (number, whole, after) == (4, 4, 0) and left


def test_a_writer_in_place_is_found_out(monkeypatch: pytest.MonkeyPatch):
    def write(folder: Path, step: int) -> None:
        (folder / ".aside").write_text("left for ever")
        (folder / "a").write_text("half")
        time.sleep(0.02)
        (folder / "a").write_text("half, whole")

    def read(folder: Path) -> None:
        if (folder / "a").read_text() != "half, whole":
            raise ValueError("it is not whole")

    monkeypatch.setitem(kills.KINDS, "in place", (write, read, 0.01))
    _, number, whole, left, after = kills.measure("in place", 4)
    assert whole < number == left == after
