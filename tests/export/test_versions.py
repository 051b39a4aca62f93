"""Version folders appear whole or not at all, whoever is killed and however many write at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.kills import full_disk
from tfgen.export import saved_model, serving_kit
from tfgen.serving import Server

from . import loaders
from .small_model import OneSignature

SEED = tf.TensorSpec([None], tf.int64, name="seed")
ROOT = Path(__file__).resolve().parents[2]

# Exports constants to folders, each in a process of its own: these are forked off one that has imported TensorFlow and run nothing.
# It reads [[directory, number, mode], ...], starts them all, lets them go together, and says [[exit code, version], ...].
_EXPORTER = """
import json, os, signal, sys
import tensorflow as tf
from tfgen.export import saved_model
from tfgen.models.signatures import Signature

class Constant:
    def __init__(self, number):
        self.number = float(number)
    def signatures(self):
        function = lambda seed: {"point": tf.fill(tf.shape(seed), self.number)}
        return {"sample": Signature(function, [tf.TensorSpec([None], tf.int64, name="seed")])}
    def export_metadata(self):
        return {}

def export(directory, number, mode):
    def die(event, arguments):
        if (mode == "kill-rename" and event == "os.rename" and str(arguments[1]).endswith("1")) or (
            mode == "kill-write" and event == "open" and str(arguments[0]).endswith("tfgen.json")
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die)
    return saved_model(Constant(number), directory, warm_up=False).name

for line in sys.stdin:
    jobs = json.loads(line)
    ready, start, answers = os.pipe(), os.pipe(), [os.pipe() for _ in jobs]
    children = []
    for job, (_, answer) in zip(jobs, answers):
        children.append(os.fork())
        if children[-1] == 0:
            os.write(ready[1], b".")
            os.close(start[1])
            os.read(start[0], 1)  # ends when nobody can write any more
            signal.alarm(120)
            os.write(answer, export(*job).encode())
            os._exit(0)
    for _ in jobs:
        os.read(ready[0], 1)
    os.close(start[1])
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    for _, answer in answers:
        os.close(answer)
    print(json.dumps([[code, os.read(answer, 9).decode()] for code, (answer, _) in zip(codes, answers)]), flush=True)
"""


_actions: list[Callable[[], object]] = []


def _watch(event: str, arguments: tuple) -> None:
    """Runs an action once, at the moment when an export has written its graph and opens its description."""
    if _actions and event == "open" and str(arguments[0]).endswith("tfgen.json"):
        _actions.pop()()


@pytest.fixture(scope="module")
def _audit_hook() -> None:
    sys.addaudithook(_watch)  # stays as long as the process does, and is idle without an action


@pytest.fixture
def while_describing(_audit_hook: None) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Registers an action for the middle of the next export: the real one, not a stand-in."""
    yield _actions.append
    _actions.clear()


@pytest.fixture(scope="module")
def export_in_processes() -> Iterator[Callable[..., list[list]]]:
    """Exports in processes of their own that start at once, given as (directory, number, mode); says (exit code, version) of each."""
    exporter = subprocess.Popen(
        [sys.executable, "-c", _EXPORTER],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(*jobs: tuple[Path, int, str]) -> list[list]:
        assert exporter.stdin and exporter.stdout
        print(json.dumps([[str(directory), number, mode] for directory, number, mode in jobs]), file=exporter.stdin, flush=True)
        return json.loads(exporter.stdout.readline())

    yield run
    exporter.communicate(timeout=120)


def _constant(value: float) -> OneSignature:
    return OneSignature(lambda seed: {"point": tf.fill(tf.shape(seed), value)}, SEED)


def _export(directory: Path, value: float = 1.0, version: int | None = None) -> Path:
    return saved_model(_constant(value), directory, version=version, warm_up=False)


def _value(folder: Path) -> float:
    return float(loaders.run_in_session(folder, "sample", {"seed": np.array([0])})["point"][0])


def test_versions_count_up_from_the_highest(tmp_path):
    assert [_export(tmp_path).name for _ in range(2)] == ["1", "2"]
    assert _export(tmp_path, version=7).name == "7"
    assert _export(tmp_path).name == "8"
    assert sorted(os.listdir(tmp_path)) == ["1", "2", "7", "8"]


def test_other_names_are_no_versions_and_stay(tmp_path):
    for name in ("serving", ".next.mine", "3a"):
        (tmp_path / name).mkdir()
    (tmp_path / "004").mkdir()  # a server reads this as version 4
    assert _export(tmp_path).name == "5"
    assert sorted(os.listdir(tmp_path)) == [".next.mine", "004", "3a", "5", "serving"]


def test_an_existing_version_is_refused_and_kept(tmp_path):
    folder = _export(tmp_path, 1.0)
    with pytest.raises(ValueError, match=r"must be new.*holds \[1\]. Received: version=1"):
        _export(tmp_path, 2.0, version=1)
    assert os.listdir(tmp_path) == ["1"]
    assert _value(folder) == 1.0


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_versions_that_a_server_cannot_read_are_refused(tmp_path, version):
    with pytest.raises(ValueError, match=f"Received: version={version}"):
        _export(tmp_path, version=version)


@pytest.mark.parametrize("version", ["1", 1.0, True])
def test_versions_are_integers(tmp_path, version):
    with pytest.raises(TypeError, match="Received: version="):
        _export(tmp_path, version=version)


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="must be a folder"):
        _export(tmp_path / "file")


@pytest.mark.parametrize("name", ["run[1]", "a*b", "what?", "a\\b"])
def test_a_path_that_tensorflow_would_not_find_again_is_refused_before_the_slow_part(tmp_path, name):
    def slow(seed):
        raise RuntimeError("it was traced")

    for directory in (tmp_path / name, tmp_path / name / "deep"):
        with pytest.raises(ValueError, match=r"`directory` must be a path without.*Received: directory="):
            saved_model(OneSignature(slow, SEED), directory)
        with pytest.raises(ValueError, match=r"`directory` must be a path without"):
            serving_kit(directory)
        with pytest.raises(ValueError, match=r"`directory` must be a path without|which is not a folder"):
            Server(directory, rest_port=0, grpc_port=0).start()
    assert os.listdir(tmp_path) == []


def test_a_full_disk_names_the_directory_and_leaves_nothing(tmp_path):
    _export(tmp_path)
    with full_disk(), pytest.raises(OSError, match="what was there before is as it was") as caught:
        _export(tmp_path)
    assert caught.value.filename == str(tmp_path) and os.listdir(tmp_path) == ["1"]


def test_a_signature_that_raises_leaves_nothing(tmp_path):
    def broken(seed):
        raise RuntimeError("the network is missing")

    with pytest.raises(ValueError, match=r"Signature `sample`.*Received: RuntimeError: the network is missing"):
        saved_model(OneSignature(broken, SEED), tmp_path)
    assert os.listdir(tmp_path) == []


def test_an_exception_in_the_middle_of_writing_leaves_nothing(tmp_path, while_describing):
    seen = []

    def full_disk():
        seen.extend(path.name for path in tmp_path.glob(".next.writing-*/*"))
        raise OSError("No space left on device")

    while_describing(full_disk)
    with pytest.raises(OSError, match="No space left"):
        _export(tmp_path)
    assert {"saved_model.pb", "variables"} <= set(seen)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", ["kill-write", "kill-rename"])
def test_a_kill_leaves_a_hidden_folder_that_the_next_export_removes(tmp_path, export_in_processes, mode):
    assert export_in_processes((tmp_path, 1, mode)) == [[-signal.SIGKILL, ""]]
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".next.writing-")
    assert (tmp_path / left / "saved_model.pb").is_file()
    folder = _export(tmp_path, 3.0)
    assert os.listdir(tmp_path) == [folder.name] == ["1"]
    assert _value(folder) == 3.0


def test_an_export_that_is_being_written_is_not_removed_by_another(tmp_path, while_describing):
    others = []
    while_describing(lambda: others.append(_export(tmp_path, 5.0)))
    folder = _export(tmp_path, 6.0)
    assert (others[0].name, folder.name) == ("1", "2")
    assert (_value(others[0]), _value(folder)) == (5.0, 6.0)


def test_of_two_exports_to_one_version_the_first_that_is_whole_stays(tmp_path, while_describing):
    others = []
    while_describing(lambda: others.append(_export(tmp_path, 5.0, version=3)))
    with pytest.raises(ValueError, match=r"must be new.*Received: version=3"):
        _export(tmp_path, 6.0, version=3)
    assert os.listdir(tmp_path) == ["3"]
    assert _value(others[0]) == 5.0


def test_processes_that_export_at_once_get_versions_of_their_own(tmp_path, export_in_processes):
    ended = export_in_processes(*[(tmp_path, number, "together") for number in (1, 2, 3)])
    assert [code for code, _ in ended] == [0, 0, 0]
    versions = [version for _, version in ended]
    assert sorted(versions) == sorted(os.listdir(tmp_path)) == ["1", "2", "3"]
    assert [_value(tmp_path / version) for version in versions] == [1.0, 2.0, 3.0]


def test_version_folders_are_readable_by_the_servers_user(tmp_path):
    (tmp_path / "plain").mkdir()
    folder = _export(tmp_path)
    assert folder.stat().st_mode == (tmp_path / "plain").stat().st_mode
