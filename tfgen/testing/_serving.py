"""Lines about what a model computes for its users and for a server: operations, signatures, tensors in and out."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.testing._bench import Bench
from tfgen.testing._checks import close, expect
from tfgen.testing._lines import line

_STEP = 2.0**-6  # of a finite difference in float32


@line()
def signatures(bench: Bench) -> None:
    """What is served has named inputs of a free batch, and gives as many rows as it is given; metadata is JSON."""
    model = bench.trained()
    found = model.operations()
    for name, signature in model.signatures().items():
        for spec in signature.inputs:
            expect(spec.name and spec.shape.rank >= 1 and spec.shape[0] is None, f"{name}: {spec} must have a free batch first")
        twin = f"{name}_with_controls"  # of the same function, with further inputs: one graph shows both
        if twin in found and found[twin].function == found[name].function:
            name = twin
        for rows in (3, 1):
            for key, value in model.run(name, _arrays(bench, name, rows)).items():
                expect(len(value) == rows, f"{name}: output `{key}` has {len(value)} rows for {rows}")
    json.dumps(model.export_metadata())


def _arrays(bench: Bench, name: str, rows: int) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in bench.inputs(name, rows).items()}


@line("signatures", "operations", "run", "take_condition", "condition", "__class__")
def served(bench: Bench) -> None:
    """A server's graph of any batch size computes what Python computes from the same rows."""
    model = bench.trained()
    for name, signature in model.signatures().items():
        specs = {spec.name: spec for spec in signature.inputs}
        function = tf.function(signature.function, autograph=False).get_concrete_function(**specs)
        for rows in (3, 1):
            inputs = bench.inputs(name, rows)
            outputs, wanted = function(**inputs), model.run(name, _arrays(bench, name, rows))
            expect({*outputs} == {*wanted}, f"{name}: outputs are {sorted(outputs)}, in Python {sorted(wanted)}")
            close(dict(sorted(outputs.items())), dict(sorted(wanted.items())), 1e-5, f"signature `{name}`")


@line("checked", "grid", "value_range", "take_condition", "take_controls", "condition", "operations", "signatures", hooks=True)
def served_checks(bench: Bench) -> None:
    """A server's graph refuses what Python refuses: examples, masks, latents, seeds, conditions and controls, rows without a partner."""
    model = bench.model
    for name, signature in model.signatures().items():
        inputs = bench.inputs(name, 3)
        for key, value in inputs.items():
            for what, wrong in _illegal(model, key, value).items():
                given = {**inputs, key: tf.constant(wrong, value.dtype)}
                _fails(lambda s=signature, i=given: s.function(**i), f"{name} with `{key}`: {what}")
            if len(inputs) > 1:
                given = {**inputs, key: value[:1]}
                _fails(lambda s=signature, i=given: s.function(**i), f"{name} with one row of `{key}` for three of the others")


def _illegal(model: Any, key: str, value: tf.Tensor) -> dict[str, np.ndarray]:
    """Lists what Python refuses in place of a legal input."""
    array, condition = value.numpy(), model.condition
    if key == model.medium:
        low, high = model.value_range
        step = 0.5 * (high - low) / ((getattr(model, "grid", None) or 2) - 1)
        wrong = {"255 times as much": array * 255.0, "below the range": array - 0.5 * (high - low)}
        wrong |= {"between the levels": np.where(array < (low + high) / 2, array + step, array - step)}
        wrong |= {f"{number}": _with(array, number) for number in (np.nan, np.inf, -np.inf)}
        return {what: x for what, x in wrong.items() if _is_refused(model, x)}
    if key == "seed":
        return {f"{seed}": _with(array, seed) for seed in (-1, random.MAX_SEED + 1)}
    if condition is not None and key == condition.name and value.dtype.is_integer:
        return {f"{number}": _with(array, number) for number in (10**6, -(10**6))}
    legal = {*([0.0, -1.0] if key in type(model).sampling_controls else [-1.0] if key == "observed" else [])}
    numbers = [*sorted(legal), np.nan, np.inf] if value.dtype.is_floating else []
    return {f"{number}": _with(array, number) for number in numbers}


def _with(array: np.ndarray, number: float) -> np.ndarray:
    """Puts a number into the middle row."""
    changed = array.copy()
    changed[1].flat[0] = number
    return changed if changed.ndim > 1 else np.where(np.arange(len(array)) == 1, number, array).astype(array.dtype)


def _is_refused(model: Any, x: np.ndarray) -> bool:
    try:
        model.check_examples(x)
    except ValueError:
        return True
    return False


def _fails(function: Callable[[], Any], what: str) -> None:
    try:
        function()
    except tf.errors.InvalidArgumentError as error:
        expect("Expected" in error.message, f"{what}: the error must say what is expected: {error.message[:300]}")
        return
    expect(False, f"{what}: expected an error inside the graph, but there was none")


@line("operations", "run", "example_inputs", "condition", hooks=True, asked=lambda model, case: bool(_methods(model)))
def tensors(bench: Bench) -> None:
    """Methods answer arrays by arrays and tensors by tensors, alike, also inside a `tf.function`; gradients flow through tensors."""
    model = bench.trained()
    for name in _methods(model):
        operation, method = model.operations()[name], getattr(model, name)
        inputs = bench.inputs(name, 3)
        x, rest = inputs.pop(str(operation.inputs[0].name)), {key: value.numpy() for key, value in inputs.items()}
        plain = tf.nest.flatten(method(x.numpy(), **rest))
        expect(all(isinstance(value, np.ndarray) for value in plain), f"{name} of an array returned {type(plain[0])}")
        given = tf.nest.flatten(method(x, **rest))
        expect(all(tf.is_tensor(value) for value in given), f"{name} of a tensor returned {type(given[0])}")
        close([value.numpy() for value in given], plain, 1e-5, f"{name} of a tensor")
        gradient, outputs = _slope(lambda x, method=method, rest=rest: method(x, **rest), x)
        close(outputs, [value for value in plain if value.dtype.kind == "f"], 1e-5, f"{name} inside a graph")
        if not _rounds(model):  # a function with steps has no slopes to measure
            _follows(lambda x, method=method, rest=rest: method(x, **rest), x, gradient, f"the gradient of {name}")


def _methods(model: Any) -> list[str]:
    """Names the operations that are public methods of examples or latents too, and take tensors."""
    found = model.operations()
    takes_numbers = [name for name, operation in found.items() if operation.inputs[0].dtype.is_floating]
    methods = {name: getattr(model, name, None) for name in takes_numbers if name != "complete"}
    return [name for name, method in methods.items() if inspect.ismethod(method)]


def _total(outputs: Any) -> tf.Tensor:
    """Adds up what is differentiable of outputs, one number a row, each entry with a weight of its own."""
    flat = [tf.reshape(value, (value.shape[0], -1)) for value in tf.nest.flatten(outputs) if value.dtype.is_floating]
    values = tf.concat(flat, 1)
    return tf.reduce_mean(values * (1.0 + tf.range(values.shape[1], dtype=tf.float32) / values.shape[1]), 1)


def _slope(function: Callable[[tf.Tensor], Any], x: tf.Tensor) -> tuple[tf.Tensor, list[np.ndarray]]:
    """Takes the gradient of a method inside a `tf.function`, with what it returned."""

    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = function(x)
            total = tf.reduce_sum(_total(outputs))
        gradient = tape.gradient(total, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradient, [value for value in tf.nest.flatten(outputs) if value.dtype.is_floating]

    gradient, outputs = run(x)
    return gradient, [value.numpy() for value in outputs]


def _rounds(model: Any) -> bool:
    """Whether the model's likelihood rounds what it is given: waveforms to their levels, images before noise is added."""
    likelihood = getattr(model, "likelihood", None)
    return likelihood is not None and (likelihood.dequantised or likelihood.value_range != (0.0, 1.0))


def _follows(function: Callable[[tf.Tensor], Any], x: tf.Tensor, gradient: tf.Tensor, what: str) -> None:
    """Expects a gradient to say how outputs change along a direction, in the middle of the rows at least: some have kinks."""
    expect(np.isfinite(gradient.numpy()).all(), f"{what} is not finite")
    signs = np.sign(np.random.default_rng(3).normal(size=x.numpy().shape))
    direction = tf.constant(signs, x.dtype)
    told, found = tf.reduce_sum(gradient * direction, list(range(1, x.shape.rank))).numpy(), []
    for step in (_STEP, _STEP / 4):  # the smaller one where the larger crosses a kink
        up, down = (_total(function(x + sign * step * direction)).numpy() for sign in (1.0, -1.0))
        measured = (up - down) / (2 * step)
        scale = np.abs(measured).max() + np.abs(up).max() * 1e-4
        found.append((float(np.median(np.abs(measured - told)) / scale), measured))
    error, measured = min(found, key=lambda pair: pair[0])
    expect(error < 0.1, f"{what}: along a direction it is {told}, measured {measured}")


@line("fit", "evaluate", "predict", "run", "operations", "sample", "train_step", "condition")
def no_retracing(bench: Bench) -> None:
    """A second call with the same shapes, of anything, computes and does not trace again."""
    model = bench.trained()

    def use() -> None:
        bench.show(model)
        if hasattr(model, "sample"):
            model.sample(3, seed=1, **bench.given(3))
        for name in bench.densities():
            getattr(model, name)(bench.x, **bench.given(bench.rows))
        bench.fit(model)
        bench.evaluate(model)
        bench.predict(model)

    def functions() -> dict[str, Any]:
        return {**model.functions, **{name: getattr(model, f"{name}_function") for name in ("train", "test", "predict")}}

    def traces() -> dict[str, int]:
        counted = {name: getattr(f, "experimental_get_tracing_count", None) for name, f in functions().items()}
        return {name: count() for name, count in counted.items() if count is not None}

    use()
    made, before = functions(), traces()
    use()
    expect(traces() == before, f"traced again: {before}, then {traces()}")
    again = [name for name, function in functions().items() if made.get(name) is not function]
    expect(not again, f"made again, and so traced again: {again}")
