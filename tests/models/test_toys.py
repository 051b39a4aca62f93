"""The toys that hold the bases, beyond the contract: the Doctor looks at them, and they override hooks alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfgen
from tests.models.adversarial.toy import Trio
from tests.models.latent.toy import Ladder
from tests.models.toys import CASES
from tfgen.models.hooks import hooks_of
from tfgen.testing import Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_doctor_looks_and_changes_nothing(case: Case) -> None:
    """It measures every player, conditional or not, and training goes on as if nobody had looked."""
    keras.utils.set_random_seed(7)
    model = case.build()
    x = case.examples(model.event_shape, 8)
    y = None if model.target is None else model.target.turn(8)
    begin, found = model.get_weights(), []
    doctor = tfgen.callbacks.Doctor(x, labels=y, every_steps=1)
    for callbacks in ([], [doctor]):
        model.set_weights(begin)
        model.compile(run_eagerly=True)
        model.fit(x, y, batch_size=4, verbose=0, callbacks=callbacks)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {f"{player.prefix}gradient" for player in model.players} <= {*doctor.looks[-1]}
    assert all(np.isfinite(value) for value in doctor.looks[-1].values())


@pytest.mark.parametrize("toy", [Trio, Ladder])
def test_a_toy_overrides_hooks_alone(toy: type) -> None:
    hooks = {name for base in toy.__mro__[1:] if base.__module__.startswith("tfgen.") for name in hooks_of(base)}
    known = {name for base in toy.__mro__[1:] for name in vars(base)}
    replaced = {name for name, value in vars(toy).items() if callable(value) and name in known} - {"__init__"}
    assert replaced and replaced <= hooks, replaced - hooks
