"""Lines about samples: seeds, controls, what they are conditional on, completion and walks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.testing._bench import Bench
from tfgen.testing._checks import close, expect, refuses
from tfgen.testing._lines import line
from tfgen.testing._state import same, state_of
from tfgen.testing.case import Case

_SEED = 11


def _samples(model: Any, case: Case) -> bool:
    return hasattr(model, "sample")


@line(asked=_samples)
def samples(bench: Bench) -> None:
    """`sample(n, seed=)` gives float32 (n, *event_shape), finite, in the data's range and on its grid, and changes nothing."""
    model = bench.trained()
    before = state_of(model)
    low, high = model.value_range
    for n in (5, 1, 0):
        drawn = model.sample(n, seed=_SEED, **bench.given(n))
        expect(isinstance(drawn, np.ndarray) and drawn.dtype == np.float32, f"sample returned {type(drawn)}")
        expect(drawn.shape == (n, *model.event_shape), f"sample({n}) has shape {drawn.shape}")
        expect(np.isfinite(drawn).all() and (drawn >= low).all() and (drawn <= high).all(), f"samples leave [{low}, {high}]")
    same(state_of(model), before, "sample changed the model")


@line(asked=_samples)
def seeds(bench: Bench) -> None:
    """A row depends on its own seed alone: not on n, on the batch, on its place, nor on any global seed."""
    model = bench.trained()
    drawn = model.sample(6, seed=_SEED, **bench.given(6))
    row_seeds = random.row_seeds(_SEED, 6)

    def rows(which: list[int], **keywords: Any) -> np.ndarray:
        given = {name: values[which] for name, values in bench.given(6).items()}
        return model.sample(seed=row_seeds[which], **given, **keywords)

    keras.utils.set_random_seed(3)
    close(rows([0, 1, 2, 3, 4, 5]), drawn, 0.0, "the list `row_seeds(seed, n)` against `seed`")
    close(rows([3]), drawn[[3]], 1e-5, "a row alone")
    close(rows([5, 3, 3]), drawn[[5, 3, 3]], 1e-5, "rows in another order")
    close(rows([0, 1, 2, 3, 4, 5], batch_size=4), drawn, 1e-5, "another batch size")
    expect(len({row.tobytes() for row in drawn}) == 6, "different seeds draw the same example")
    # of many rows: some models draw the same example from many latents
    one, two = (model.sample(6, seed=None, **bench.given(6)) for _ in range(2))
    expect(one.tobytes() != two.tobytes(), "`seed=None` must draw a fresh seed")


@line("operations", hooks=True, layers="own", asked=_samples)
def seeds_eager_and_compiled(bench: Bench) -> None:
    """A row seed draws the same example in a graph, eagerly and under XLA."""
    model = bench.trained()
    drawn = bench.show(model)[model.medium]
    close(bench.show_eagerly(model)[model.medium], drawn, 1e-5, "drawn eagerly")
    compiled = tf.function(model.signatures()["sample"].function, jit_compile=True, autograph=False)
    close(compiled(**bench.inputs("sample", len(drawn)))[model.medium], drawn, 1e-5, "drawn under XLA")


@line(asked=_samples)
def bad_seeds(bench: Bench) -> None:
    """Seeds that contradict n, are no integers, or leave open how many rows, are refused in one sentence."""
    model = bench.model
    for arguments in ({"n": 3, "seed": [1, 2]}, {"seed": 0}, {"n": -1}, {"n": 2, "seed": 1.5}, {"seed": [0.5]}, {"seed": [-1]}):
        given = bench.given(max(arguments.get("n", 1), 0)) if set(arguments) != {"seed"} or arguments["seed"] else {}
        refuses(lambda arguments=arguments, given=given: model.sample(**arguments, **given), f"sample({arguments})")
    refuses(lambda: model.sample(2, seed=0, batch_size=0, **bench.given(2)), "sample(batch_size=0)")


@line(asked=_samples)
def controls(bench: Bench) -> None:
    """Each sampling control takes one value or one per row, changes what is drawn, and refuses what makes no sense."""
    model, given = bench.trained(), bench.given(4)
    own = set(type(model).sampling_controls)
    plain = model.sample(4, seed=_SEED, **given)
    for name in sorted({"temperature", "truncation"} - own):
        text = refuses(lambda name=name: model.sample(4, seed=_SEED, **given, **{name: 0.5}), f"unknown control {name}")
        expect(name in text, f"the refusal must name `{name}`: {text}")
    for name in sorted(own):
        for value in (0.0, -1.0, float("nan"), float("inf"), "low", [0.5, 0.5]):
            wrong = {**given, name: value}
            refuses(lambda wrong=wrong: model.sample(4, seed=_SEED, **wrong), f"{name}={value}")
        values = np.array([0.01, 0.05, 0.5, 2.0], np.float32)  # far apart: an untrained model hardly heeds small changes
        drawn = model.sample(4, seed=_SEED, **{name: values}, **given)
        alone = model.sample(4, seed=_SEED, **{name: 0.05}, **given)
        close(drawn[1], alone[1], 1e-5, f"one `{name}` per row against one for all")
        expect(np.abs(drawn - plain).max() > 1e-6, f"`{name}` changes nothing")
    if "temperature" in own:
        close(model.sample(4, seed=_SEED, temperature=1.0, **given), plain, 1e-6, "temperature 1 against none")


@line(asked=lambda model, case: model.condition is None and _samples(model, case))
def no_conditions(bench: Bench) -> None:
    """A model that is not conditional refuses labels and features in a sentence that names them."""
    model = bench.model
    methods = {"sample": lambda **given: model.sample(4, seed=_SEED, **given)}
    methods |= {name: lambda name=name, **given: getattr(model, name)(bench.x[:4], **given) for name in bench.densities()}
    for name in ("label", "features"):
        for method, call in methods.items():
            text = refuses(lambda call=call, name=name: call(**{name: 1}), f"{method} with {name}")
            expect(name in text, f"the refusal must name `{name}`: {text}")


@line(asked=lambda model, case: model.condition is not None and _samples(model, case))
def conditions(bench: Bench) -> None:
    """A row follows its own condition and seed alone, and different conditions say different things."""
    model, rows = bench.trained(), 8
    row_seeds, ((name, given),) = random.row_seeds(_SEED, rows), bench.given(rows).items()
    drawn = model.sample(seed=row_seeds, **{name: given})
    order = [3, 0, 5, 1]
    close(model.sample(seed=row_seeds[order], **{name: given[order]}), drawn[order], 1e-5, f"rows of `{name}` in another order")
    if np.ndim(given) == 1:
        one = model.sample(seed=row_seeds, **{name: given[0]})
        alike = np.flatnonzero(given == given[0])
        close(drawn[alike], one[alike], 1e-5, f"one `{name}` each against one for all")
    changed = given.copy()
    changed[1] = given[1] + 1.0 if given.dtype.kind == "f" else given[given != given[1]][0]
    for method, seed in bench.densities().items():  # which heed what discrete draws of a hardly trained model do not show
        x = bench.x[:rows]
        before, after = (getattr(model, method)(x, **{name: value}, **seed) for value in (given, changed))
        moved = np.flatnonzero(np.abs(after - before) > 1e-6).tolist()
        expect(moved == [1], f"{method}: another `{name}` in row 1 changes rows {moved}")
    if not bench.densities():
        after = model.sample(seed=row_seeds, **{name: changed})
        moved = [i for i in range(rows) if np.abs(after[i] - drawn[i]).max() > 1e-6]
        expect(moved == [1], f"sample: another `{name}` in row 1 changes rows {moved}")


@line(asked=lambda model, case: hasattr(model, "complete"))
def completion(bench: Bench) -> None:
    """`complete` keeps what it is given, and depends on seeds as samples do."""
    model, images, given = bench.trained(), bench.x[:3], bench.given(3)
    mask = np.zeros(images.shape, bool)
    mask[:, : images.shape[1] // 2] = True
    spoilt = np.where(mask, images, np.nan).astype(np.float32)
    drawn = model.complete(spoilt, mask, seed=[4, 5, 6], **given)
    expect(drawn.dtype == np.float32 and drawn.shape == images.shape, f"complete returned {drawn.dtype} {drawn.shape}")
    close(drawn[mask], images[mask], 0.0, "observed values")
    second = {name: values[1:2] for name, values in given.items()}
    close(model.complete(spoilt[1:2], mask[1:2], seed=[5], **second), drawn[1:2], 1e-5, "a completed row alone")
    nothing = model.complete(images, np.zeros_like(mask), seed=[4, 5, 6], **given)
    close(nothing, model.sample(seed=[4, 5, 6], **given), 0.0, "nothing observed")
    close(model.complete(images, True, seed=0, **given), images, 0.0, "everything observed")


@line(asked=lambda model, case: hasattr(model, "interpolate"))
def interpolation(bench: Bench) -> None:
    """`interpolate` walks from one end to the other: examples where the model encodes them, else row seeds."""
    model = bench.trained()
    given = {name: np.repeat(rows, 2, axis=0) for name, rows in bench.given(1).items()}
    one = bench.given(1)
    if hasattr(model, "encode"):
        ends, wanted = bench.x[:2], model.reconstruct(bench.x[:2], **given)
    else:
        ends, wanted = np.array([4, 5]), model.sample(seed=[4, 5], **given)
    path = model.interpolate(ends[:1], ends[1:], 5, **one)
    right = path.dtype == np.float32 and path.shape == (1, 5, *model.event_shape)
    expect(right, f"interpolate returned {path.dtype} {path.shape}")
    close(path[0, [0, -1]], wanted, 1e-5, "the ends of an interpolation")
    refuses(lambda: model.interpolate(ends[:1], ends[1:], 1, **one), "interpolate with one step")


@line(asked=lambda model, case: bool({"log_prob", "elbo", "log_prob_bound"} & {*model.operations()}))
def likelihood(bench: Bench) -> None:
    """`log_prob`, `elbo` and `log_prob_bound`, where they exist, are float32 nats, one per row, each from its row and seed alone."""
    model, kind, n = bench.trained(), bench.model.likelihood_kind, bench.rows
    expect(kind in ("exact", "bound"), f"`likelihood_kind` must be 'exact' or 'bound', not {kind!r}")
    given = bench.given(n)
    for name, random_seed in bench.densities().items():
        expect(bool(random_seed) == (kind == "bound"), f"{name} must take `seed` just when it is random")
        method = getattr(model, name)
        seeded = {"seed": np.arange(n)} if random_seed else {}
        values = method(bench.x, **seeded, **given)
        expect(values.dtype == np.float32 and values.shape == (n,), f"{name} returned {values.dtype} {values.shape}")
        expect(np.isfinite(values).all(), f"{name} is not finite")
        some = {key: value[2:5] for key, value in {**seeded, **given}.items()}
        close(method(bench.x[2:5], **some), values[2:5], 1e-5, f"{name} of some rows")
        if seeded:
            other = method(bench.x, **{**seeded, "seed": np.arange(n) + 50}, **given)
            expect(np.abs(other - values).max() > 0, f"{name} does not depend on `seed`")
            one, rows = (method(bench.x, seed=seed, **given) for seed in (3, random.row_seeds(3, n)))
            close(one, rows, 0.0, f"{name} with one seed")
    if kind == "exact":
        metrics = bench.evaluate(model)
        close(-float(np.mean(model.log_prob(bench.x, **given))), metrics["nll"], 1e-5, "log_prob against the metric `nll`")
        bits = metrics["nll"] / np.log(2.0) / np.prod(model.event_shape)
        if model.likelihood.discrete:
            close(metrics["bits_per_dim"], bits, 1e-5, "bits_per_dim against nll")
