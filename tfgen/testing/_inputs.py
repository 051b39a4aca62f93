"""Lines about stock callbacks and bad input."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfgen.testing._bench import BATCH, ROWS, Bench, close, expect, optimizers, refuses, same, set_state, state_of, to_array
from tfgen.testing._lines import line


@line
def stock_callbacks(bench: Bench) -> None:
    """EarlyStopping, ModelCheckpoint, TensorBoard and the two that set the learning rate, of every optimizer, work in one `fit`."""
    model, monitor = bench.fresh(), next(iter(bench.evaluate(bench.fresh())))
    rates = {name: float(optimizer.learning_rate) for name, optimizer in optimizers(model).items()}
    callbacks = [
        keras.callbacks.EarlyStopping(monitor, mode="min", min_delta=1e9, patience=1, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(str(bench.folder / "epoch-{epoch}.keras")),
        keras.callbacks.TensorBoard(str(bench.folder / "logs"), write_graph=False),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        keras.callbacks.ReduceLROnPlateau(monitor, mode="min", min_delta=1e9, patience=1, factor=0.1, min_lr=0.0),
        keras.callbacks.CSVLogger(str(bench.folder / "log.csv")),
    ]
    history = bench.fit(model, 5, callbacks=callbacks).history
    expect(len(history[monitor]) == 2, f"EarlyStopping stopped after {len(history[monitor])} epochs, expected 2")
    for name, optimizer in optimizers(model).items():
        close(float(optimizer.learning_rate) / rates[name], 1 / 40, 1e-5, f"learning rate of `{name}`, relative to its start")
    first: Any = keras.saving.load_model(bench.folder / "epoch-1.keras")
    best = [to_array(v) for v in first.trainable_variables]
    close([to_array(v) for v in model.trainable_variables], best, 0.0, "EarlyStopping's best weights")
    expect(list((bench.folder / "logs").rglob("events.out.*")), "TensorBoard wrote nothing")


@line
def terminate_on_nan(bench: Bench) -> None:
    """TerminateOnNaN stops a training that has gone wrong at once."""
    model = bench.fresh()
    set_state(model, {k: v * np.nan if v.dtype.kind == "f" and v.ndim else v for k, v in state_of(model).items()})
    bench.fit(model, 5, callbacks=[keras.callbacks.TerminateOnNaN()])
    expect(int(model.step.numpy()) <= 1, f"training went on for {int(model.step.numpy())} steps")


def _spoilt(x: np.ndarray) -> dict[str, Any]:
    """Lists what users hand over by mistake."""
    holed = x.copy()
    holed[1].flat[0] = np.nan
    return {
        "values in 0..255": np.round(x * 255.0),
        "bytes in 0..255": np.round(x * 255.0).astype(np.uint8) // 2 + 100,
        "negative values": x - 0.5,
        "NaN": holed,
        "infinity": np.where(np.isnan(holed), np.inf, holed),
        "a missing last axis": x[..., 0],
        "one example without a batch": x[0],
        "another size": np.concatenate([x, x], axis=1),
        "other channels": np.concatenate([x, x], axis=-1),
        "flat rows": x.reshape(len(x), -1)[:, :-1],
        "no example": x[:0],
        "strings": np.full(x.shape, "a"),
        "complex numbers": x.astype(np.complex64),
        "an empty list": [],
        "nothing": None,
    }


@line
def bad_input(bench: Bench) -> None:
    """Wrong range, shape or dtype, NaN, and no data are refused in a clear sentence before anything is computed."""
    model = bench.fresh()
    before = state_of(model)
    methods = {"fit": lambda x: bench.fit(model, x=x), "evaluate": lambda x: bench.evaluate(model, x=x)}
    labels = bench.label(ROWS)
    methods["predict"] = lambda x: model.predict(x, verbose=0, y=bench.y)
    methods |= {name: lambda x, name=name: getattr(model, name)(x, **labels) for name in bench.densities()}
    for what, x in _spoilt(bench.x).items():
        for name, method in methods.items():
            if what == "another size" and name in bench.densities() and bench.x.ndim == 3:
                continue  # a waveform of any length has its log-probability
            text = refuses(lambda method=method, x=x: method(x), f"{name} on {what}")
            expect("eceived" in text, f"{name} on {what}: the message must say what was received: {text}")
    for what in ("values in 0..255", "NaN", "another size", "other channels", "no example"):
        x = _spoilt(bench.x)[what]
        dataset = bench.dataset(x) if bench.y is None else bench.dataset(x, bench.y[: len(x)])
        for name in ("fit", "evaluate"):
            call = getattr(model, name)
            refuses(lambda call=call, dataset=dataset: call(dataset, verbose=0), f"{name} on a dataset with {what}")
    refuses(
        lambda: bench.fit(model, validation_data=bench.x * 255.0 if bench.y is None else (bench.x * 255.0, bench.y)),
        "validation data in 0..255",
    )
    refuses(lambda: bench.fit(model, validation_split=1.5), "validation_split=1.5")
    refuses(lambda: bench.fit(model, batch_size=0), "batch_size=0")
    same(state_of(model), before, "refused input changed the model")


@line
def bad_labels(bench: Bench) -> None:
    """Conditional models refuse labels out of range, of a wrong dtype or number, and none at all; others pass labels over."""
    model, x = bench.fresh(), bench.x[:BATCH]
    if not bench.case.conditional:
        bench.fit(model, x=x, y=np.full(BATCH, 10**6))
        refuses(lambda: bench.fit(model, x=x, y=np.zeros(BATCH + 1)), "more labels than rows")
        return
    wrong = _wrong_labels(bench)
    for what, y in wrong.items():
        given = dict.fromkeys(bench.label(BATCH), y)
        refuses(lambda y=y: bench.fit(model, x=x, y=y), f"fit with labels: {what}")
        refuses(lambda y=y: bench.evaluate(model, x=x, y=y), f"evaluate with labels: {what}")
        refuses(lambda y=y: model.predict(x, verbose=0, y=y), f"predict with labels: {what}")
        refuses(lambda given=given: model.sample(BATCH, seed=0, **given), f"sample with labels: {what}")
        for name in bench.densities():
            refuses(lambda given=given, name=name: getattr(model, name)(x, **given), f"{name} with labels: {what}")
    for what, parts in {"wrong labels": (x, next(iter(wrong.values()))), "no labels": (x,)}.items():
        dataset = bench.dataset(*parts)
        for method in (model.fit, model.evaluate, model.predict):
            refuses(lambda method=method, dataset=dataset: method(dataset, verbose=0), f"a dataset with {what}")


def _wrong_labels(bench: Bench) -> dict[str, Any]:
    """Lists labels, or features, that a conditional model cannot take."""
    if bench.case.conditions is not None:
        features = bench.case.labels(BATCH)
        return {
            "a feature too few": features[..., :-1],
            "NaN": features * np.nan,
            "more rows than there are": bench.case.labels(BATCH + 1),
            "strings": np.full(features.shape, "a"),
            "none": None,
        }
    return {
        "a class too many": np.full(BATCH, bench.case.num_classes),
        "a negative class": np.full(BATCH, -1),
        "fractions": np.full(BATCH, 0.5),
        "more labels than rows": np.zeros(BATCH + 1, np.int64),
        "strings": np.full(BATCH, "a"),
        "none": None,
    }
