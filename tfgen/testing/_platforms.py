"""Lines about number formats, several devices, other sizes and a user's own networks."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import keras
import numpy as np

from tfgen.testing._bench import BATCH, Bench
from tfgen.testing._checks import close, expect, refuses
from tfgen.testing._lines import line
from tfgen.testing._state import copies, same, set_state, set_weights, state_of, to_array
from tfgen.testing.devices import two_replicas

_RATE = 1e-3
_TINY = 2.0**-20  # weighs losses so that unscaled float16 gradients would vanish


@line("train_step", "test_step", hooks=True, layers="own")
def mixed_bfloat16(bench: Bench) -> None:
    """Under mixed_bfloat16 weights, metrics, samples and densities are float32 and near those of float32; training is finite."""
    model = bench.build(dtype="mixed_bfloat16")
    model.compile(run_eagerly=True)
    _half_precision(bench, model, 0.05)
    history = bench.fit(model, steps_per_epoch=1).history
    expect(all(np.isfinite(values).all() for values in history.values()), f"training gives {history}")


@line("train_step", "test_step", "compile", "game.penalty", hooks=True, layers="own")
def mixed_float16(bench: Bench) -> None:
    """Under mixed_float16 the same holds, and every optimizer scales its loss, so that tiny gradients are not lost."""
    model = bench.build(dtype="mixed_float16")
    model.compile(run_eagerly=True)
    for name, optimizer in model.optimizers.items():
        expect(isinstance(optimizer, keras.optimizers.LossScaleOptimizer), f"`{name}` is a plain {type(optimizer).__name__}")
    initial = copies(model.weights)
    _half_precision(bench, model, 0.02)
    for variable, value in zip(model.weights, initial, strict=True):
        variable.assign(value)
    model.compile(**bench.plain_optimizers(), run_eagerly=True)
    _scaled_steps(bench, model)


def _half_precision(bench: Bench, model: Any, tolerance: float) -> None:
    reference = bench.trained()
    set_weights(model, reference)
    for variable in model.trainable_variables:
        expect(keras.backend.standardize_dtype(variable.dtype) == "float32", f"{variable.path} is {variable.dtype}")
    for name, value in bench.show_eagerly(model).items():
        value = to_array(value)
        expect(value.dtype.kind != "f" or value.dtype == np.float32, f"`{name}` is {value.dtype}")
        expect(np.isfinite(value).all(), f"`{name}` is not finite")
    for values in keras.tree.flatten(bench.predict(model)):
        expect(values.dtype == np.float32, f"predict returned {values.dtype}")
    close(bench.evaluate(model), bench.evaluate(reference), tolerance, "metrics in half precision")
    for name in bench.densities():
        values, wanted = (to_array(bench.show_eagerly(each, bench.rows, name)[name]) for each in (model, reference))
        expect(values.dtype == np.float32, f"{name} is {values.dtype}")
        close(values, wanted, tolerance, f"{name} in half precision")


def _scaled_steps(bench: Bench, model: Any) -> None:
    """Expects a float16 step on tiny losses to be the float32 step, and an overflowing one to change nothing but the scale."""
    weighted = model.accepts_sample_weight
    weights = {"sample_weight": np.full(bench.rows, _TINY, np.float32), "y": bench.labels(bench.rows)} if weighted else {}
    rate = _RATE / (_TINY if weighted else 1.0)
    steps = [_first_step(bench, m, rate, weights) for m in (bench.plain(), model)]
    distance = float(np.linalg.norm(steps[1] - steps[0]) / np.linalg.norm(steps[0]))
    expect(distance < 0.2, f"a float16 step differs from the float32 step by {distance:.3g} of its length: is the loss scaled?")
    still = copies(model.trainable_variables)
    for optimizer in model.optimizers.values():
        optimizer.dynamic_scale.assign(2.0**120)
    bench.fit(model, steps_per_epoch=1, **weights)
    for name, optimizer in model.optimizers.items():
        expect(float(optimizer.dynamic_scale) < 2.0**120, f"the loss scale of `{name}` stays where gradients overflow")
    for variable, value in zip(model.trainable_variables, still, strict=True):
        close(variable, value, 0.0, f"{variable.path} after gradients overflowed")


def _first_step(bench: Bench, model: Any, rate: float, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Takes one step; where the first loss scale overflows, the same step again with the halved one."""
    for optimizer in model.optimizers.values():
        optimizer.learning_rate = rate
    before = copies(model.trainable_variables)
    for _ in range(20):
        for variable, value in zip(model.trainable_variables, before, strict=True):
            variable.assign(value)
        for counter in (model.step, model.epoch, model.batch):
            counter.assign(0)
        scales = [float(getattr(optimizer, "dynamic_scale", 1.0)) for optimizer in model.optimizers.values()]
        bench.fit(model, steps_per_epoch=1, **weights)
        if scales == [float(getattr(optimizer, "dynamic_scale", 1.0)) for optimizer in model.optimizers.values()]:
            break
    change = np.concatenate([(to_array(v) - value).ravel() for v, value in zip(model.trainable_variables, before, strict=True)])
    expect(np.isfinite(change).all() and change.any(), "an SGD step moves nothing, or all away")
    return change


@line(
    *(
        "fit",
        "evaluate",
        "predict",
        "train_step",
        "test_step",
        "training_seeds",
        "mean",
        "batches_per_step",
        "game.penalty.project",
    ),
    hooks=True,
    layers="stateful",
)
def replicas(bench: Bench) -> None:
    """Two replicas together give the loss and weights of one device at the same global batch; only training drops a short last batch."""
    model, reference = _mirrored(bench), bench.fresh()
    whole = bench.rows - BATCH * bench.model.batches_per_step
    part, full = ({"x": bench.x[:n], "y": None if bench.y is None else bench.y[:n]} for n in (whole + 1, whole))
    with contextlib.redirect_stdout(io.StringIO()) as written:  # the last batch has one row for two replicas
        two = bench.fit(model, 2, shuffle=False, **part).history
    one = bench.fit(reference, 2, shuffle=False, **full).history
    expect("drop" in written.getvalue(), "training must say that it drops the short last batch")
    expect(int(model.step.numpy()) == int(reference.step.numpy()), "training must drop the short last batch")
    for name, values in one.items():
        close(two[name], values, 1e-4, f"`{name}` of training on two replicas")
    close(copies(model.weights), copies(reference.weights), 1e-4, "weights after four steps")
    for name, optimizer in model.optimizers.items():  # gradients themselves: Adam's steps hide their scale
        ours, theirs = (copies(each.variables) for each in (optimizer, reference.optimizers[name]))
        close(ours, theirs, 1e-3, f"slots of `{name}` after four steps")
    model.save(bench.folder / "replicas.keras")
    loaded = keras.saving.load_model(bench.folder / "replicas.keras")
    same(state_of(loaded), state_of(model), "saved by replicas, loaded by one device")
    set_weights(model, reference)
    close(bench.show(model), bench.show(reference), 1e-5, "what is shown on replicas")
    close(bench.evaluate(model, **part), bench.evaluate(reference, **part), 1e-5, "evaluate with a short last batch")
    outputs = [bench.predict(m, part["x"]) for m in (model, reference)]
    close(outputs[0], outputs[1], 1e-4, "predict with a short last batch")
    refuses(lambda: bench.fit(model, batch_size=3), "batches that do not divide among the replicas")
    for setting in ({"jit_compile": True}, {"steps_per_execution": 2}):
        refuses(lambda setting=setting: model.compile(**setting), f"{setting} on replicas")
    clipping = {name: keras.optimizers.SGD(0.1, clipnorm=1.0) for name in model.optimizers}
    refuses(lambda: model.compile(**clipping), "clipping, which each replica would do for itself")


def _mirrored(bench: Bench) -> Any:
    """Builds the bench's model on two replicas, with the same initial weights."""
    initial = bench.initial
    with two_replicas().scope():
        model = bench.build()
        model.compile()
    set_state(model, initial)
    return model


@line(asked=lambda model, case: bool(case.sizes))
def sizes(bench: Bench) -> None:
    """The model takes data of other sizes: it trains, evaluates and shows what it computes."""
    for build in bench.case.sizes:
        keras.utils.set_random_seed(7)
        _works(bench, build())


@line(asked=lambda model, case: case.own_networks is not None)
def own_networks(bench: Bench) -> None:
    """A user's own Keras networks take the place of the defaults, in training, in what is shown and in files."""
    model = bench.case.own_networks()  # type: ignore[misc]
    shown = _works(bench, model)
    model.save(bench.folder / "own.keras")
    loaded: Any = keras.saving.load_model(bench.folder / "own.keras")
    same(state_of(loaded), state_of(model), "the loaded model")
    close(Bench(bench.case, loaded).show(loaded), shown, 1e-6, "what the loaded model shows")


def _works(bench: Bench, model: Any) -> dict[str, Any]:
    """Trains, evaluates and shows what it computes; two steps are worth no graph."""
    other = Bench(bench.case, model)
    model.compile(run_eagerly=True)
    held_out = other.pair(slice(BATCH))
    history = other.fit(
        model, steps_per_epoch=1, validation_data=held_out if len(held_out) > 1 else next(iter(held_out))
    ).history
    shape = tuple(model.event_shape)
    expect(all(np.isfinite(values).all() for values in history.values()), f"training on {shape} gives {history}")
    shown = other.show(model)
    for name, value in shown.items():
        expect(len(value) == 3 and np.isfinite(value).all(), f"`{name}` of {shape} has shape {value.shape}")
        expect(name != model.medium or value.shape[1:] == shape, f"examples of {shape} have shape {value.shape}")
    return shown
