"""A folder is one user's at a time, and free again when the user is dead."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.kills import claimed
from tfgen import writing


def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path: Path):
    with claimed(tmp_path) as child:
        with pytest.raises(ValueError, match=rf"one training at a time in {tmp_path}.*Received: process {child} is at work"):
            writing.Claim(tmp_path, what="training").take()
        with writing.Claim(tmp_path / "other", what="training"):
            pass
    left = tmp_path / ".checkpoint.keras.writing-1-0123abcd"
    left.mkdir()
    assert sorted(os.listdir(tmp_path)) == [left.name, ".in-use", "other"]
    with writing.Claim(tmp_path, what="training"):
        assert (tmp_path / ".in-use").read_text() == str(os.getpid())
        assert not left.exists()
    assert os.listdir(tmp_path) == ["other"]


def test_a_thread_claims_what_it_has_and_another_is_refused(tmp_path: Path):
    first, second = (
        writing.Claim(tmp_path, what="training"),
        writing.Claim(tmp_path / "." / ".." / tmp_path.name, what="training"),
    )
    first.take()
    first.take()
    second.take()
    refused: list[str] = []

    def try_it() -> None:
        try:
            writing.Claim(tmp_path, what="training").take()
        except ValueError as error:
            refused.append(str(error))

    def in_a_thread() -> None:
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()

    in_a_thread()
    first.release()
    first.release()
    in_a_thread()
    assert len(refused) == 2 and "another thread of this process" in refused[0]
    second.release()
    in_a_thread()
    assert len(refused) == 2


def test_a_childs_copy_is_no_claim(tmp_path: Path):
    with writing.Claim(tmp_path, what="training") as claim:
        child = os.fork()
        if child == 0:
            claim.release()  # is its parent's, and stays
            try:
                writing.Claim(tmp_path, what="training").take()
            except ValueError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert (tmp_path / ".in-use").exists()


def test_somebodys_own_files_are_not_written_among(tmp_path: Path):
    writing.check_free(tmp_path / "new", own=False, what="an entry")
    (tmp_path / ".git").mkdir()
    writing.check_free(tmp_path, own=False, what="an entry")
    for name in "dcba":
        (tmp_path / name).write_text("mine")
    with pytest.raises(
        ValueError, match=r"or an entry: nothing of yours is replaced. Received: .*, which holds a, b, c, \.\.\."
    ):
        writing.check_free(tmp_path, own=False, what="an entry")
    writing.check_free(tmp_path, own=True, what="an entry")
    with pytest.raises(ValueError, match="a file"):
        writing.check_free(tmp_path / "a", own=True, what="an entry")
