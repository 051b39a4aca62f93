"""Lines about configurations, files and resuming."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.callbacks import Checkpoint
from tfgen.distributions.base import Configured
from tfgen.models.averages import averaged_copy
from tfgen.models.frozen import networks_of
from tfgen.testing import _processes
from tfgen.testing._bench import BATCH, STEPS, Bench
from tfgen.testing._checks import close, expect, refuses
from tfgen.testing._jobs import KILLED, Interrupt
from tfgen.testing._lines import line
from tfgen.testing._state import copies, read_state, same, state_of, to_array

_EPOCHS, _EVERY, _STOP = (
    3,
    4,
    STEPS + 2,
)  # steps between checkpoints, and where a training is interrupted: inside the second epoch
_RESUMES = ("fit", "train_step", "take_step", "save_own_variables", "load_own_variables", "compile_from_config")


@line()
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


@line()
def summary(bench: Bench) -> None:
    """`summary()` shows the networks and the number of parameters."""
    with contextlib.redirect_stdout(io.StringIO()) as written:
        bench.model.summary()
    count = sum(int(np.prod(v.shape)) for v in bench.model.trainable_variables)
    expect(f"{count:,}" in written.getvalue(), "no count of trainable parameters")
    layers = [layer.name for layer in bench.model.layers]
    expect(layers and all(name[:8] in written.getvalue() for name in layers), f"summary leaves out some of {layers}")


@line()
def keras_file(bench: Bench) -> None:
    """A `.keras` file brings back weights, config, every optimizer with slots and iterations, and the counters."""
    model = bench.trained()
    before = state_of(model)
    model.save(bench.folder / "again.keras")
    same(state_of(model), before, "save changed the model")
    loaded: Any = keras.saving.load_model(bench.folder / "again.keras")
    same(state_of(loaded), before, "the loaded model")
    expect(type(loaded) is type(model) and loaded.get_config() == model.get_config(), "class or config differ")
    for name, optimizer in model.optimizers.items():
        twin = loaded.optimizers[name]
        expect(type(twin) is type(optimizer) and twin.get_config() == optimizer.get_config(), f"`{name}` differs")
    close(bench.show_eagerly(loaded), bench.show(model), 1e-5, "what the loaded model shows")
    untrained = bench.build()
    untrained.save(bench.folder / "plain.keras")
    loaded: Any = keras.saving.load_model(bench.folder / "plain.keras")
    expect(not loaded.compiled, "an uncompiled model comes back compiled")
    same(state_of(loaded), state_of(untrained), "an uncompiled model")
    model.save_weights(bench.folder / "all.weights.h5")
    other = bench.fresh()
    other.load_weights(bench.folder / "all.weights.h5")
    same(state_of(other), before, "load_weights")


@line()
def resume(bench: Bench) -> None:
    """`fit` for 2 + 1 epochs equals `fit` for 3, and so does one that is interrupted inside an epoch and started again from its
    `Checkpoint`, to the last bit."""
    model = bench.trained()
    bench.fit(model, _EPOCHS - 2)
    same(state_of(model), bench.fitted(_EPOCHS), "an epoch more than two")

    def interrupt() -> None:
        raise _Interrupted

    for further in ([Interrupt(_STOP, interrupt)], []):
        with contextlib.suppress(_Interrupted):
            bench.fit(
                bench.fresh(), _EPOCHS, callbacks=[Checkpoint(bench.folder / "interrupted", every_steps=_EVERY), *further]
            )
        expect(int(bench.model.step.numpy()) == (_STOP if further else _EPOCHS * STEPS), "it stops where it should")
    same(state_of(bench.model), bench.fitted(_EPOCHS), "training started again after an interruption")


class _Interrupted(Exception):
    """What ends a training that is to be started again."""


@line("get_config", "from_config", "compile_from_config", "take_step", "check_networks", "takes_networks")
def set_later(bench: Bench) -> None:
    """What is set on a network survives the file: other networks and frozen layers are trained, shown and saved as such."""
    plain, model = (bench.build() for _ in range(2))
    refuses(lambda: setattr(model, "ema", 0.123), "another `ema`")
    for name, network in networks_of(model).items():
        if not isinstance(network, Configured):
            _exchange(model, name, averaged_copy(network))
    for each in (plain, model):
        each.compile(run_eagerly=True)
        _freeze(each)
        before = copies(each.weights)
        bench.fit(each, steps_per_epoch=1)
    moved = [(a != b).any() for a, b in zip(before, copies(model.weights), strict=True)]
    trained = {id(variable) for player in model.players for variable in player.variables(model)}
    still = {id(v) for _, network in networks_of(model).items() for v in network.weights if not v.trainable} - trained
    expect(trained and model.frozen, "something must be frozen, and something not")
    for variable, has_moved in zip(model.weights, moved, strict=True):
        expect(
            not has_moved or id(variable) not in still or "moving_" in variable.path, f"{variable.path} is frozen, and moves"
        )
    same(state_of(model), state_of(plain), "training with copies of the networks in their place")
    model.save(bench.folder / "set_later.keras")
    loaded: Any = keras.saving.load_model(bench.folder / "set_later.keras")
    expect(loaded.frozen == model.frozen, f"the loaded model has frozen {loaded.frozen}, not {model.frozen}")
    same(state_of(loaded), state_of(model), "the loaded model")
    close(bench.show_eagerly(loaded), bench.show_eagerly(plain), 1e-5, "what the loaded model shows")
    model.trainable = False
    refuses(lambda: bench.fit(model), "fit where everything is frozen")


def _exchange(model: Any, name: str, network: Any) -> None:
    """Assigns a network that the constructor takes; of a model that takes none expects to be refused."""
    network.trainable = True
    if name in model.arguments:
        setattr(model, name, network)
        expect(getattr(model, name) is network, f"`{name}` must be what was assigned")
    else:
        refuses(lambda: setattr(model, name, network), f"another `{name}`")


def _freeze(model: Any) -> None:
    """Freezes the first layer with weights that holds no other; of a network of a single layer its first weight."""
    layers = [layer for network in networks_of(model).values() for layer in network._flatten_layers()]
    owners = [layer for layer in layers if layer._trainable_variables]
    inner = [layer for layer in owners if not layer._flatten_layers(include_self=False)]
    if len(owners) > 1:
        inner[0].trainable = False
    else:
        owners[0]._trainable_variables[0].trainable = False


@line("__class__", "save_own_variables", "load_own_variables", "get_config", layers="own")
def load_in_new_process(bench: Bench) -> None:
    """A new process that only imports tfgen, or what the case names, loads the file to the last bit."""
    model, folder = bench.trained(), _folder_with_data(bench, "load")
    model.save(folder / "trained.keras")
    _work(bench, folder, {"load": ()}, [0])
    same(read_state(folder / "loaded.npz"), bench.fitted(2), "the model loaded in a new process")


@line(*_RESUMES, layers="stateful")
def resume_in_new_process(bench: Bench) -> None:
    """A new process loads the file, computes what the old one did, and trains on: 2 + 1 epochs equal 3, to the last bit."""
    model, folder = bench.trained(), _folder_with_data(bench, "resume")
    model.save(folder / "trained.keras")
    inputs = {name: value.numpy() for name, value in bench.inputs(bench.shown, 2).items()}
    np.savez(folder / "inputs.npz", operation=bench.shown, **inputs)
    _work(bench, folder, {"load_and_resume": (_EPOCHS - 2,)}, [0])
    same(read_state(folder / "loaded.npz"), bench.fitted(2), "the model loaded in a new process")
    shown = bench.show(model, 2)
    for name, value in read_state(folder / "outputs.npz").items():
        close(value, shown[name], 0.0, f"`{name}` in a new process")
    same(read_state(folder / "resumed.npz"), bench.fitted(_EPOCHS), "training resumed in a new process")


@line(*_RESUMES, layers="stateful")
def resume_after_kill(bench: Bench) -> None:
    """With `Checkpoint(every_steps=...)` a run killed inside an epoch, started again, ends as if it had never stopped, to the last bit."""
    folder = _folder_with_data(bench, "kill")
    bench.fresh().save(folder / "start.keras")
    _work(bench, folder, {"killed_fit": (_EPOCHS, _STOP, _EVERY), "resumed_fit": (_EPOCHS, _EVERY)}, [KILLED, 0])
    same(read_state(folder / "finished.npz"), bench.fitted(_EPOCHS), "training resumed after a kill")


def _folder_with_data(bench: Bench, name: str) -> Path:
    folder = bench.folder / name
    folder.mkdir()
    np.savez(folder / "data.npz", x=bench.x, batch=BATCH, **({} if bench.y is None else {"y": bench.y}))
    return folder


def _work(bench: Bench, folder: Path, jobs: dict[str, Sequence[Any]], codes: list[int]) -> None:
    """Has jobs done, each in a new process, and expects these exit codes."""
    asked = [(name, (list(bench.case.modules), *arguments)) for name, arguments in jobs.items()]
    _processes.start(folder, asked, len(tf.config.list_logical_devices("CPU")))
    received, error = _processes.wait(folder), folder / "error.txt"
    told = error.read_text() if error.exists() else ""
    expect(received == codes, f"expected exit codes {codes}, received {received}. {told}")


@line("in_use", "averaged_pairs", "train_step", "save_own_variables", "players", hooks=True)
def averages(bench: Bench) -> None:
    """With `ema`, training goes on from the raw weights; `evaluate` and what a model shows use the averages, which files bring back."""
    plain, model = (bench.build(ema=ema) for ema in (None, bench.model.ema or 0.5))
    for each in (plain, model):
        each.compile(run_eagerly=True)
        bench.fit(each, steps_per_epoch=2)
    expect(len(model.trainable_variables) == len(plain.trainable_variables), "averages must not be trained")
    for one, other in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        close(one, other, 0.0, f"{one.path} with and without `ema`")
    pairs, noise = model.averaged_pairs(), np.random.default_rng(1)
    expect(pairs, "a model with `ema` must have averages")
    for network, average in pairs:
        moved = any((a != b).any() for a, b in zip(average.get_weights(), network.get_weights(), strict=True))
        expect(moved, "averages equal raw weights")
        average.set_weights([value + noise.normal(0.0, 0.5, value.shape) ** 2 for value in network.get_weights()])
    model.save(bench.folder / "averages.keras")
    same(state_of(keras.saving.load_model(bench.folder / "averages.keras")), state_of(model), "the loaded model with averages")
    shown, metrics = _shown(bench, model), bench.evaluate(model)
    raw = _shown(bench, plain)
    expect(any(np.abs(shown[name] - raw[name]).max() > 0 for name in shown), "what is shown is that of the raw weights")
    for network, average in pairs:  # now the plain model says what a model with these very weights must say
        network.set_weights(average.get_weights())
    averages = {id(v) for _, average in pairs for v in average.variables}
    ours = [v for v in model.weights if id(v) not in averages]
    expect(len(ours) == len(plain.weights), f"{len(ours)} weights beside the averages, {len(plain.weights)} without `ema`")
    for variable, value in zip(plain.weights, copies(ours), strict=True):
        variable.assign(value)
    close(shown, _shown(bench, plain), 1e-5, "what is shown with the averages")
    close(metrics, bench.evaluate(plain), 1e-5, "metrics of the averages")


def _shown(bench: Bench, model: Any) -> dict[str, np.ndarray]:
    return {name: to_array(value) for name, value in bench.show_eagerly(model).items()}


@line("compile", "default_optimizer")
def no_keras_averages(bench: Bench) -> None:
    """Optimizers with Keras's own `use_ema=True`, which could not be resumed exactly, are refused in one sentence."""
    for name in bench.model.optimizers:
        wrong = {name: keras.optimizers.SGD(0.1, use_ema=True)}
        text = refuses(lambda wrong=wrong: bench.build().compile(**wrong), f"{name} with use_ema=True")
        expect("use_ema" in text, f"the refusal must name `use_ema`: {text}")
