"""Lines about files, new processes and resuming."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgen.testing import _child
from tfgen.testing._bench import Bench, State, close, expect, optimizers, refuses, same, state_of, to_array
from tfgen.testing._lines import line


@line
def configuration(bench: Bench) -> None:
    """`get_config` is plain data from which `from_config` builds the same model, name, seed and precision included."""
    model = bench.build(seed=5, ema=0.9)
    config = model.get_config()
    json.dumps(config)
    twin = type(model).from_config(config)
    expect(json.dumps(twin.get_config()) == json.dumps(config), "the config changes on its way through from_config")
    shapes = [tuple(v.shape) for v in model.weights], [tuple(v.shape) for v in twin.weights]
    expect(shapes[0] == shapes[1], "from_config builds other weights")
    expect((twin.seed, twin.ema) == (5, 0.9), "seed or ema got lost")


@line
def summary(bench: Bench) -> None:
    """`summary()` shows the networks and the number of parameters."""
    with contextlib.redirect_stdout(io.StringIO()) as written:
        bench.build().summary()
    expect(
        f"{sum(int(np.prod(v.shape)) for v in bench.model.trainable_variables):,}" in written.getvalue(),
        "no count of trainable parameters",
    )
    layers = [layer.name for layer in bench.model.layers]
    expect(layers and all(name[:8] in written.getvalue() for name in layers), f"summary leaves out some of {layers}")


@line
def keras_file(bench: Bench) -> None:
    """A `.keras` file brings back weights, config, every optimizer with slots and iterations, and the counters."""
    model = bench.trained()
    before = state_of(model)
    model.save(bench.folder / "again.keras")
    same(state_of(model), before, "save changed the model")
    loaded: Any = keras.saving.load_model(bench.folder / "again.keras")
    same(state_of(loaded), before, "the loaded model")
    expect(type(loaded) is type(model) and loaded.get_config() == model.get_config(), "class or config differ")
    for name, optimizer in optimizers(model).items():
        twin = optimizers(loaded)[name]
        expect(type(twin) is type(optimizer) and twin.get_config() == optimizer.get_config(), f"`{name}` differs")
    close(
        loaded.sample(3, seed=0, **bench.label(3)),
        model.sample(3, seed=0, **bench.label(3)),
        0.0,
        "samples of the loaded model",
    )
    untrained = bench.build()
    untrained.save(bench.folder / "plain.keras")
    loaded: Any = keras.saving.load_model(bench.folder / "plain.keras")
    expect(not loaded.compiled, "an uncompiled model comes back compiled")
    same(state_of(loaded), state_of(untrained), "an uncompiled model")
    model.save_weights(bench.folder / "all.weights.h5")
    other = bench.fresh()
    other.load_weights(bench.folder / "all.weights.h5")
    same(state_of(other), before, "load_weights")


@line
def resume_in_new_process(bench: Bench) -> None:
    """A new process that only imports tfgen loads the file; `fit` for 2 + 2 epochs equals `fit` for 4, to the last bit."""
    model, folder = bench.trained(), bench.resuming
    _finish(folder, [0])
    same(_read(folder / "loaded.npz"), bench.fitted(2), "the model loaded in a new process")
    close(np.load(folder / "samples.npy"), model.sample(seed=[7, 8], **bench.label(2)), 0.0, "samples in a new process")
    same(_read(folder / "resumed.npz"), bench.fitted(4), "training resumed in a new process")


@line
def resume_after_kill(bench: Bench) -> None:
    """With `Checkpoint(every_steps=...)` a run killed inside an epoch, started again, ends as if it had never stopped, to the last bit."""
    folder = bench.killing
    _finish(folder, [_child.KILLED, 0])
    same(_read(folder / "finished.npz"), bench.fitted(4), "training resumed after a kill")


def _finish(folder: Path, codes: list[int]) -> None:
    received, error = _child.wait(folder), folder / "error.txt"
    expect(
        received == codes, f"expected exit codes {codes}, received {received}. {error.read_text() if error.exists() else ''}"
    )


def _read(path: Path) -> State:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


@line
def averages(bench: Bench) -> None:
    """With `ema`, training goes on from the raw weights; `sample` and `evaluate` use the averages, which files bring back."""
    other = bench.build(ema=0.5 if bench.model.ema is None else None)
    other.compile()
    bench.fit(other, 2)
    plain, model = (bench.trained(), other) if bench.model.ema is None else (other, bench.trained())
    expect(len(model.trainable_variables) == len(plain.trainable_variables), "averages must not be trained")
    for one, other in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        close(one, other, 0.0, f"{one.path} with and without `ema`")
    pairs, noise = model._averaged_pairs(), np.random.default_rng(1)
    expect(pairs, "a model with `ema` must have averages")
    for network, average in pairs:
        expect(
            any((a != b).any() for a, b in zip(average.get_weights(), network.get_weights(), strict=True)),
            "averages equal raw weights",
        )
        average.set_weights([value + noise.normal(0.0, 0.2, value.shape) ** 2 for value in network.get_weights()])
    model.save(bench.folder / "averages.keras")
    same(state_of(keras.saving.load_model(bench.folder / "averages.keras")), state_of(model), "the loaded model with averages")
    drawn, metrics = model.sample(3, seed=0, **bench.label(3)), bench.evaluate(model)
    expect(np.abs(drawn - plain.sample(3, seed=0, **bench.label(3))).max() > 0, "`sample` uses the raw weights")
    for network, average in pairs:  # now the plain model says what a model with these very weights must say
        network.set_weights(average.get_weights())
    averages = {id(v) for _, average in pairs for v in average.variables}
    ours = [v for v in model.weights if id(v) not in averages]
    expect(len(ours) == len(plain.weights), f"{len(ours)} weights beside the averages, {len(plain.weights)} without `ema`")
    for variable, value in zip(plain.weights, ours, strict=True):
        variable.assign(to_array(value))
    close(drawn, plain.sample(3, seed=0, **bench.label(3)), 1e-5, "samples of the averages")
    close(metrics, bench.evaluate(plain), 1e-5, "metrics of the averages")


@line
def no_keras_averages(bench: Bench) -> None:
    """Optimizers with Keras's own `use_ema=True`, which could not be resumed exactly, are refused in one sentence."""
    for name in optimizers(bench.model):
        wrong = {name: keras.optimizers.SGD(0.1, use_ema=True)}
        text = refuses(lambda wrong=wrong: bench.build().compile(**wrong), f"{name} with use_ema=True")
        expect("use_ema" in text, f"the refusal must name `use_ema`: {text}")
