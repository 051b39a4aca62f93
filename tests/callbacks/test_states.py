"""State outside the model in a checkpoint: what other callbacks count, and what the metrics have added up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tfgen
from tfgen.callbacks import Checkpoint, _states
from tfgen.testing._state import State, set_state, state_of

SHAPE, STEPS, EPOCHS = (3, 3, 1), 3, 6
NOISE = np.random.default_rng(0)
X, HELD_OUT = ((NOISE.random((n, *SHAPE)) < 0.5).astype(np.float32) for n in (6, 4))
_built: list[tuple[Any, State]] = []


def build() -> Any:
    """Gives the one model as it was before training, its rate so high that validation soon gets worse."""
    if not _built:
        keras.utils.set_random_seed(1)
        model = tfgen.FVBN(SHAPE)
        model.compile(keras.optimizers.Adam(0.5))
        _built.append((model, state_of(model)))
    model, state = _built[0]
    set_state(model, state)
    model.place, model.stop_training = None, False
    return model


def fit(model: Any, *callbacks: Any, epochs: int = EPOCHS) -> dict[str, list[float]]:
    return model.fit(X, batch_size=2, epochs=epochs, validation_data=HELD_OUT, verbose=0, callbacks=list(callbacks)).history


class Stop(keras.callbacks.Callback):
    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.step.numpy()) == self.step:
            raise KeyboardInterrupt


class Slower(keras.callbacks.Callback):
    """A callback of one's own, which halves the rate each second time that it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seen, self.first = 0, [], True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls, self.first = self.calls + 1, False
        self.seen = [*self.seen, np.float32(logs["loss"])][-2:]
        if self.calls % 2 == 0 and len(self.seen) == 2 and not self.first:
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5


def early() -> list[Any]:
    return [keras.callbacks.EarlyStopping("val_loss", patience=2, min_delta=0.01, restore_best_weights=True)]


def plateau() -> list[Any]:
    return [keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=1)]


CALLBACKS: dict[str, Callable[[], list[Any]]] = {
    "stopping and plateau": lambda: [*early(), *plateau()],
    "plateau": plateau,
    "own": lambda: [Slower()],
}


@pytest.mark.parametrize(("name", "first"), [("stopping and plateau", True), ("plateau", False), ("own", True)])
def test_a_resumed_run_ends_as_if_it_had_never_stopped(name: str, first: bool, tmp_path: Path) -> None:
    straight = build()
    history = fit(straight, *CALLBACKS[name]())
    expected, epochs = state_of(straight), len(history["loss"])
    assert (epochs < EPOCHS) == ("stopping" in name)

    def callbacks() -> list[Any]:
        order = [Checkpoint(tmp_path), *CALLBACKS[name]()]
        return order if first else order[::-1]

    for step in (4, 2 * STEPS):
        with pytest.raises(KeyboardInterrupt):
            fit(build(), *callbacks(), Stop(step))
    model = build()
    rest = fit(model, *callbacks())
    assert rest == {key: values[-len(rest["loss"]) :] for key, values in history.items()}
    for (key, value), found in zip(expected.items(), state_of(model).values(), strict=True):
        np.testing.assert_array_equal(found, value, err_msg=key)


def test_a_training_that_was_stopped_early_is_over(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = build()
    epochs = len(fit(model, Checkpoint(tmp_path), *early())["loss"])
    expected = state_of(model)
    assert epochs < EPOCHS
    again = build()
    assert fit(again, Checkpoint(tmp_path), *early()) == {}
    assert f"EarlyStopping ended this training after epoch {epochs}: there is nothing left to do." in capsys.readouterr().out
    for (key, value), found in zip(expected.items(), state_of(again).values(), strict=True):
        np.testing.assert_array_equal(found, value, err_msg=key)
    patient = keras.callbacks.EarlyStopping("val_loss", patience=EPOCHS, min_delta=0.01)
    assert len(fit(build(), Checkpoint(tmp_path), patient)["loss"]) == EPOCHS - epochs  # settings are those of who starts again
    assert patient.patience == EPOCHS and abs(patient.min_delta) == 0.01


def test_a_callback_of_its_own_mind_may_stop_and_go_on(tmp_path: Path) -> None:
    """A limit of time, say, is no end of a training."""

    class OneEpoch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    for epoch in range(1, 3):
        model = build()
        fit(model, Checkpoint(tmp_path), OneEpoch())
        assert int(model.epoch.numpy()) == epoch


def test_a_checkpoint_of_the_last_release_has_no_states(tmp_path: Path) -> None:
    model = build()
    fit(model, epochs=1)
    model.save(tmp_path / "checkpoint.keras")
    stopping = early()[0]
    assert len(fit(build(), Checkpoint(tmp_path), stopping, epochs=2)["loss"]) == 1


def test_what_is_kept_of_callbacks() -> None:
    class Kept(keras.callbacks.Callback):
        def __init__(self, setting: float = 1.0) -> None:
            super().__init__()
            self.setting, self.same, self.text = setting, 3, "a"
            self.number, self.flag, self.array, self.many, self.nothing = 0, False, np.zeros(2), None, None

    first, second, fresh = Kept(), Kept(), [Kept(), Kept()]
    before = _states.numbers_of([first, second])
    first.setting, first.text, first.number, first.flag = 2.0, "b", np.float32(0.1), True
    second.array, second.many, second.nothing = np.ones(3), [np.ones(2), np.int64(4)], {"a": 1}
    content = _states.collect([first, second], before)
    _states.restore(fresh, content)
    assert (fresh[0].setting, fresh[0].text, fresh[0].same, fresh[0].flag, fresh[0].number) == (
        1.0,
        "a",
        3,
        True,
        float(np.float32(0.1)),
    )
    assert fresh[1].nothing is None and fresh[1].number == 0
    np.testing.assert_array_equal(fresh[1].array, np.ones(3))
    assert [np.asarray(part).tolist() for part in fresh[1].many] == [[1.0, 1.0], 4]
    _states.restore([fresh[0]], content)  # of a callback that is not there nothing is wanted
    unchanged = [keras.callbacks.Callback()]
    _states.restore(unchanged, _states.collect(unchanged, _states.numbers_of(unchanged)))
