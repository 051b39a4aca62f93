"""Lines about number formats, several devices, other sizes and a user's own networks."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import keras
import numpy as np

from tfgen.testing._bench import BATCH, ROWS, Bench, close, expect, optimizers, set_state, state_of, to_array
from tfgen.testing._lines import line
from tfgen.testing.devices import two_replicas

_RATE = 1e-3
_TINY = 2.0**-20  # weighs losses so that unscaled float16 gradients would vanish


@line
def mixed_bfloat16(bench: Bench) -> None:
    """Under mixed_bfloat16 weights, metrics, samples and densities are float32 and near those of float32."""
    model = bench.build(dtype="mixed_bfloat16")
    model.compile()
    _half_precision(bench, model, 0.05)


@line
def mixed_float16(bench: Bench) -> None:
    """Under mixed_float16 the same holds, and every optimizer scales its loss, so that tiny gradients are not lost."""
    model = bench.build(dtype="mixed_float16")
    model.compile()
    for name, optimizer in optimizers(model).items():
        expect(isinstance(optimizer, keras.optimizers.LossScaleOptimizer), f"`{name}` is a plain {type(optimizer).__name__}")
    _half_precision(bench, model, 0.02)
    _scaled_steps(bench)


def _half_precision(bench: Bench, model: Any, tolerance: float) -> None:
    set_weights(model, bench.trained())
    for variable in model.trainable_variables:
        expect(keras.backend.standardize_dtype(variable.dtype) == "float32", f"{variable.path} is {variable.dtype}")
    drawn = model.sample(2, seed=0, **bench.label(2))
    expect(drawn.dtype == np.float32 and np.isfinite(drawn).all(), f"samples are {drawn.dtype}")
    for values in keras.tree.flatten(model.predict(bench.x, verbose=0)):
        expect(values.dtype == np.float32, f"predict returned {values.dtype}")
    full, half = bench.evaluate(bench.trained()), bench.evaluate(model)
    close(list(half.values()), list(full.values()), tolerance, "metrics in half precision")
    for name in ("log_prob", "elbo") if getattr(model, "likelihood_kind", None) else ():
        if hasattr(model, name):
            seed = {} if name == "log_prob" else {"seed": 0}
            label = {} if bench.y is None else {"label": bench.y}
            values = getattr(model, name)(bench.x, **seed, **label)
            expect(values.dtype == np.float32, f"{name} returned {values.dtype}")
            close(values, getattr(bench.trained(), name)(bench.x, **seed, **label), tolerance, f"{name} in half precision")
    history = bench.fit(model).history
    expect(all(np.isfinite(values).all() for values in history.values()), f"training gives {history}")


def set_weights(model: Any, source: Any) -> None:
    """Copies all weights and counters, by place, from a model built alike."""
    for variable, value in zip(model.weights, source.weights, strict=True):
        variable.assign(to_array(value))


def _scaled_steps(bench: Bench) -> None:
    """Expects a float16 step on tiny losses to be the float32 step, and an overflowing one to change nothing but the scale."""
    steps = []
    for dtype in ("float32", "mixed_float16"):
        model = bench.build(dtype=dtype)
        weighted = model.accepts_sample_weight
        model.compile(**{name: keras.optimizers.SGD(_RATE / (_TINY if weighted else 1.0)) for name in optimizers(bench.model)})
        weights = {"sample_weight": np.full(ROWS, _TINY, np.float32)} if weighted else {}
        steps.append(_first_step(bench, model, weights))
    distance = float(np.linalg.norm(steps[1] - steps[0]) / np.linalg.norm(steps[0]))
    expect(distance < 0.2, f"a float16 step differs from the float32 step by {distance:.3g} of its length: is the loss scaled?")
    still = [to_array(v) for v in model.trainable_variables]
    for optimizer in optimizers(model).values():
        optimizer.dynamic_scale.assign(2.0**120)
    bench.fit(model, steps_per_epoch=1, **weights)
    for name, optimizer in optimizers(model).items():
        expect(float(optimizer.dynamic_scale) < 2.0**120, f"the loss scale of `{name}` stays where gradients overflow")
    for variable, value in zip(model.trainable_variables, still, strict=True):
        close(variable, value, 0.0, f"{variable.path} after gradients overflowed")


def _first_step(bench: Bench, model: Any, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Takes one step; where the first loss scale overflows, the same step again with the halved one."""
    before = [to_array(v) for v in model.trainable_variables]
    for _ in range(20):
        for variable, value in zip(model.trainable_variables, before, strict=True):
            variable.assign(value)
        for counter in (model.step, model.epoch, model.batch):
            counter.assign(0)
        scales = [float(getattr(optimizer, "dynamic_scale", 1.0)) for optimizer in optimizers(model).values()]
        bench.fit(model, steps_per_epoch=1, **weights)
        if scales == [float(getattr(optimizer, "dynamic_scale", 1.0)) for optimizer in optimizers(model).values()]:
            break
    change = np.concatenate([(to_array(v) - value).ravel() for v, value in zip(model.trainable_variables, before, strict=True)])
    expect(np.isfinite(change).all() and change.any(), "an SGD step moves nothing, or all away")
    return change


@line
def replicas(bench: Bench) -> None:
    """Two replicas together give the loss and weights of one device at the same global batch, and no row is dropped by `evaluate`."""
    model = _mirrored(bench)
    reference = bench.fresh()
    one, two = (bench.fit(m, 2).history for m in (reference, model))  # six steps
    for name, values in one.items():
        close(two[name], values, 1e-4, f"`{name}` of training on two replicas")
    expect(int(model.step.numpy()) == int(reference.step.numpy()), "steps differ")
    close(_trained(model), _trained(reference), 1e-4, "weights after training on two replicas")
    set_weights(model, reference)
    close(model.sample(3, seed=0, **bench.label(3)), reference.sample(3, seed=0, **bench.label(3)), 1e-5, "samples")
    _no_row_dropped(bench, model, reference)


def _trained(model: Any) -> list[np.ndarray]:
    return [to_array(v) for v in model.weights]


def _mirrored(bench: Bench) -> Any:
    """Builds the bench's model on two replicas, with the same initial weights."""
    initial = bench.initial
    with two_replicas().scope():
        model = bench.build()
        model.compile()
    set_state(model, initial)
    return model


def _no_row_dropped(bench: Bench, model: Any, reference: Any) -> None:
    """Expects a short last batch to be dropped in training, with a message, and counted everywhere else."""
    rows = ROWS - 3  # 4 + 4 + 1: the last batch has one row for two replicas
    part = {"x": bench.x[:rows], "y": None if bench.y is None else bench.y[:rows]}
    close(bench.evaluate(model, **part), bench.evaluate(reference, **part), 1e-5, "evaluate with a short last batch")
    outputs = [m.predict(part["x"], batch_size=BATCH, verbose=0) for m in (model, reference)]
    close(outputs[0], outputs[1], 1e-4, "predict with a short last batch")
    step = int(model.step.numpy())
    with contextlib.redirect_stdout(io.StringIO()) as written:
        bench.fit(model, **part)
    expect(int(model.step.numpy()) == step + rows // BATCH, "training must drop the short last batch")
    expect("drop" in written.getvalue(), "training must say that it drops the short last batch")


@line
def sizes(bench: Bench) -> None:
    """The model takes data of other sizes: it trains, evaluates, samples and goes through a file."""
    for number, build in enumerate(bench.case.sizes):
        keras.utils.set_random_seed(7)
        _works(bench, build(), f"size-{number}")


@line
def own_networks(bench: Bench) -> None:
    """A user's own Keras networks take the place of the defaults, in training, sampling and files."""
    _works(bench, bench.case.own_networks(), "own")  # type: ignore[misc]


def _works(bench: Bench, model: Any, name: str) -> None:
    x, y = bench.case.examples(model.event_shape, BATCH), bench.case.labels(BATCH) if bench.case.num_classes else None
    model.compile()
    history = model.fit(x, y, batch_size=BATCH, verbose=0).history
    shape = tuple(model.event_shape)
    expect(all(np.isfinite(values).all() for values in history.values()), f"training on {shape} gives {history}")
    model.save(bench.folder / f"{name}.keras")
    loaded = keras.saving.load_model(bench.folder / f"{name}.keras")
    close(list(state_of(loaded).values()), list(state_of(model).values()), 0.0, f"the loaded model of {shape}")
    drawn = [m.sample(2, seed=0, **bench.label(2)) for m in (model, loaded)]
    expect(drawn[0].shape == (2, *shape), f"samples of {shape} have shape {drawn[0].shape}")
    close(drawn[1], drawn[0], 1e-6, f"samples of the loaded model of {shape}")
