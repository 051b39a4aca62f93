"""Kills writers at random moments, twenty of each kind, and says what is left: `python -m benchmarks.kills [FILE]`."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfgen
from benchmarks.common import processor_name
from tfgen import writing
from tfgen.callbacks._best import BestModel

KILLS = 20
_LONGEST = 5.0  # seconds until a writer is seen at work

Write = Callable[[Path, int], object]
Read = Callable[[Path], object]


@functools.cache
def _built() -> Any:
    """Builds what is saved, some megabytes, once a process."""
    model = tfgen.VAE((28, 28, 1), latent_dim=8, network="mlp", width=256)
    model.compile()
    model.run_eagerly = True
    return model


def _model(step: int) -> Any:
    """Gives a model that counts so many steps: no two files are alike."""
    _built().step.assign(step)
    return _built()


def _read_weights(folder: Path) -> None:
    _model(0).load_weights(folder / "a.weights.h5")


def _fit(folder: Path, step: int) -> None:
    """Goes on with a training for two epochs more."""
    path, model = folder / "checkpoint.keras", _model(0)
    model.epoch.assign(0)
    done = int(keras.saving.load_model(path, compile=False).epoch) if path.exists() else 0
    callback = tfgen.callbacks.Checkpoint(folder, every_steps=1)
    model.fit(np.zeros((4, 28, 28, 1)), batch_size=2, epochs=done + 2, verbose=0, callbacks=[callback])


def _offer(folder: Path, step: int) -> None:
    best = BestModel(folder, {"metric": "steps"}, largest=True)
    best.offer(_model(step), {"steps": max(step, 0.0 if np.isnan(best.value) else best.value + 1)}, epoch=step)


def _read_best(folder: Path) -> None:
    BestModel(folder, {"metric": "steps"}, largest=True)  # the training that goes on
    stated = json.loads((folder / "best.json").read_text())["model_sha256"]
    if stated != hashlib.sha256((folder / "best.keras").read_bytes()).hexdigest():
        raise ValueError("best.json is of another model than best.keras")


def _read_entries(folder: Path) -> None:
    for entry in folder.glob("entry*"):
        tfgen.zoo.load(entry)


def _export(folder: Path, step: int) -> None:
    tfgen.export.saved_model(_model(step), folder, warm_up=False)


def _read_versions(folder: Path) -> None:
    import tensorflow as tf

    for version in folder.glob("[0-9]*"):
        tf.saved_model.load(str(version))
        json.loads((version / "assets.extra" / "tfgen.json").read_text())


def _kit(folder: Path, step: int) -> None:
    if not (folder / "1").is_dir():
        _export(folder, step)
    tfgen.export.serving_kit(folder, rest_port=20_000 + step)


def _read_kit(folder: Path) -> None:
    with writing.settled(folder / "serving"):
        texts = [(folder / "serving" / name).read_text() for name in ("compose.yaml", "README.md", "clients/sample.sh")]
    if len({port for text in texts for port in re.findall(r"\b2[0-9]{4}\b", text)}) != 1:
        raise ValueError("the files of the kit are of several ports")


def _save_picture(folder: Path, step: int) -> None:
    tfgen.pictures.save_grid(np.random.default_rng(step).random((100, 28, 28, 1)), folder / "a.png")


def _read_picture(folder: Path) -> None:
    from PIL import Image

    Image.open(folder / "a.png").load()


def _save_sound(folder: Path, step: int) -> None:
    tfgen.audio.write_wav(folder / "a.wav", np.zeros(2_000_000), sample_rate=8000)


KINDS: dict[
    str, tuple[Write, Read, float]
] = {  # how to write, how to read, and within how many seconds of its beginning to kill
    "`model.save` over a file": (
        lambda folder, step: _model(step).save(folder / "a.keras"),
        lambda folder: keras.saving.load_model(folder / "a.keras"),
        0.05,
    ),
    "`model.save_weights` over a file": (
        lambda folder, step: _model(step).save_weights(folder / "a.weights.h5"),
        _read_weights,
        0.05,
    ),
    "`callbacks.Checkpoint`": (_fit, lambda folder: keras.saving.load_model(folder / "checkpoint.keras"), 0.3),
    "the best model of `callbacks.Score`": (_offer, _read_best, 0.1),
    "`zoo.save` over an entry": (lambda folder, step: tfgen.zoo.save(_model(step), folder / "entry"), _read_entries, 0.3),
    "`zoo.save` of a new entry": (
        lambda folder, step: tfgen.zoo.save(_model(step), folder / f"entry{step}"),
        _read_entries,
        0.3,
    ),
    "`export.saved_model`": (_export, _read_versions, 0.3),
    "`export.serving_kit` over a kit": (_kit, _read_kit, 0.03),
    "`pictures.save_grid`": (_save_picture, _read_picture, 0.03),
    "`audio.write_wav`": (_save_sound, lambda folder: tfgen.audio.read_wav(folder / "a.wav"), 0.02),
}


def _left_overs(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def _in_a_process(act: Callable[[Callable[[], None]], object]) -> tuple[int, int]:
    """Forks a process that acts; returns its number, and what can be read from when it calls what it is given."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act(lambda: os.write(writer, b".") and None)  # type: ignore[func-returns-value]
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    return child, reader


def _kill(folder: Path, write: Write, spread: float, noise: random.Random) -> None:
    """Has a process write over and over, and kills it in the middle of it."""

    def write_for_ever(ready: Callable[[], None]) -> None:
        write(folder, 1)
        ready()
        for step in range(2, 2000):
            write(folder, step)

    child, reader = _in_a_process(write_for_ever)
    if os.read(reader, 1) != b".":
        raise RuntimeError("the writer failed")
    os.close(reader)
    end = time.monotonic() + _LONGEST
    while not _left_overs(folder) and time.monotonic() < end:
        time.sleep(0.0002)
    time.sleep(noise.uniform(0.0, spread))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _succeeds(act: Callable[[], object]) -> bool:
    child, reader = _in_a_process(lambda _: act())
    os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def measure(name: str, kills: int) -> list[object]:
    """Kills the writers of one kind, and says what was whole, and what was left before and after the next one wrote."""
    write, read, spread = KINDS[name]
    whole = left = after = 0
    for number in range(kills):
        with tempfile.TemporaryDirectory(prefix="kills-") as root:
            folder = Path(root, "here")
            folder.mkdir()
            _kill(folder, write, spread, random.Random(f"{name} {number}"))
            left += bool(_left_overs(folder))
            whole += _succeeds(lambda folder=folder: read(folder))
            if not _succeeds(lambda folder=folder: write(folder, 2001)):
                raise RuntimeError(f"{name}: the next writer failed")
            after += bool(_left_overs(folder))
    return [name, kills, whole, left, after]


def main(arguments: list[str]) -> None:
    """Prints the table, or writes it to a file."""
    rows = [measure(name, KILLS) for name in KINDS]
    header = ["writer", "kills", "whole afterwards", "left something aside", "still there after the next who wrote"]
    lines = [header, ["---"] * len(header), *rows]
    text = (
        "# Kills\n\nA process writes over and over and is killed (SIGKILL) at a random moment of it; another then reads what is there, "
        f"and writes once more.\n\nProcessor: {processor_name()}, {os.cpu_count()} cores. `python -m benchmarks.kills "
        "benchmarks/kills.md`\n\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
    )
    print(text)
    if arguments:
        writing.write_text(arguments[0], text)


if __name__ == "__main__":
    main(sys.argv[1:])
