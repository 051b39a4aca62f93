"""Whatever a model is saved to is the old file or the new one, whole: kills, full disks and Keras's own callbacks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tfgen
from tests.kills import dies, full_disk

X = np.zeros((4, 4, 4, 1), np.float32)
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "file": ("m.keras", {}),
    "folder": ("m", {"zipped": False}),
    "weights": ("m.weights.h5", {}),
    "shards": ("m.weights.json", {"max_shard_size": 1e-6}),
}


@pytest.fixture(scope="module")
def model() -> tfgen.FVBN:
    model = tfgen.FVBN((4, 4, 1))
    model.compile()
    model.run_eagerly = True
    return model


def save(model: tfgen.FVBN, form: str, folder: Path, step: int, **more: Any) -> Path:
    """Saves a model that counts `step` steps."""
    name, keywords = FORMS[form]
    model.step.assign(step)
    (model.save_weights if "weights" in name else model.save)(folder / name, **keywords, **more)
    return folder / name


def saved_step(path: Path) -> int:
    """Reads the whole of what was saved."""
    if path.suffix in (".h5", ".json"):
        other = tfgen.FVBN((4, 4, 1))
        other.compile()
        other.load_weights(path)
        return int(other.step)
    return int(keras.saving.load_model(path).step)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_saved_over_an_old_one(form: str, model: tfgen.FVBN, tmp_path: Path):
    assert [saved_step(save(model, form, tmp_path, step)) for step in (1, 2)] == [1, 2]
    with pytest.raises(FileExistsError, match=r"overwrite=False. Received: .*/m"):
        save(model, form, tmp_path, 3, overwrite=False)
    assert saved_step(tmp_path / FORMS[form][0]) == 2
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("form", ["file", "weights"])
def test_a_kill_while_it_is_written_leaves_the_old_file(form: str, model: tfgen.FVBN, tmp_path: Path):
    path = save(model, form, tmp_path, 1)
    old = path.read_bytes()
    for after in (2, 3):  # the file is open; it is about to be renamed
        assert dies(lambda: save(model, form, tmp_path, 2), after)
        assert path.read_bytes() == old and len(os.listdir(tmp_path)) == 2
    save(model, form, tmp_path, 3)
    assert os.listdir(tmp_path) == [path.name] and saved_step(path) == 3


@pytest.mark.parametrize("form", ["file", "weights", "folder"])
def test_a_full_disk_names_the_path_and_leaves_the_old_file(form: str, model: tfgen.FVBN, tmp_path: Path):
    path = save(model, form, tmp_path, 1)
    with full_disk(), pytest.raises(OSError, match="what was there before is as it was") as caught:
        save(model, form, tmp_path, 2)
    assert caught.value.filename == str(path)
    assert saved_step(path) == 1 and os.listdir(tmp_path) == [path.name]


def test_keras_says_what_a_path_ends_in(model: tfgen.FVBN, tmp_path: Path):
    for form in ({"filepath": tmp_path / "m.txt"}, {"filepath": tmp_path / "m.keras", "zipped": False}):
        with pytest.raises(ValueError, match=rf"Received: filepath={form['filepath']}"):
            model.save(**form)
    with pytest.raises(ValueError, match=rf"Received: filepath={tmp_path}/m.h5"):
        model.save_weights(tmp_path / "m.h5")
    assert os.listdir(tmp_path) == []


def test_keras_callbacks_save_in_the_same_way(model: tfgen.FVBN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda aside, path: (kept.append(Path(path).name), replace(aside, path)))
    callbacks = [
        keras.callbacks.ModelCheckpoint(tmp_path / "whole.keras"),
        keras.callbacks.ModelCheckpoint(tmp_path / "some.weights.h5", save_weights_only=True),
        keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), delete_checkpoint=False),
    ]
    model.fit(X, verbose=0, callbacks=callbacks)
    assert kept == ["whole.keras", "some.weights.h5", "latest.weights.h5"]
