"""What `fit`, `evaluate` and `predict` read: data that gives its batches once, of unknown length, without end; no copies of arrays."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.testing import two_replicas

SHAPE, ROWS = (2, 2, 1), 12
X = (np.random.default_rng(0).random((ROWS, *SHAPE)) < 0.5).astype(np.float32)
RAN_OUT = "Your input ran out of data"


@pytest.fixture
def model() -> Any:
    model = tfgen.FVBN(SHAPE)
    model.compile(run_eagerly=True)
    return model


def once(x: np.ndarray = X, rows: int = 2) -> tf.data.Dataset:
    """Batches of a generator that can be read once."""
    batches = (x[i : i + rows] for i in range(0, len(x), rows))
    return tf.data.Dataset.from_generator(lambda: batches, output_signature=tf.TensorSpec((None, *SHAPE)))


def noted(source: tf.data.Dataset, read: list[int]) -> tf.data.Dataset:
    """Notes which row each batch is."""

    def row(number: np.ndarray) -> np.ndarray:
        read.append(int(number))
        return X[[number % ROWS]]

    return source.map(lambda i: tf.ensure_shape(tf.numpy_function(row, [i], tf.float32), (None, *SHAPE)))


def steps_of(model: Any) -> int:
    return int(model.step.numpy())


# ---- once ----


def test_a_generator_that_can_be_read_once_gives_all_its_batches(model: Any) -> None:
    model.fit(once(), verbose=0)
    assert steps_of(model) == 6
    assert model.predict(once(), verbose=0).shape == (ROWS, *SHAPE)
    assert model.evaluate(once(), verbose=0) == pytest.approx(model.evaluate(X, batch_size=2, verbose=0))
    history = model.fit(X, validation_data=once(), verbose=0).history
    assert history["val_loss"] == [pytest.approx(model.evaluate(X, verbose=0, return_dict=True)["loss"])]


def test_it_serves_one_epoch_and_is_refused_afterwards(model: Any) -> None:
    source = once()
    with pytest.raises(ValueError, match=r"at least one batch in each epoch.* a generator must begin anew .*none in epoch 2"):
        model.fit(source, epochs=2, verbose=0)
    assert [int(counter.numpy()) for counter in (model.step, model.epoch, model.batch)] == [6, 1, 0]
    with pytest.raises(ValueError, match=r"at least one batch\. Received: an empty data set"):
        model.fit(source, verbose=0)


def test_replicas_read_it_once_too() -> None:
    with two_replicas().scope():
        model = tfgen.FVBN(SHAPE)
        model.compile(run_eagerly=True)
    model.fit(once(), verbose=0)
    assert steps_of(model) == 6
    expected = model.predict(X, batch_size=ROWS, verbose=0)
    for source, keywords in ((once(rows=5), {}), (tf.data.Dataset.from_tensor_slices(X).batch(5).repeat(), {"steps": 3})):
        np.testing.assert_allclose(model.predict(source, verbose=0, **keywords), expected, atol=1e-6)


# ---- unknown length ----


UNKNOWN: dict[str, Callable[[], tf.data.Dataset]] = {
    "interleave": lambda: tf.data.Dataset.range(5).repeat().interleave(tf.data.Dataset.from_tensors, cycle_length=1),
    "filter": lambda: tf.data.Dataset.range(10**6).filter(lambda i: i >= 0),
    "take_while": lambda: tf.data.Dataset.range(10**6).take_while(lambda i: i < 10**5),
    "ignore_errors": lambda: tf.data.Dataset.range(10**6).filter(lambda i: i > 3).ignore_errors(),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_epochs_go_on_in_data_of_unknown_length(model: Any, kind: str) -> None:
    first = [int(i) for i in UNKNOWN[kind]().take(9)]
    read: list[int] = []
    model.fit(noted(UNKNOWN[kind](), read), epochs=2, steps_per_epoch=3, verbose=0)
    model.fit(noted(UNKNOWN[kind](), again := []), steps_per_epoch=3, verbose=0)
    assert read[:6] == first[:6] and again[:9] == first[:9]  # the next call leaves out what the first has read


def test_what_data_cannot_give_is_said(model: Any) -> None:
    numbers = tf.data.Dataset.range(4).filter(lambda i: i >= 0)
    with pytest.warns(UserWarning, match=RAN_OUT):
        model.fit(noted(numbers, []), steps_per_epoch=9, verbose=0)
    assert steps_of(model) == 4
    with pytest.raises(ValueError, match=r"`dataset.repeat\(\)` makes data endless.*none in epoch 2"):
        model.fit(noted(numbers, []), epochs=2, steps_per_epoch=4, verbose=0)


def test_the_end_of_an_epoch_of_unknown_length_is_no_news(model: Any, capsys: pytest.CaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(noted(tf.data.Dataset.range(4).filter(lambda i: i >= 0), []), epochs=3, verbose=2)
    assert steps_of(model) == 12
    assert capsys.readouterr().out.count("4/4 - ") == 3  # and the number of steps is found out


def test_a_resumed_run_learns_no_wrong_length(model: Any, tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if steps_of(self.model) == 3:
                raise KeyboardInterrupt

    data = tf.data.Dataset.from_tensor_slices(X).filter(lambda x: tf.reduce_sum(x) >= 0).batch(3)
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, epochs=3, verbose=0, callbacks=[Stop()])
    model.fit(data, epochs=3, verbose=0)
    assert [int(counter.numpy()) for counter in (model.step, model.epoch)] == [12, 3]


# ---- no end ----


def test_endless_data_needs_a_number_of_batches(model: Any) -> None:
    endless = tf.data.Dataset.from_tensor_slices(X).batch(4).repeat()
    for ask, name in (
        (lambda **keywords: model.evaluate(endless, verbose=0, return_dict=True, **keywords)["loss"], "steps"),
        (lambda **keywords: model.predict(endless, verbose=0, **keywords)[:ROWS], "steps"),
        (
            lambda **keywords: model.fit(X, verbose=0, validation_data=endless, **keywords).history["val_loss"],
            "validation_steps",
        ),
    ):
        with pytest.raises(ValueError, match=rf"never ends. Pass `{name}=.*Received: {name}=None"):
            ask()
        assert np.isfinite(ask(**{name: 3})).all()
    loss = model.evaluate(X, batch_size=4, verbose=0, return_dict=True)["loss"]
    assert model.evaluate(endless, steps=3, verbose=0, return_dict=True)["loss"] == loss


# ---- data sets of tfgen.data inside others ----


def test_what_no_epoch_passes_is_said(model: Any) -> None:
    data = tfgen.data.from_arrays(X, batch_size=4)
    for source in (data.cache(), tf.data.Dataset.zip(data, data).map(lambda x, _: x)):
        with pytest.warns(UserWarning, match="stands behind `zip`, `cache` or the like"):
            model.fit(source, verbose=0)


def test_a_set_behind_other_steps_follows_the_epochs(model: Any) -> None:
    data = tfgen.data.from_arrays(np.arange(ROWS, dtype=np.uint8).reshape(ROWS, 1, 1, 1), np.arange(ROWS), batch_size=3, seed=5)
    read: list[int] = []
    model.fit(noted(data.unbatch().map(lambda _, label: label), read), epochs=2, verbose=0)
    expected = [tfgen.data.memory.epoch_order(5, epoch, ROWS).tolist() for epoch in range(2)]
    assert read[-2 * ROWS :] == [*expected[0], *expected[1]]


# ---- memory ----


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("kind", ["float32", "uint8", "float64"])
def test_fit_holds_no_copy_of_an_array(kind: str) -> None:
    """What NumPy allocates for checks and batches at its peak, and what the process holds between two batches."""
    model = tfgen.FVBN((32, 32, 1))
    model.compile(run_eagerly=True)
    array = np.zeros((2**26 // (np.dtype(kind).itemsize * 1024) * 2, 32, 32, 1), kind)  # 128 MiB
    held: list[int] = []

    class Weigh(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            held.append(resident())

    model.fit(array[:8], batch_size=8, verbose=0)
    before = resident()
    tracemalloc.start()
    try:
        model.fit(array, batch_size=8, steps_per_epoch=2, verbose=0, callbacks=[Weigh()])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.25 * array.nbytes
    assert max(held) - before < 0.5 * array.nbytes
