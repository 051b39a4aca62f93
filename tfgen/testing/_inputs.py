"""Lines about what users hand over by mistake."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfgen.testing._bench import BATCH, Bench
from tfgen.testing._checks import expect, refuses
from tfgen.testing._lines import line
from tfgen.testing._state import same, state_of

_MANY = 1000  # rows, among which there is every class


def _spoilt(x: np.ndarray, low: float, high: float) -> dict[str, Any]:
    """Lists examples that no model takes; x lies in [low, high]."""
    holed, unit = x.copy(), (x - low) / (high - low)
    holed[1].flat[0] = np.nan
    return {
        "values in 0..255": np.round(unit * 255.0),
        "bytes in 0..255": np.round(unit * 255.0).astype(np.uint8) // 2 + 100,
        "values below the range": x - 0.5 * (high - low),
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


@line()
def bad_input(bench: Bench) -> None:
    """Wrong range, shape or dtype, NaN, and no data are refused in a clear sentence before anything is computed."""
    model = bench.fresh()
    before, given = state_of(model), bench.given(bench.rows)
    methods = {"fit": lambda x: bench.fit(model, x=x), "evaluate": lambda x: bench.evaluate(model, x=x)}
    methods["predict"] = lambda x: model.predict(x, verbose=0, y=bench.y)
    methods |= {name: lambda x, name=name: getattr(model, name)(x, **given) for name in bench.densities()}
    for what, x in _spoilt(bench.x, *model.value_range).items():
        for name, method in methods.items():
            if what == "another size" and name in bench.densities() and model.extent is not None:
                continue  # a waveform of any length has its log-probability
            text = refuses(lambda method=method, x=x: method(x), f"{name} on {what}")
            expect("eceived" in text, f"{name} on {what}: the message must say what was received: {text}")
    same(state_of(model), before, "refused input changed the model")


@line("fit", "evaluate", "check_data", "target")
def bad_datasets(bench: Bench) -> None:
    """The same mistakes in a data set, in validation data and in the arguments of `fit` are refused in a clear sentence, too."""
    model = bench.fresh()
    before, spoilt = state_of(model), _spoilt(bench.x, *model.value_range)
    for what in ("values in 0..255", "NaN", "another size", "other channels", "no example"):
        x = spoilt[what]
        dataset = bench.dataset(x) if bench.y is None else bench.dataset(x, bench.y[: len(x)])
        for call in (model.fit, model.evaluate):
            refuses(lambda call=call, dataset=dataset: call(dataset, verbose=0), f"{call.__name__} on a dataset with {what}")
    wrong = spoilt["values in 0..255"]
    held_out = wrong if bench.y is None else (wrong, bench.y)
    for arguments in ({"validation_data": held_out}, {"validation_split": 1.5}, {"batch_size": 0}):
        refuses(lambda arguments=arguments: bench.fit(model, **arguments), f"fit with a wrong {next(iter(arguments))}")
    same(state_of(model), before, "refused input changed the model")


@line("fit", "check_data", "target", asked=lambda model, case: model.target is None)
def superfluous_labels(bench: Bench) -> None:
    """A model that is trained without labels passes over those that it is given, if there is one for each row."""
    model, x = bench.fresh(), bench.x[: BATCH * bench.model.batches_per_step]
    bench.fit(model, x=x, y=np.full(len(x), 10**6))
    refuses(lambda: bench.fit(model, x=x, y=np.zeros(len(x) + 1)), "more labels than rows")


@line("fit", "evaluate", "predict", "check_data", "target", asked=lambda model, case: model.target is not None)
def bad_targets(bench: Bench) -> None:
    """What `fit` needs as `y` is refused if it is out of range, of a wrong dtype or number, or missing."""
    model, x = bench.fresh(), bench.x[:BATCH]
    wrong = _wrong_rows(bench.targets(BATCH), bench.targets(_MANY))
    methods = {"fit": lambda y: bench.fit(model, x=x, y=y), "evaluate": lambda y: bench.evaluate(model, x=x, y=y)}
    parts = {"wrong targets": (x, next(iter(wrong.values()))), "no targets": (x,)}
    calls = [model.fit, model.evaluate]
    if model.called_on is model.target:  # else a prediction needs none
        methods["predict"] = lambda y: model.predict(x, verbose=0, y=y)
        calls.append(model.predict)
    for what, y in wrong.items():
        for name, method in methods.items():
            refuses(lambda method=method, y=y: method(y), f"{name} with targets: {what}")
    for what, given in parts.items():
        dataset = bench.dataset(*given)
        for call in calls:
            refuses(lambda call=call, dataset=dataset: call(dataset, verbose=0), f"{call.__name__}: a dataset with {what}")


@line("sample", "run", "condition_rows", "condition", asked=lambda model, case: model.condition is not None)
def bad_conditions(bench: Bench) -> None:
    """What a model is conditional on is refused if it is out of range, of a wrong dtype or number, or missing."""
    model, x = bench.fresh(), bench.x[:BATCH]
    for name, rows in bench.given(BATCH).items():
        for what, value in _wrong_rows(rows, bench.given(_MANY)[name]).items():
            if "sample" in model.operations():
                text = refuses(lambda value=value, name=name: model.sample(BATCH, seed=0, **{name: value}), f"sample: {what}")
                expect(name in text, f"the refusal must name `{name}`: {text}")
            for method in bench.densities():
                call = getattr(model, method)
                refuses(lambda call=call, value=value, name=name: call(x, **{name: value}), f"{method} with {name}: {what}")


def _wrong_rows(rows: Any, many: Any) -> dict[str, Any]:
    """Lists rows that cannot be used, made of right ones: whole numbers are classes, of which many rows show all."""
    strings, more = np.full(rows.shape, "a"), np.concatenate([rows, rows[:1]])
    if rows.dtype.kind == "f":
        return {"a feature too few": rows[..., :-1], "NaN": rows * np.nan, "too many": more, "strings": strings, "none": None}
    return {
        "a class too many": np.full(rows.shape, many.max() + 1),
        "a negative class": np.full(rows.shape, many.min() - 2),  # -1 may stand for a class that nobody knows
        "fractions": np.full(rows.shape, 0.5),
        "too many": more,
        "strings": strings,
        "none": None,
    }
