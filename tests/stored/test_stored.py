"""Files of earlier releases load in this one, draw what they drew, and train on."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.stored import BUILDERS, FOLDER

FILES = sorted(FOLDER.glob("*.keras"))


def test_every_model_has_a_stored_file():
    assert {path.stem.split("-", 1)[1] for path in FILES} == set(BUILDERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_file_loads_draws_the_same_and_trains_on(path):
    model = keras.saving.load_model(path)
    assert int(model.step.numpy()) == 2
    assert all(int(optimizer.iterations) == 2 for optimizer in model._optimizers().values())
    drawn, stored = model.sample(4, seed=5), np.load(path.with_suffix(".npy"))
    np.testing.assert_allclose(drawn, stored, atol=1e-4)
    model.fit(np.zeros((4, 5, 4, 1), np.float32), verbose=0)
    assert int(model.step.numpy()) == 3
