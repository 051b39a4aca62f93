"""Checkpoints: what they restore, what they refuse, and what Ctrl-C leaves."""

from __future__ import annotations

import functools
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.callbacks import Checkpoint

X = (np.random.default_rng(0).random((12, 4, 4, 1)) < 0.5).astype(np.float32)


def build() -> tfgen.FVBN:
    """A model of few weights: what a checkpoint does, it does for each alike."""
    keras.utils.set_random_seed(3)
    model = tfgen.FVBN((4, 4, 1))
    model.compile()
    return model


def pixelcnn(**arguments: Any) -> tfgen.PixelCNN:
    """A model of many arguments, for files that do not fit."""
    keras.utils.set_random_seed(3)
    model = tfgen.PixelCNN((4, 4, 1), **{"filters": 2, "blocks": 1, "kernel_size": 3, **arguments})
    model.compile()
    return model


def fit(model: tfgen.AutoregressiveModel, epochs: int, *callbacks: Any, x: Any = X, **keywords: Any) -> Any:
    size = {} if isinstance(x, tf.data.Dataset) else {"batch_size": 4}
    return model.fit(x, epochs=epochs, verbose=0, callbacks=list(callbacks), **size, **keywords)


def state(model: tfgen.AutoregressiveModel) -> list[np.ndarray]:
    return [tf.convert_to_tensor(v.value).numpy() for v in (*model.weights, *model.optimizer.variables)]


@functools.cache
def straight_state(epochs: int) -> list[np.ndarray]:
    """The state after training without a break."""
    model = build()
    fit(model, epochs)
    return state(model)


def assert_straight(model: tfgen.AutoregressiveModel, epochs: int = 3) -> None:
    for a, b in zip(state(model), straight_state(epochs), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_same(one: tfgen.AutoregressiveModel, other: tfgen.AutoregressiveModel) -> None:
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


class At(keras.callbacks.Callback):
    """Raises at one step: after it, or in the middle of `fit`'s own work before it is counted."""

    def __init__(self, step: int, error: BaseException, begin: bool = False) -> None:
        super().__init__()
        self.step, self.error, self.begin = step, error, begin

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.begin and int(self.model.step.numpy()) == self.step:
            raise self.error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self.begin and int(self.model.step.numpy()) == self.step:
            raise self.error


@pytest.mark.parametrize(("step", "begin"), [(1, True), (1, False), (3, False), (4, True), (5, False), (9, False)])
def test_interrupts_leave_a_state_to_go_on_from(step: int, begin: bool, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(build(), 3, Checkpoint(tmp_path), At(step - begin, KeyboardInterrupt(), begin))
    assert str(tmp_path) in capsys.readouterr().out
    again = build()
    fit(again, 3, Checkpoint(tmp_path))
    assert_straight(again)
    assert int(again.epoch.numpy()) == 3


def test_interrupted_twice(tmp_path: Path) -> None:
    for step in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            fit(build(), 3, Checkpoint(tmp_path), At(step, KeyboardInterrupt()))
    again = build()
    fit(again, 3, Checkpoint(tmp_path))
    assert_straight(again)


@pytest.mark.parametrize("every_steps", [None, 1, 5])
def test_errors_lose_at_most_the_steps_since_the_last_save(every_steps: int | None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fit(build(), 3, Checkpoint(tmp_path, every_steps=every_steps), At(8, RuntimeError("the machine fails")))
    saved = keras.saving.load_model(tmp_path / "checkpoint.keras")
    assert int(saved.step.numpy()) == {None: 6, 1: 8, 5: 6}[every_steps]
    again = build()
    fit(again, 3, Checkpoint(tmp_path, every_steps=every_steps))
    assert_straight(again)


def test_finished_training_does_nothing_when_started_again(tmp_path: Path) -> None:
    model, again = build(), build()
    fit(model, 2, Checkpoint(tmp_path))
    fit(again, 2, Checkpoint(tmp_path))
    assert_same(again, model)
    fit(again, 1)  # and the callback leaves nothing behind: an ordinary `fit` trains on
    assert int(again.epoch.numpy()) == 3


def test_more_epochs_than_before_go_on(tmp_path: Path) -> None:
    fit(build(), 1, Checkpoint(tmp_path))
    again = build()
    fit(again, 3, Checkpoint(tmp_path))
    assert_straight(again)


@pytest.mark.parametrize("endless", [False, True])
def test_datasets_go_on_inside_an_epoch(endless: bool, tmp_path: Path) -> None:
    data = tf.data.Dataset.from_tensor_slices(X).shuffle(12, seed=2, reshuffle_each_iteration=False).batch(3)
    keywords = {"x": data.repeat(), "steps_per_epoch": 3} if endless else {"x": data}
    straight = build()
    fit(straight, 3, **keywords)
    for step in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            fit(build(), 3, Checkpoint(tmp_path), At(step, KeyboardInterrupt()), **keywords)
    again = build()
    fit(again, 3, Checkpoint(tmp_path), **keywords)
    assert_same(again, straight)


def test_datasets_of_unknown_length_count_no_step_too_many(tmp_path: Path) -> None:
    """The call that finds the data at its end runs part of the graph: no counter may move in it."""
    data = tf.data.Dataset.from_tensor_slices(X).filter(lambda x: tf.reduce_sum(x) >= 0).batch(4)
    model, straight = build(), build()
    fit(model, 2, x=data)
    fit(straight, 2, x=tf.data.Dataset.from_tensor_slices(X).batch(4))
    assert int(model.step.numpy()) == int(model.optimizer.iterations.numpy()) == 6
    assert_same(model, straight)


def test_averages_and_noise_go_on(tmp_path: Path) -> None:
    def with_dropout() -> tfgen.PixelCNN:
        keras.utils.set_random_seed(1)
        image = keras.Input((4, 4, 1))
        hidden = keras.layers.Dropout(0.5, seed=4)(tfgen.layers.CausalConv2D(4, 3, mask="A")(image))
        model = tfgen.PixelCNN((4, 4, 1), network=keras.Model(image, tfgen.layers.CausalConv2D(1, 1)(hidden)), ema=0.8)
        model.compile()
        return model

    straight = with_dropout()
    fit(straight, 3)
    with pytest.raises(KeyboardInterrupt):
        fit(with_dropout(), 3, Checkpoint(tmp_path), At(4, KeyboardInterrupt()))
    again = with_dropout()
    fit(again, 3, Checkpoint(tmp_path))
    assert_same(again, straight)


def test_older_than_the_model_is_refused(tmp_path: Path) -> None:
    fit(build(), 1, Checkpoint(tmp_path))
    model = build()
    fit(model, 2)
    before = state(model)
    with pytest.raises(ValueError, match=r"older than the model.* Received: a checkpoint of epoch 1, a model of epoch 2"):
        fit(model, 3, Checkpoint(tmp_path))
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("other", [{"filters": 5}, {"blocks": 2}, {"ema": 0.5}, {"likelihood": "categorical"}])
def test_another_models_file_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    fit(pixelcnn(), 1, Checkpoint(tmp_path))
    model = pixelcnn(**other)
    before = state(model)
    with pytest.raises(ValueError, match="does not fit this model") as caught:
        fit(model, 2, Checkpoint(tmp_path))
    assert len(str(caught.value)) < 500 and f"`{next(iter(other))}` was" in str(caught.value)
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_class_or_optimizer_is_refused(tmp_path: Path) -> None:
    fit(pixelcnn(), 1, Checkpoint(tmp_path))
    other = tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4)
    other.compile()
    with pytest.raises(ValueError, match="it is of a PixelCNN, this is a VAE"):
        other.fit(X, verbose=0, callbacks=[Checkpoint(tmp_path)])
    model = pixelcnn()
    model.compile(optimizer="sgd")
    with pytest.raises(ValueError, match="`optimizer` was Adam, and is SGD"):
        fit(model, 2, Checkpoint(tmp_path))


class Anneals(keras.callbacks.Callback):
    """Raises beta epoch by epoch, and thaws the encoder in the third."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.beta, self.model.encoder.trainable = 0.5 * epoch, epoch >= 2


def vae(frozen: bool = False, **arguments: Any) -> tfgen.VAE:
    keras.utils.set_random_seed(3)
    model = tfgen.VAE((4, 4, 1), **{"latent_dim": 2, "network": "mlp", "width": 4, **arguments})
    model.encoder.trainable = not frozen
    model.compile(run_eagerly=True)
    return model


def test_what_a_callback_sets_goes_on_where_it_was(tmp_path: Path) -> None:
    straight = vae()
    fit(straight, 4, Anneals())
    for step in (5, 8):
        with pytest.raises(RuntimeError):
            fit(vae(), 4, Anneals(), Checkpoint(tmp_path, every_steps=1), At(step, RuntimeError("the machine fails")))
    again = vae()
    fit(again, 4, Anneals(), Checkpoint(tmp_path, every_steps=1))
    assert_same(again, straight)
    assert (again.beta, again.frozen) == (1.5, [])


def test_what_was_set_before_is_compared(tmp_path: Path) -> None:
    fit(vae(frozen=True), 1, Checkpoint(tmp_path))
    model = vae()
    before = state(model)
    with pytest.raises(ValueError, match=r"does not fit this model.*`frozen` was \['encoder'\], and is \[\]"):
        fit(model, 2, Checkpoint(tmp_path))
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"`beta` was 1.0, and is 2.0"):
        fit(vae(frozen=True, beta=2.0), 2, Checkpoint(tmp_path))
    again, straight = vae(frozen=True), vae(frozen=True)
    fit(again, 2, Checkpoint(tmp_path))
    fit(straight, 2)
    assert_same(again, straight)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 half a file"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.keras").write_bytes(content)
    with pytest.raises(ValueError, match="does not fit this model"):
        fit(build(), 1, Checkpoint(tmp_path))


def test_nothing_but_the_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build()
    fit(model, 1, Checkpoint(tmp_path / "new" / "folder", every_steps=1))
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["checkpoint.keras"]
    whole = (tmp_path / "new" / "folder" / "checkpoint.keras").read_bytes()

    def half_written(self: Any, path: Any, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(keras.Model, "save", half_written)
    with pytest.raises(OSError, match="disk full"):
        fit(model, 1, Checkpoint(tmp_path / "new" / "folder"))
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["checkpoint.keras"]
    assert (tmp_path / "new" / "folder" / "checkpoint.keras").read_bytes() == whole


def test_a_directory_is_one_trainings_at_a_time(tmp_path: Path) -> None:
    def in_another_process(epoch: int, logs: Any) -> None:
        child = os.fork()
        if child == 0:
            try:
                Checkpoint(tmp_path).restore()
            except ValueError as error:
                os._exit(7 if f"process {os.getppid()} is at work there" in str(error) else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

    model = build()
    model.run_eagerly = True
    fit(model, 1, Checkpoint(tmp_path), Checkpoint(tmp_path), keras.callbacks.LambdaCallback(on_epoch_end=in_another_process))
    thread_error: list[str] = []

    def in_another_thread(epoch: int, logs: Any) -> None:
        def take() -> None:
            try:
                Checkpoint(tmp_path).restore()
            except ValueError as error:
                thread_error.append(str(error))

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        raise RuntimeError("the training ends here")

    with pytest.raises(RuntimeError, match="ends here"):
        fit(model, 3, Checkpoint(tmp_path), keras.callbacks.LambdaCallback(on_epoch_begin=in_another_thread))
    assert "Expected one training at a time" in thread_error[0]
    assert os.listdir(tmp_path) == ["checkpoint.keras"]  # free again, however `fit` has ended


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "checkpoint.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", bytes(2**29))
    with pytest.raises(ValueError, match="would unpack to 536,870,912"):
        fit(build(), 1, Checkpoint(tmp_path))


def test_every_steps_must_be_positive() -> None:
    with pytest.raises(ValueError, match="every_steps"):
        Checkpoint("somewhere", every_steps=0)
