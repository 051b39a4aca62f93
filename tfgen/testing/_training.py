"""Lines about `compile`, `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy as np

from tfgen.testing._bench import BATCH, STEPS, Bench
from tfgen.testing._checks import close, expect, refuses
from tfgen.testing._jobs import Interrupt
from tfgen.testing._lines import line
from tfgen.testing._state import copies, same, state_of


@line("compile", "default_optimizer", "optimizers", "fit", "evaluate")
def compile_without_arguments(bench: Bench) -> None:
    """`compile()` takes the paper's optimizers and builds their slots; before it, `fit` and `evaluate` say what is missing."""
    model = bench.build()
    for method in (model.fit, model.evaluate):
        text = refuses(lambda method=method: method(bench.x, bench.y), "an uncompiled model")
        expect("compile" in text, f"the message must name `compile`: {text}")
    model.compile()
    expect(model.compiled and model.built, "compile() must leave the model built and compiled")
    for name, optimizer in model.optimizers.items():
        built = isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built
        expect(built, f"`{name}` must be a built Keras optimizer")
    for name in model.optimizers:
        model.compile(**{name: keras.optimizers.SGD(0.25)})
        close(float(model.optimizers[name].learning_rate), 0.25, 1e-7, f"compile({name}=...)")
    refuses(lambda: model.compile(loss="mse"), "a loss beside the model's own objective")


@line()
def fit(bench: Bench) -> None:
    """`fit` on arrays trains: finite metrics for each epoch, counters that advance, weights that move and stay finite."""
    before = copies(bench.fresh().trainable_variables)
    history, model = bench.history(2), bench.trained()
    for name, values in history.items():
        expect(len(values) == 2 and np.isfinite(values).all(), f"metric `{name}` of two epochs is {values}")
    expect(history, "fit must report metrics")
    counters = [int(counter.numpy()) for counter in (model.step, model.epoch, model.batch)]
    expect(counters == [2 * STEPS, 2, 0], f"step, epoch and batch are {counters} after two epochs")
    after = copies(model.trainable_variables)
    for variable, value in zip(model.trainable_variables, after, strict=True):
        expect(np.isfinite(value).all(), f"{variable.path} is not finite")
    moved = sum(not np.array_equal(a, b) for a, b in zip(after, before, strict=True))
    expect(moved > 0.5 * len(after), f"only {moved} of {len(after)} variables moved")


class _Numbered(keras.utils.PyDataset):
    """Batches of arrays, by number."""

    def __init__(self, *parts: np.ndarray) -> None:
        super().__init__()
        self.parts = parts

    def __len__(self) -> int:
        return len(self.parts[0]) // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return tuple(part[index * BATCH : (index + 1) * BATCH] for part in self.parts)


@line("fit", "check_data", "train_step", "target", "batches_per_step", "accepts_sample_weight")
def fit_from_datasets(bench: Bench) -> None:
    """A `tf.data.Dataset`, with labels or without, and a `PyDataset` train like the same arrays in the same order, to the last bit."""
    labels = bench.labels(bench.rows)
    arrays = bench.after(lambda model: bench.fit(model, y=labels, shuffle=False))
    plain = {"y": None, "batch_size": None}
    same(bench.after(lambda model: bench.fit(model, x=bench.dataset(bench.x, labels), **plain)), arrays, "dataset with labels")
    numbered = _Numbered(bench.x, labels)
    same(bench.after(lambda model: bench.fit(model, x=numbered, shuffle=False, **plain)), arrays, "PyDataset")
    if bench.y is None:
        same(bench.after(lambda model: bench.fit(model, x=bench.dataset(bench.x), **plain)), arrays, "dataset without labels")
        same(bench.after(lambda model: bench.fit(model, shuffle=False)), arrays, "arrays without labels")


@line("fit", "train_step", "training_seeds", "batches_per_step")
def order_of_data(bench: Bench) -> None:
    """Arrays are shuffled by (seed, epoch), whatever Keras's global seed: the same seed gives the same training, to the last bit."""
    in_order = bench.after(lambda model: bench.fit(model, shuffle=False))
    keras.utils.set_random_seed(99)
    again = bench.after(lambda model: bench.fit(model))
    same(again, bench.fitted(1), "training under another global seed")
    names = [name for name in in_order if not name.startswith("seed generator")]
    moved = any(in_order[name].tobytes() != again[name].tobytes() for name in names)
    expect(moved, "`shuffle=True` gives the same training as `shuffle=False`")

    def same_epoch_twice(model: Any) -> None:
        bench.fit(model)
        model.epoch.assign(0)
        bench.fit(model)
        model.epoch.assign_add(1)

    other = bench.after(same_epoch_twice)
    expect(any(other[name].tobytes() != bench.fitted(2)[name].tobytes() for name in names), "two epochs have the same order")


@line()
def evaluate(bench: Bench) -> None:
    """`evaluate` gives the objective's metrics, the same numbers each time, and changes nothing."""
    model = bench.trained()
    before = state_of(model)
    first, second = bench.evaluate(model), bench.evaluate(model)
    expect(first == second, f"two evaluations differ: {first} and {second}")
    expect(first and all(np.isfinite(value) for value in first.values()), f"metrics are {first}")
    dataset = bench.dataset(*bench.pair())
    expect(bench.evaluate(model, x=dataset, y=None, batch_size=None) == first, "a dataset gives other numbers than its arrays")
    close(bench.evaluate(model, batch_size=5), first, 1e-5, "evaluation in other batches")
    values: Any = bench.evaluate(model, return_dict=False)
    as_list = np.ravel(values).tolist()
    expect(sorted(as_list) == sorted(first.values()), f"list and dict of metrics differ: {as_list} and {first}")
    same(state_of(model), before, "evaluate changed the model")


@line()
def predict(bench: Bench) -> None:
    """`predict` returns one finite row for each row, whatever the batch size, labels or not, and changes nothing."""
    model = bench.trained()
    before = state_of(model)
    outputs = bench.predict(model)
    for values in keras.tree.flatten(outputs):
        right = len(values) == bench.rows and np.isfinite(values).all()
        expect(right, f"predict returned shape {values.shape}, or values not finite")
    close(bench.predict(model, batch_size=5), outputs, 1e-4, "predict with another batch size")
    labelled = bench.dataset(bench.x, bench.labels(bench.rows))
    close(model.predict(labelled, verbose=0), outputs, 1e-4, "predict on a dataset with labels")
    same(state_of(model), before, "predict changed the model")


@line(hooks=True, layers="stateful")
def observers(bench: Bench) -> None:
    """Validation, `evaluate`, `predict` and what else a model computes in the middle of training do not change training."""

    class Look(keras.callbacks.Callback):
        model: Any  # set by Keras before the first call; its own annotation is None

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                bench.show(self.model, 2)
                bench.predict(self.model, bench.x[:3])

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            bench.evaluate(self.model)

    held_out = bench.pair(slice(5))
    validation = held_out if len(held_out) > 1 else next(iter(held_out))
    watched = bench.after(lambda model: bench.fit(model, 2, validation_data=validation, callbacks=[Look()]))
    same(watched, bench.fitted(2), "training that was watched")


@line("fit", "evaluate", "test_step", "target")
def validation(bench: Bench) -> None:
    """`validation_data` and `validation_split` report the same numbers as `evaluate` on those rows."""
    cut = bench.rows - BATCH
    head, tail = ((*bench.pair(rows), None)[:2] for rows in (slice(cut), slice(cut, None)))
    held_out = tail if tail[1] is not None else tail[0]
    model = bench.fresh()
    given = bench.fit(model, x=head[0], y=head[1], validation_data=held_out).history
    state, metrics = state_of(model), bench.evaluate(model, x=tail[0], y=tail[1])
    model = bench.fresh()
    split = bench.fit(model, validation_split=BATCH / bench.rows).history
    expect(split == given, f"validation_split gives {split}, validation_data {given}")
    same(state_of(model), state, "validation_split against validation_data")
    for name, value in metrics.items():
        close(given[f"val_{name}"][0], value, 1e-6, f"val_{name} against evaluate")
    dataset = bench.dataset(*bench.pair(slice(cut, None)))
    again = bench.fit(bench.fresh(), x=head[0], y=head[1], validation_data=dataset).history
    expect(again == given, "validation on a dataset differs")


@line("fit", "train_step", "batches_per_step")
def steps_per_epoch(bench: Bench) -> None:
    """`steps_per_epoch` shortens an epoch, is refused where the data is shorter, and is needed where the data never ends."""
    model = bench.fresh()
    bench.fit(model, 2, steps_per_epoch=2)
    expect([int(model.step.numpy()), int(model.epoch.numpy())] == [4, 2], "two epochs of two steps must take four steps")
    refuses(lambda: bench.fit(bench.fresh(), steps_per_epoch=STEPS + 1), "more steps than batches")
    endless = bench.dataset(*bench.pair()).repeat()
    plain = {"y": None, "batch_size": None}
    refuses(lambda: bench.fit(bench.fresh(), x=endless, **plain), "an endless dataset without `steps_per_epoch`")
    straight = bench.after(lambda model: bench.fit(model, 2, x=endless, steps_per_epoch=2, **plain))

    def in_two_calls(model: Any) -> None:
        for _ in range(2):
            bench.fit(model, 1, x=endless, steps_per_epoch=2, **plain)

    same(bench.after(in_two_calls), straight, "an endless dataset in two calls of fit")


@line("fit", "train_step", "batches_per_step", "save_own_variables", "load_own_variables")
def stopped_run(bench: Bench) -> None:
    """A run stopped inside an epoch does not touch the next data set, which begins at its beginning; the same data goes on where it
    stood, from a file too, and its epoch reports all steps."""

    def stop() -> None:
        raise _Stopped

    def stopped() -> Any:
        model = bench.fresh()
        with contextlib.suppress(_Stopped):
            bench.fit(model, callbacks=[Interrupt(STEPS - 1, stop)])
        expect(int(model.batch.numpy()) == STEPS - 1, "a stopped run must know how many steps of its epoch are done")
        return model

    model = stopped()
    model.save(bench.folder / "stopped.keras")
    history = bench.fit(model).history
    same(state_of(model), bench.fitted(1), "a stopped run that goes on")
    expect(history == bench.history(1), f"the epoch that goes on reports {history}, a whole one {bench.history(1)}")
    parts = [part[::-1] for part in bench.pair()]
    model = stopped()
    bench.fit(model, **dict(zip("xy", parts, strict=False)))
    taken = int(model.step.numpy()) - (STEPS - 1)
    expect(taken == STEPS, f"after a stopped run, other data of {STEPS} steps trains {taken}")
    loaded: Any = keras.saving.load_model(bench.folder / "stopped.keras")
    expect(loaded.place == stopped().place, "a file of a stopped run must say of which data")


class _Stopped(Exception):
    """What ends a training inside an epoch."""


@line("fit", "compile", "train_step", "take_step")
def steps_per_execution(bench: Bench) -> None:
    """Several steps an execution train like one."""
    model = bench.build()
    model.compile(steps_per_execution=STEPS)
    bench.fit(model)
    close(list(state_of(model).values()), list(bench.fitted(1).values()), 1e-5, "steps_per_execution")


@line("compile", "train_step", hooks=True)
def run_eagerly(bench: Bench) -> None:
    """`run_eagerly=True` trains like the graph."""
    model = bench.build()
    model.compile(run_eagerly=True)
    bench.fit(model, steps_per_epoch=1)
    graph = bench.after(lambda model: bench.fit(model, steps_per_epoch=1))
    close(list(state_of(model).values()), list(graph.values()), 1e-4, "run_eagerly")


@line("compile", "train_step", "posterior", "game.penalty", hooks=True, layers="own")
def jit_compile(bench: Bench) -> None:
    """`jit_compile=True` trains like the graph, or is refused in one sentence."""
    model = bench.build()
    try:
        model.compile(jit_compile=True)
    except (TypeError, ValueError) as error:
        expect("jit_compile" in str(error), f"the refusal must name `jit_compile`: {error}")
        return
    bench.fit(model, steps_per_epoch=1)
    graph = bench.after(lambda model: bench.fit(model, steps_per_epoch=1))
    close(list(state_of(model).values()), list(graph.values()), 1e-3, "jit_compile")
