"""Lines about Keras's own callbacks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfgen.testing._bench import Bench
from tfgen.testing._checks import close, expect
from tfgen.testing._lines import line
from tfgen.testing._state import copies, set_state, state_of


@line("fit", "evaluate", "compile", "train_step", "take_step", "end_epoch", "save_own_variables", "compile_from_config")
def stock_callbacks(bench: Bench) -> None:
    """EarlyStopping, ModelCheckpoint, TensorBoard and the two that set the learning rate, of every optimizer, work in one `fit`."""
    model, monitor = bench.fresh(), next(iter(bench.evaluate(bench.fresh())))
    rates = {name: float(optimizer.learning_rate) for name, optimizer in model.optimizers.items()}
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
    for name, optimizer in model.optimizers.items():
        close(float(optimizer.learning_rate) / rates[name], 1 / 40, 1e-5, f"learning rate of `{name}`, relative to its start")
    first: Any = keras.saving.load_model(bench.folder / "epoch-1.keras")
    close(copies(model.trainable_variables), copies(first.trainable_variables), 0.0, "EarlyStopping's best weights")
    expect(list((bench.folder / "logs").rglob("events.out.*")), "TensorBoard wrote nothing")


@line("fit", "train_step", "take_step", "per_example")
def terminate_on_nan(bench: Bench) -> None:
    """TerminateOnNaN stops a training that has gone wrong at once."""
    model = bench.fresh()
    set_state(model, {k: v * np.nan if v.dtype.kind == "f" and v.ndim else v for k, v in state_of(model).items()})
    bench.fit(model, 5, callbacks=[keras.callbacks.TerminateOnNaN()])
    expect(int(model.step.numpy()) <= 1, f"training went on for {int(model.step.numpy())} steps")
