"""Files of earlier releases load in this one, every weight of them, draw what they drew, and train on."""

from __future__ import annotations

import inspect
import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

import tfgen
from tests.house import is_abstract
from tests.stored import BUILDERS, FOLDER, draw, examples
from tfgen.models.base import GenerativeModel

FILES = sorted(FOLDER.glob("*.keras"))


def class_of(path):
    """Reads the name of a file's model, without loading it."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))["class_name"]


def arrays_of(path):
    """Reads the bytes of every array in a file, under whatever name."""
    found = set()
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(lambda _, item: found.add(item[()].tobytes()) if isinstance(item, h5py.Dataset) else None)
    return found


def test_every_model_has_a_stored_file():
    assert {path.stem.split("-", 1)[1] for path in FILES} == set(BUILDERS)
    published = [getattr(tfgen, name) for name in tfgen.__all__]
    models = {
        cls.__name__ for cls in published if inspect.isclass(cls) and issubclass(cls, GenerativeModel) and not is_abstract(cls)
    }
    assert {class_of(path) for path in FILES} == models


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.in_turn(every=3)
def test_a_stored_file_loads_draws_the_same_and_trains_on(path):
    model = keras.saving.load_model(path)
    stored = arrays_of(path)
    # a weight whose place in the file has another name now would keep what it was initialised with
    assert [weight.path for weight in model.weights if np.asarray(weight).tobytes() not in stored] == []
    assert int(model.step.numpy()) == 2
    assert all(int(optimizer.iterations) == 2 for optimizer in model.optimizers.values())
    np.testing.assert_allclose(draw(model), np.load(path.with_suffix(".npy")), atol=1e-4)
    model.fit(*examples(model, 4), verbose=0)
    assert int(model.step.numpy()) == 3
