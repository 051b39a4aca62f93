"""Lines about `compile`, `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tfgen.testing._bench import BATCH, ROWS, Bench, close, expect, optimizers, refuses, same, state_of, to_array
from tfgen.testing._lines import line

_STEPS = ROWS // BATCH


@line
def compile_without_arguments(bench: Bench) -> None:
    """`compile()` takes the paper's optimizers and builds their slots; before it, `fit` and `evaluate` say what is missing."""
    model = bench.build()
    for method in (model.fit, model.evaluate):
        expect(
            "compile" in refuses(lambda method=method: method(bench.x, bench.y), "an uncompiled model"),
            "the message must name `compile`",
        )
    model.compile()
    expect(model.compiled and model.built, "compile() must leave the model built and compiled")
    for name, optimizer in optimizers(model).items():
        expect(
            isinstance(optimizer, keras.optimizers.Optimizer) and optimizer.built, f"`{name}` must be a built Keras optimizer"
        )
    for name in optimizers(model):
        model.compile(**{name: keras.optimizers.SGD(0.25)})
        close(float(optimizers(model)[name].learning_rate), 0.25, 1e-7, f"compile({name}=...)")
    refuses(lambda: model.compile(loss="mse"), "a loss beside the model's own objective")


@line
def fit(bench: Bench) -> None:
    """`fit` on arrays trains: finite metrics for each epoch, counters that advance, weights that move and stay finite."""
    model = bench.fresh()
    history = bench.fit(model, 2)
    for name, values in history.history.items():
        expect(len(values) == 2 and np.isfinite(values).all(), f"metric `{name}` of two epochs is {values}")
    expect(history.history, "fit must report metrics")
    counters = [int(counter.numpy()) for counter in (model.step, model.epoch, model.batch)]
    expect(counters == [2 * _STEPS, 2, 0], f"step, epoch and batch are {counters} after two epochs")
    moved = 0
    for variable, before in zip(model.trainable_variables, bench.build().trainable_variables, strict=True):
        after, before = to_array(variable), to_array(before)
        expect(np.isfinite(after).all(), f"{variable.path} is not finite")
        moved += int(not np.array_equal(after, before))
    expect(moved > 0.5 * len(model.trainable_variables), f"only {moved} of {len(model.trainable_variables)} variables moved")


@line
def fit_from_datasets(bench: Bench) -> None:
    """A `tf.data.Dataset`, with labels or without, trains like the same arrays in the same order, to the last bit."""
    labels = bench.case.labels(ROWS)
    arrays = bench.after(lambda model: bench.fit(model, y=labels, shuffle=False))
    plain = {"y": None, "batch_size": None}
    same(bench.after(lambda model: bench.fit(model, x=bench.dataset(bench.x, labels), **plain)), arrays, "dataset with labels")
    if not bench.case.conditional:
        same(bench.after(lambda model: bench.fit(model, x=bench.dataset(bench.x), **plain)), arrays, "dataset without labels")
        same(bench.after(lambda model: bench.fit(model, shuffle=False)), arrays, "arrays without labels")


@line
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


@line
def evaluate(bench: Bench) -> None:
    """`evaluate` gives the objective's metrics, the same numbers each time, and changes nothing."""
    model = bench.trained()
    before = state_of(model)
    first, second = bench.evaluate(model), bench.evaluate(model)
    expect(first == second, f"two evaluations differ: {first} and {second}")
    expect(first and all(np.isfinite(value) for value in first.values()), f"metrics are {first}")
    dataset = bench.dataset(bench.x) if bench.y is None else bench.dataset(bench.x, bench.y)
    expect(bench.evaluate(model, x=dataset, y=None, batch_size=None) == first, "a dataset gives other numbers than its arrays")
    close(bench.evaluate(model, batch_size=5), first, 1e-5, "evaluation in other batches")
    values: Any = bench.evaluate(model, return_dict=False)
    as_list = np.ravel(values).tolist()
    expect(sorted(as_list) == sorted(first.values()), f"list and dict of metrics differ: {as_list} and {first}")
    same(state_of(model), before, "evaluate changed the model")


@line
def predict(bench: Bench) -> None:
    """`predict` returns one finite row for each row, whatever the batch size, labels or not, and changes nothing."""
    model = bench.trained()
    before = state_of(model)
    outputs = bench.predict(model)
    for values in keras.tree.flatten(outputs):
        expect(
            len(values) == ROWS and np.isfinite(values).all(), f"predict returned shape {values.shape}, or values not finite"
        )
    close(bench.predict(model, batch_size=5), outputs, 1e-4, "predict with another batch size")
    labelled = bench.dataset(bench.x, bench.case.labels(ROWS))
    close(model.predict(labelled, verbose=0), outputs, 1e-4, "predict on a dataset with labels")
    same(state_of(model), before, "predict changed the model")


@line
def observers(bench: Bench) -> None:
    """Validation, `evaluate`, `predict` and `sample` in the middle of training do not change training."""

    class Look(keras.callbacks.Callback):
        model: Any  # set by Keras before the first call; its own annotation is None

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                self.model.sample(2, seed=None, **bench.label(2))
                bench.predict(self.model, bench.x[:3])

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            bench.evaluate(self.model)

    validation = (bench.x[:5], bench.y[:5]) if bench.y is not None else bench.x[:5]
    watched = bench.after(lambda model: bench.fit(model, 2, validation_data=validation, callbacks=[Look()]))
    same(watched, bench.fitted(2), "training that was watched")


@line
def validation(bench: Bench) -> None:
    """`validation_data` and `validation_split` report the same numbers as `evaluate` on those rows."""
    cut = ROWS - BATCH
    y = (None, None) if bench.y is None else (bench.y[:cut], bench.y[cut:])
    tail = bench.x[cut:] if bench.y is None else (bench.x[cut:], y[1])
    model = bench.fresh()
    given = bench.fit(model, x=bench.x[:cut], y=y[0], validation_data=tail).history
    state, metrics = state_of(model), bench.evaluate(model, x=bench.x[cut:], y=y[1])
    model = bench.fresh()
    split = bench.fit(model, validation_split=BATCH / ROWS).history
    expect(split == given, f"validation_split gives {split}, validation_data {given}")
    same(state_of(model), state, "validation_split against validation_data")
    for name, value in metrics.items():
        close(given[f"val_{name}"][0], value, 1e-6, f"val_{name} against evaluate")
    dataset = bench.dataset(*(tail if isinstance(tail, tuple) else (tail,)))
    expect(
        bench.fit(bench.fresh(), x=bench.x[:cut], y=y[0], validation_data=dataset).history == given,
        "validation on a dataset differs",
    )


@line
def steps_per_epoch(bench: Bench) -> None:
    """`steps_per_epoch` shortens an epoch, is refused where the data is shorter, and is needed where the data never ends."""
    model = bench.fresh()
    bench.fit(model, 2, steps_per_epoch=2)
    expect([int(model.step.numpy()), int(model.epoch.numpy())] == [4, 2], "two epochs of two steps must take four steps")
    refuses(lambda: bench.fit(bench.fresh(), steps_per_epoch=_STEPS + 1), "more steps than batches")
    parts = (bench.x,) if bench.y is None else (bench.x, bench.y)
    endless = bench.dataset(*parts).repeat()
    plain = {"y": None, "batch_size": None}
    refuses(lambda: bench.fit(bench.fresh(), x=endless, **plain), "an endless dataset without `steps_per_epoch`")
    straight = bench.after(lambda model: bench.fit(model, 2, x=endless, steps_per_epoch=2, **plain))

    def in_two_calls(model: Any) -> None:
        for _ in range(2):
            bench.fit(model, 1, x=endless, steps_per_epoch=2, **plain)

    same(bench.after(in_two_calls), straight, "an endless dataset in two calls of fit")


@line
def steps_per_execution(bench: Bench) -> None:
    """Several steps an execution train like one."""
    model = bench.build()
    model.compile(steps_per_execution=_STEPS)
    bench.fit(model)
    close(list(state_of(model).values()), list(bench.fitted(1).values()), 1e-5, "steps_per_execution")


@line
def run_eagerly(bench: Bench) -> None:
    """`run_eagerly=True` trains like the graph."""
    model = bench.build()
    model.compile(run_eagerly=True)
    bench.fit(model, steps_per_epoch=1)
    graph = bench.after(lambda model: bench.fit(model, steps_per_epoch=1))
    close(list(state_of(model).values()), list(graph.values()), 1e-4, "run_eagerly")


@line
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


@line
def weights_of_rows(bench: Bench) -> None:
    """`sample_weight` and `class_weight` weigh: the step is linear in them, and so is the evaluated mean; or they are refused."""
    labels, weights = bench.case.labels(ROWS), np.linspace(0.0, 2.0, ROWS, dtype=np.float32)
    if not bench.model.accepts_sample_weight:
        for given in ({"sample_weight": weights}, {"class_weight": {0: 2.0}, "y": labels}):
            refuses(lambda given=given: bench.fit(bench.fresh(), **given), f"{sorted(given)}")
        weighted = bench.dataset(bench.x, labels, weights)
        refuses(lambda: bench.fit(bench.fresh(), x=weighted, y=None, batch_size=None), "a dataset with weights")
        return

    def change(**keywords: Any) -> np.ndarray:
        model = bench.plain()
        before = [to_array(v) for v in model.trainable_variables]
        given = {"y": None if "x" in keywords else labels, "batch_size": ROWS, "shuffle": False, **keywords}
        bench.fit(model, **given)
        after = [to_array(v) for v in model.trainable_variables]
        return np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)])

    one, other, full = (change(sample_weight=w) for w in (weights, 2.0 - weights, np.ones(ROWS, np.float32)))
    largest = float(np.abs(full).max())
    close((one + other) / largest, 2.0 * full / largest, 1e-3, "the step must be linear in `sample_weight`")
    expect(np.abs(one - full).max() > 1e-3 * largest, "`sample_weight` changes nothing")
    if labels.ndim == 1:
        by_class = np.where(labels == 0, 3.0, np.where(labels == 1, 0.5, 1.0)).astype(np.float32)
        classes, same_rows = change(class_weight={0: 3.0, 1: 0.5}), change(sample_weight=by_class)
        close(classes / largest, same_rows / largest, 1e-5, "`class_weight` against the same `sample_weight`")
    else:
        refuses(lambda: change(class_weight={0: 2.0}), "class_weight beside features")
    weighted = {"x": bench.dataset(bench.x, labels, weights, batch=ROWS), "batch_size": None}
    close(change(**weighted) / largest, one / largest, 1e-5, "a dataset with weights against arrays")
    wrong = {"too few": weights[1:], "NaN": weights * np.nan, "one column": weights[:, None]}
    for what, given in wrong.items():
        refuses(lambda given=given: bench.fit(bench.fresh(), sample_weight=given), f"sample_weight: {what}")
    refuses(lambda: bench.fit(bench.fresh(), y=None, class_weight={0: 2.0}), "class_weight without labels")
    _weighted_means(bench, weights)


def _weighted_means(bench: Bench, weights: np.ndarray) -> None:
    """Expects `evaluate` to give weighted means: those of w and 2 - w average to the plain one, as both sum to n."""
    model, labels = bench.trained(), bench.case.labels(ROWS)
    one, other, plain = (bench.evaluate(model, y=labels, sample_weight=w) for w in (weights, 2.0 - weights, None))
    for name, value in plain.items():
        close((one[name] + other[name]) / 2.0, value, 1e-4, f"weighted `{name}`")
    expect(any(abs(one[name] - value) > 1e-6 for name, value in plain.items()), "evaluate passes over `sample_weight`")
