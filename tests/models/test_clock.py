"""Where a run stands in its data: what goes on in the middle, what begins at the beginning, and what is said of it."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.callbacks import Checkpoint
from tfgen.models.place import PLACE
from tfgen.testing._state import State, set_state, state_of

SHAPE, BATCH, STEPS, STOP = (3, 3, 1), 2, 4, 3
NOISE = np.random.default_rng(0)
X, OTHER = ((NOISE.random((BATCH * STEPS, *SHAPE)) < 0.5).astype(np.float32) for _ in range(2))


class Stop(keras.callbacks.Callback):
    """Raises when the model has taken so many steps."""

    def __init__(self, step: int = STOP, error: type[BaseException] = RuntimeError) -> None:
        super().__init__()
        self.step, self.error = step, error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.step.numpy()) == self.step:
            raise self.error("stopped here")


_built: list[tuple[Any, State]] = []
_in_use: list[Any] = []


@pytest.fixture(autouse=True)
def none_in_use() -> None:
    _in_use.clear()


def build() -> Any:
    """Gives a model as it was before training; one that a test before has had serves again, as its graph is traced."""
    if len(_in_use) == len(_built):
        keras.utils.set_random_seed(1)
        model = tfgen.FVBN(SHAPE)
        model.compile()
        _built.append((model, state_of(model)))
    model, state = _built[len(_in_use)]
    _in_use.append(model)
    set_state(model, state)
    model.place, model.stop_training = None, False
    return model


def reload(path: Path) -> Any:
    """Gives a model that has read a whole file."""
    model = build()
    model.load_weights(path)
    return model


def fit(model: Any, x: Any = X, epochs: int = 1, **keywords: Any) -> Any:
    size = {} if isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)) else {"batch_size": BATCH}
    return model.fit(x, epochs=epochs, verbose=0, **{**size, **keywords})


def stopped(x: Any = X, step: int = STOP, **keywords: Any) -> Any:
    model = build()
    with pytest.raises(RuntimeError, match="stopped here"):
        fit(model, x, callbacks=[Stop(step)], **keywords)
    return model


def steps_of(model: Any, *arguments: Any, **keywords: Any) -> int:
    before = int(model.step.numpy())
    fit(model, *arguments, **keywords)
    return int(model.step.numpy()) - before


def weights(model: Any) -> np.ndarray:
    return np.concatenate([variable.numpy().ravel() for variable in (*model.variables, *model.optimizer.variables)])


def dataset(x: np.ndarray, batch: int = BATCH) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(x).batch(batch)


def counted(source: tf.data.Dataset, read: list[int]) -> tf.data.Dataset:
    """Notes every row number that is read, and gives that row of X as a batch."""

    def row(number: np.ndarray) -> np.ndarray:
        read.append(int(number))
        return X[[number % len(X)]]

    return source.map(lambda i: tf.ensure_shape(tf.numpy_function(row, [i], tf.float32), (None, *SHAPE)))


# ---- the next data set ----


SOURCES = {
    "arrays": (X, {}),
    "data set": (dataset(X), {}),
    "tfgen.data": (tfgen.data.from_arrays(X, batch_size=BATCH), {}),
    "endless": (dataset(X).repeat(), {"steps_per_epoch": STEPS}),
}
NEXT = {
    "shorter arrays": (X[:4], {}, 2),
    "other content": (OTHER, {}, STEPS),
    "another batch size": (X, {"batch_size": 4}, 2),
    "a data set": (dataset(OTHER), {}, STEPS),
    "another view of the same": (tfgen.data.from_arrays(X, batch_size=BATCH, seed=1), {}, STEPS),
    "endless data": (dataset(OTHER).repeat(), {"steps_per_epoch": 3}, 3),
}


@pytest.mark.parametrize("following", NEXT)
def test_other_data_begins_at_its_beginning(following: str, capsys: pytest.CaptureFixture) -> None:
    x, keywords, steps = NEXT[following]
    model = stopped()
    history = fit(model, x, **keywords).history
    assert int(model.step.numpy()) == STOP + steps and len(history["loss"]) == 1
    assert [int(counter.numpy()) for counter in (model.epoch, model.batch)] == [1, 0]
    assert f"stopped after step {STOP} of an epoch of other data" in capsys.readouterr().out


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_data_goes_on_and_reports_the_whole_epoch(name: str, capsys: pytest.CaptureFixture) -> None:
    x, keywords = SOURCES[name]
    model, straight = stopped(x, **keywords), build()
    straight_history = fit(straight, x, epochs=2, **keywords).history
    model.evaluate(OTHER, verbose=0)  # which has use for the metrics, too
    history = fit(model, x, epochs=2, **keywords).history
    assert history == straight_history
    np.testing.assert_array_equal(weights(model), weights(straight))
    assert f"Epoch 1 goes on after step {STOP} of {STEPS}." in capsys.readouterr().out


def test_another_compile_begins_at_the_beginning() -> None:
    model = stopped()
    model.compile()
    assert steps_of(model) == STEPS


def test_an_epoch_whose_steps_are_done_is_over() -> None:
    for model, keywords in ((stopped(step=STEPS), {}), (stopped(), {"steps_per_epoch": 2})):
        assert steps_of(model, **keywords) == keywords.get("steps_per_epoch", STEPS)
        assert [int(counter.numpy()) for counter in (model.epoch, model.batch)] == [2, 0]


def test_a_file_of_a_stopped_run_knows_its_data(tmp_path: Path) -> None:
    path = tmp_path / "stopped.keras"
    stopped().save(path)
    straight = build()
    history = fit(straight).history
    model: Any = keras.saving.load_model(path)
    assert fit(model).history == history
    np.testing.assert_array_equal(weights(model), weights(straight))
    assert steps_of(reload(path), OTHER) == STEPS


def test_a_file_that_does_not_say_of_which_data(tmp_path: Path) -> None:
    """As those of the last release: its steps count where they can, and only its own program knows its endless data."""

    def old(model: Any, path: Path) -> Path:
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        (tmp_path / "weights.h5").write_bytes(parts["model.weights.h5"])
        with h5py.File(tmp_path / "weights.h5", "a") as file:
            del file["vars"][PLACE]
        parts["model.weights.h5"] = (tmp_path / "weights.h5").read_bytes()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return path

    path = old(stopped(), tmp_path / "old.keras")
    assert steps_of(reload(path)) == STEPS - STOP
    assert steps_of(reload(path), X[:4]) == 2
    endless = {"x": dataset(X).repeat(), "steps_per_epoch": 2}
    assert steps_of(reload(path), **endless) == 2
    straight = build()
    fit(straight, epochs=2, **endless)
    old(stopped(step=3, epochs=2, **endless), tmp_path / "checkpoint.keras")
    model = build()
    fit(model, epochs=2, callbacks=[Checkpoint(tmp_path)], **endless)
    np.testing.assert_array_equal(weights(model), weights(straight))


def test_a_model_of_the_zoo_reads_endless_data_from_its_beginning(tmp_path: Path) -> None:
    model = build()
    fit(model, epochs=3)
    model.save(tmp_path / "trained.keras")
    read: list[int] = []
    numbers = counted(tf.data.Dataset.range(1000).repeat(), read)
    fit(reload(tmp_path / "trained.keras"), numbers, steps_per_epoch=2)
    assert read[:2] == [0, 1] and len(read) < 8


def test_endless_data_goes_on_in_the_next_call(capsys: pytest.CaptureFixture) -> None:
    read: list[int] = []
    numbers = counted(tf.data.Dataset.range(1000).repeat(), read)
    model = build()
    fit(model, numbers, epochs=2, steps_per_epoch=3)
    read.clear()
    fit(model, numbers, steps_per_epoch=3)
    assert 6 in read and int(model.step.numpy()) == 9
    assert "The data goes on where it stood, after 6 steps." in capsys.readouterr().out
    fit(model, X)
    read.clear()
    fit(model, numbers, steps_per_epoch=3)  # it has trained on other data since
    assert read[0] == 0


@pytest.mark.parametrize("name", ["tfgen.data", "endless"])
def test_a_kill_between_the_last_step_and_the_end_of_an_epoch_loses_nothing(name: str, tmp_path: Path) -> None:
    x, keywords = SOURCES[name]
    straight = build()
    history = fit(straight, x, epochs=2, validation_data=OTHER, **keywords).history
    with pytest.raises(RuntimeError):
        fit(build(), x, epochs=2, callbacks=[Checkpoint(tmp_path, every_steps=1), Stop(STEPS)], **keywords)
    model = build()
    again = fit(model, x, epochs=2, validation_data=OTHER, callbacks=[Checkpoint(tmp_path)], **keywords).history
    assert again == history
    np.testing.assert_array_equal(weights(model), weights(straight))


# ---- nothing is of the whole process ----


class Peek(keras.callbacks.Callback):
    """Reads a data set wherever a callback can."""

    def __init__(self, data: tf.data.Dataset) -> None:
        super().__init__()
        self.data = data

    def _peek(self, *arguments: Any, **keywords: Any) -> None:
        next(iter(self.data))

    on_train_begin = on_epoch_begin = on_epoch_end = _peek

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 0:
            self._peek()


@pytest.mark.parametrize("name", ["arrays", "tfgen.data"])
def test_who_peeks_changes_nothing(name: str, tmp_path: Path) -> None:
    x, _ = SOURCES[name]
    peek, straight = Peek(SOURCES["tfgen.data"][0]), build()
    fit(straight, x, epochs=2)
    with pytest.raises(RuntimeError):
        fit(build(), x, epochs=2, callbacks=[peek, Checkpoint(tmp_path, every_steps=1), Stop()])
    model = build()
    fit(model, x, epochs=2, validation_data=peek.data, callbacks=[peek, Checkpoint(tmp_path)])
    assert int(model.step.numpy()) == 2 * STEPS
    np.testing.assert_array_equal(weights(model), weights(straight))


def test_two_trainings_in_two_threads_on_one_data_set() -> None:
    data = SOURCES["tfgen.data"][0]
    straight, models = build(), [build(), build()]
    fit(straight, data, epochs=2)
    begun = threading.Barrier(2)

    class Together(keras.callbacks.Callback):
        def __init__(self, late: int) -> None:
            super().__init__()
            self.late = late

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if int(self.model.step.numpy()) == 3 * self.late:  # one is always some steps behind
                begun.wait(60)

    threads = [
        threading.Thread(target=fit, args=(model, data, 2), kwargs={"callbacks": [Together(late)]})
        for late, model in enumerate(models)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for model in models:
        np.testing.assert_array_equal(weights(model), weights(straight))


# ---- the order of callbacks ----


class Heard(keras.callbacks.Callback):
    """Notes when it hears of what, and what the model was then."""

    def __init__(self, notes: list[Any]) -> None:
        super().__init__()
        self.notes = notes

    def on_train_begin(self, logs: Any = None) -> None:
        self.notes.append(int(self.model.step.numpy()))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.notes.append((int(self.model.batch.numpy()), self.model.stop_training))


@pytest.mark.parametrize("make", [list, lambda given: keras.callbacks.CallbackList(given, add_history=True)])
def test_callbacks_hear_of_a_restored_model_and_end_a_resumed_epoch(make: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(build(), epochs=3, callbacks=make([Checkpoint(tmp_path), Stop(6, KeyboardInterrupt)]))
    notes: list[Any] = []
    model = build()
    fit(model, epochs=3, callbacks=make([Heard(notes), Checkpoint(tmp_path)]))
    assert notes[:4] == [6, (3, False), (4, False), (1, False)]
    assert int(model.epoch.numpy()) == 3 and not model.stop_training


def test_a_resumed_run_that_fails_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    fit(build(), epochs=1, callbacks=[Checkpoint(tmp_path)])
    model = build()
    with pytest.raises(RuntimeError):
        fit(model, epochs=3, callbacks=[Checkpoint(tmp_path), Stop(STEPS + 1)])
    assert steps_of(model, OTHER) == STEPS  # not after the epochs that a checkpoint had brought back


def test_a_callback_may_stop_a_resumed_epoch_in_its_last_step() -> None:
    class Enough(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = int(self.model.batch.numpy()) == STEPS

    model = stopped()
    fit(model, epochs=3, callbacks=[Enough()])
    assert model.stop_training and int(model.epoch.numpy()) == 1


def test_a_place_is_plain_text_in_the_file(tmp_path: Path) -> None:
    model = stopped()
    model.save_weights(tmp_path / "all.weights.h5")
    with h5py.File(tmp_path / "all.weights.h5") as file:
        told = json.loads(file["vars"][PLACE][()].tobytes())
    assert sorted(told) == ["begun", "content", "first_step", "structure", "sums"]
    assert sorted(told["sums"]) == sorted(metric.name for metric in model.metrics)
    fit(model)
    model.save_weights(tmp_path / "all.weights.h5")
    with h5py.File(tmp_path / "all.weights.h5") as file:
        assert PLACE not in file["vars"]  # an epoch is whole: there is no place to come back to
