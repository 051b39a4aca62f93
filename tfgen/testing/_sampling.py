"""Lines about seeds, samples, their controls, likelihoods and what a server calls."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.testing._bench import BATCH, ROWS, Bench, close, expect, refuses, same, state_of
from tfgen.testing._lines import line

_SEED = 11


@line
def samples(bench: Bench) -> None:
    """`sample(n, seed=)` gives float32 (n, *event_shape), finite, in the data's range and on its grid, and changes nothing."""
    model = bench.trained()
    before = state_of(model)
    for n in (5, 1, 0):
        drawn = model.sample(n, seed=_SEED, **bench.label(n))
        expect(isinstance(drawn, np.ndarray) and drawn.dtype == np.float32, f"sample returned {type(drawn)}")
        expect(drawn.shape == (n, *model.event_shape), f"sample({n}) has shape {drawn.shape}")
        expect(np.isfinite(drawn).all() and _inside(drawn, model.value_range), f"samples leave {model.value_range}")
    same(state_of(model), before, "sample changed the model")


def _inside(drawn: np.ndarray, value_range: tuple[float, float]) -> bool:
    return bool((drawn >= value_range[0]).all() and (drawn <= value_range[1]).all())


@line
def seeds(bench: Bench) -> None:
    """A row depends on its own seed alone: not on n, on the batch, on its place, nor on any global seed."""
    model = bench.trained()
    drawn = model.sample(6, seed=_SEED, **bench.label(6))
    row_seeds = random.row_seeds(_SEED, 6)

    def rows(which: list[int], **keywords: Any) -> np.ndarray:
        label = {name: values[which] for name, values in bench.label(6).items()}
        return model.sample(seed=row_seeds[which], **label, **keywords)

    keras.utils.set_random_seed(3)
    close(rows([0, 1, 2, 3, 4, 5]), drawn, 0.0, "the list `row_seeds(seed, n)` against `seed`")
    close(rows([3]), drawn[[3]], 1e-5, "a row alone")
    close(rows([5, 3, 3]), drawn[[5, 3, 3]], 1e-5, "rows in another order")
    close(rows([0, 1, 2, 3, 4, 5], batch_size=4), drawn, 1e-5, "another batch size")
    expect(len({row.tobytes() for row in drawn}) == 6, "different seeds draw the same example")
    one, two = (model.sample(2, seed=None, **bench.label(2)) for _ in range(2))
    expect(one.tobytes() != two.tobytes(), "`seed=None` must draw a fresh seed")


@line
def seeds_eager_and_compiled(bench: Bench) -> None:
    """A row seed draws the same example in a graph, eagerly and under XLA."""
    model, row_seeds = bench.trained(), random.row_seeds(_SEED, 3)
    drawn, signature = model.sample(seed=row_seeds, **bench.label(3)), model.signatures()["sample"]
    inputs = {"seed": tf.constant(row_seeds), **{name: tf.constant(value) for name, value in bench.label(3).items()}}
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("CRITICAL")  # eager loops drop arrays that TensorFlow would like to see used
    try:
        eager = signature.function(**inputs)[model.output_name]
    finally:
        logger.setLevel(level)
    close(eager, drawn, 1e-5, "drawn eagerly")
    compiled = tf.function(signature.function, jit_compile=True, autograph=False)
    close(compiled(**inputs)[model.output_name], drawn, 1e-5, "drawn under XLA")


@line
def bad_seeds(bench: Bench) -> None:
    """Seeds that contradict n, are no integers, or leave open how many rows, are refused in one sentence."""
    model = bench.model
    for arguments in ({"n": 3, "seed": [1, 2]}, {"seed": 0}, {"n": -1}, {"n": 2, "seed": 1.5}, {"seed": [0.5]}, {"seed": [-1]}):
        label = bench.label(max(arguments.get("n", 1), 0)) if set(arguments) != {"seed"} or arguments["seed"] else {}
        refuses(lambda arguments=arguments, label=label: model.sample(**arguments, **label), f"sample({arguments})")
    refuses(lambda: model.sample(2, seed=0, batch_size=0, **bench.label(2)), "sample(batch_size=0)")


@line
def controls(bench: Bench) -> None:
    """Each sampling control takes one value or one per row, changes what is drawn, and refuses what makes no sense."""
    model = bench.trained()
    plain = model.sample(4, seed=_SEED, **bench.label(4))
    for name in ("temperature", "truncation", "label"):
        if name not in model.sampling_controls:
            text = refuses(
                lambda name=name: model.sample(4, seed=_SEED, **{**bench.label(4), name: 1 if name == "label" else 0.5}),
                f"unknown control {name}",
            )
            expect(name in text, f"the refusal must name `{name}`: {text}")
            continue
        wrong = [-1, 10**6, 0.5] if name == "label" else [0.0, -1.0, float("nan"), float("inf"), "low", [0.5, 0.5]]
        for value in wrong:
            refuses(
                lambda name=name, value=value: model.sample(4, seed=_SEED, **{**bench.label(4), name: value}), f"{name}={value}"
            )
    if "label" in model.sampling_controls:
        _labelled(bench, model)
    if bench.case.conditions is not None:
        _conditioned(bench, model)
    for name in set(model.sampling_controls) - {"label"}:
        values = np.array([0.01, 0.05, 0.5, 2.0], np.float32)  # far apart: an untrained model hardly heeds small changes
        drawn = model.sample(4, seed=_SEED, **{name: values}, **bench.label(4))
        alone = model.sample(4, seed=_SEED, **{name: 0.05}, **bench.label(4))
        close(drawn[1], alone[1], 1e-5, f"one `{name}` per row against one for all")
        expect(np.abs(drawn - plain).max() > 1e-6, f"`{name}` changes nothing")
    if "temperature" in model.sampling_controls:
        close(model.sample(4, seed=_SEED, temperature=1.0, **bench.label(4)), plain, 1e-6, "temperature 1 against none")


def _labelled(bench: Bench, model: Any) -> None:
    """Expects a row to follow its own label and seed alone, and different labels to say different things."""
    seeds = random.row_seeds(_SEED, 8)
    each = [model.sample(seed=seeds, label=label) for label in (0, 1)]
    mixed = model.sample(seed=seeds, label=np.arange(8) % 2)
    close(mixed, np.stack([each[i % 2][i] for i in range(8)]), 1e-5, "labels in turn against one for all")
    for name in bench.densities():  # which heed what discrete draws of a hardly trained model do not show
        seed = {} if name == "log_prob" else {"seed": 0}
        each = [getattr(model, name)(bench.x, label=label, **seed) for label in (0, 1)]
    expect(np.abs(each[0] - each[1]).max() > 1e-6, "the label changes nothing")
    text = refuses(lambda: model.sample(4, seed=_SEED), "sample without labels")
    expect("label" in text, f"the refusal must name `label`: {text}")


def _conditioned(bench: Bench, model: Any) -> None:
    """Expects densities to follow features row by row, and none to be drawn without them."""
    given, changed = bench.label(ROWS), {name: values.copy() for name, values in bench.label(ROWS).items()}
    for values in changed.values():
        values[1] += 1.0
    for name in bench.densities():
        seed = {} if name == "log_prob" else {"seed": 0}
        difference = getattr(model, name)(bench.x, **changed, **seed) - getattr(model, name)(bench.x, **given, **seed)
        moved = np.flatnonzero(np.abs(difference) > 1e-6).tolist()
        expect(moved == [1], f"{name}: other features in row 1 change rows {moved}")
    text = refuses(lambda: model.sample(4, seed=_SEED), "sample without features")
    expect(any(name in text for name in given), f"the refusal must name what is missing, {list(given)}: {text}")


@line
def completion(bench: Bench) -> None:
    """`complete` and `interpolate`, where the model has them, keep what they are given and depend on seeds as samples do."""
    model = bench.trained()
    if hasattr(model, "complete"):
        images = bench.x[:3]
        mask = np.zeros(images.shape, bool)
        mask[:, : images.shape[1] // 2] = True
        spoilt = np.where(mask, images, np.nan).astype(np.float32)
        label = bench.label(3)
        drawn = model.complete(spoilt, mask, seed=[4, 5, 6], **label)
        expect(drawn.dtype == np.float32 and drawn.shape == images.shape, f"complete returned {drawn.dtype} {drawn.shape}")
        close(drawn[mask], images[mask], 0.0, "observed values")
        second = {name: values[1:2] for name, values in label.items()}
        close(model.complete(spoilt[1:2], mask[1:2], seed=[5], **second), drawn[1:2], 1e-5, "a completed row alone")
        nothing = model.complete(images, np.zeros_like(mask), seed=[4, 5, 6], **label)
        close(nothing, model.sample(seed=[4, 5, 6], **label), 0.0, "nothing observed")
        close(model.complete(images, True, seed=0, **label), images, 0.0, "everything observed")
    if hasattr(model, "interpolate"):
        _interpolation(bench, model)


def _interpolation(bench: Bench, model: Any) -> None:
    """Expects a path that starts and ends at its ends: images where the model encodes them, else row seeds."""
    if hasattr(model, "encode"):
        ends, wanted = bench.x[:2], model.reconstruct(bench.x[:2])
    else:
        ends, wanted = np.array([4, 5]), model.sample(seed=[4, 5])
    path = model.interpolate(ends[:1], ends[1:], 5)
    expect(
        path.dtype == np.float32 and path.shape == (1, 5, *model.event_shape), f"interpolate returned {path.dtype} {path.shape}"
    )
    close(path[0, [0, -1]], wanted, 1e-5, "the ends of an interpolation")
    refuses(lambda: model.interpolate(ends[:1], ends[1:], 1), "interpolate with one step")


@line
def likelihood(bench: Bench) -> None:
    """`log_prob`, `elbo` and `log_prob_bound`, where they exist, are float32 nats, one per row, each from its row and seed alone."""
    model, kind = bench.trained(), getattr(bench.model, "likelihood_kind", None)
    expect(kind in ("exact", "bound", None), f"`likelihood_kind` must be 'exact', 'bound' or None, not {kind!r}")
    label = bench.label(ROWS)
    for name in bench.densities():
        method = getattr(model, name)
        seeded = {"seed": np.arange(ROWS)} if "seed" in inspect.signature(method).parameters else {}
        expect(bool(seeded) == (kind == "bound"), f"{name} must take `seed` just when it is random")
        values = method(bench.x, **seeded, **label)
        expect(values.dtype == np.float32 and values.shape == (ROWS,), f"{name} returned {values.dtype} {values.shape}")
        expect(np.isfinite(values).all(), f"{name} is not finite")
        some = {key: value[2:5] for key, value in {**seeded, **label}.items()}
        close(method(bench.x[2:5], **some), values[2:5], 1e-5, f"{name} of some rows")
        if seeded:
            other = method(bench.x, **{**seeded, "seed": np.arange(ROWS) + 50}, **label)
            expect(np.abs(other - values).max() > 0, f"{name} does not depend on `seed`")
            close(
                method(bench.x, seed=3, **label),
                method(bench.x, seed=random.row_seeds(3, ROWS), **label),
                0.0,
                f"{name} with one seed",
            )
    if kind == "exact":
        metrics = bench.evaluate(model)
        close(-float(np.mean(model.log_prob(bench.x, **label))), metrics["nll"], 1e-5, "log_prob against the metric `nll`")
        bits = metrics["nll"] / np.log(2.0) / np.prod(model.event_shape)
        close(metrics["bits_per_dim"], bits, 1e-5, "bits_per_dim against nll")


@line
def signatures(bench: Bench) -> None:
    """Every serving signature traces with any batch size; `sample` draws what `model.sample` draws for the same row seeds."""
    model = bench.trained()
    found = model.signatures()
    expect("sample" in found, "signatures() must offer `sample`")
    for name, signature in found.items():
        specs = {spec.name: spec for spec in signature.inputs}
        for spec in specs.values():
            expect(spec.shape.rank >= 1 and spec.shape[0] is None, f"{name}: input `{spec.name}` must have a free batch first")
        function = tf.function(signature.function, autograph=False).get_concrete_function(**specs)
        for rows in (3, 1):
            outputs = function(**{key: _input(bench, spec, rows) for key, spec in specs.items()})
            for key, value in outputs.items():
                expect(value.shape[0] == rows, f"{name}: output `{key}` has {value.shape[0]} rows for {rows}")
            if name == "sample":
                drawn = model.sample(seed=np.arange(rows), **bench.label(rows))
                close(outputs[model.output_name], drawn, 1e-5, "signature `sample`")
            if name == "log_prob":
                close(outputs["log_prob"], model.log_prob(bench.x[:rows], **bench.label(rows)), 1e-5, "signature `log_prob`")
    import json

    json.dumps(model.export_metadata())


def _input(bench: Bench, spec: tf.TensorSpec, rows: int) -> tf.Tensor:
    """Makes a legal value of a signature's input."""
    if spec.name == "seed":
        return tf.range(rows, dtype=spec.dtype)
    if spec.name in bench.label(rows):
        return tf.constant(bench.case.labels(rows), spec.dtype)
    if tuple(spec.shape[1:]) == tuple(bench.model.event_shape):
        return tf.constant(bench.x[:rows], spec.dtype)
    return tf.fill([rows, *spec.shape[1:]], tf.constant(0.5, spec.dtype))


@line
def no_retracing(bench: Bench) -> None:
    """A second call with the same shapes, of anything, computes and does not trace again."""
    model = bench.trained()
    label = bench.label(ROWS)

    def use() -> None:
        model.sample(BATCH, seed=1, **bench.label(BATCH))
        for name in bench.densities():
            getattr(model, name)(bench.x, **label)
        bench.fit(model)
        bench.evaluate(model)
        bench.predict(model)

    def functions() -> dict[str, Any]:
        return {
            **model._compiled_functions,
            **{name: getattr(model, f"{name}_function") for name in ("train", "test", "predict")},
        }

    def traces() -> dict[str, int]:
        counted = {name: getattr(f, "experimental_get_tracing_count", None) for name, f in functions().items()}
        return {name: count() for name, count in counted.items() if count is not None}

    use()
    made, before = functions(), traces()
    use()
    expect(traces() == before, f"traced again: {before}, then {traces()}")
    again = [name for name, function in functions().items() if made.get(name) is not function]
    expect(not again, f"made again, and so traced again: {again}")
