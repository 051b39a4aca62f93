"""Lines about models with several players, and about what `fit` takes as `y` where samples are drawn given something else."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from tfgen.objectives import Penalty
from tfgen.testing._bench import Bench
from tfgen.testing._checks import close, expect, refuses
from tfgen.testing._lines import line
from tfgen.testing._state import State, copies, set_state, state_of
from tfgen.testing.case import Case

Changes = dict[str, list[np.ndarray]]


def _several(model: Any, case: Case) -> bool:
    return len(model.players) > 1


def _penalty(model: Any) -> Penalty | None:
    return getattr(getattr(model, "game", None), "penalty", None)


def _settled(bench: Bench) -> tuple[Any, State]:
    """Returns the model of plain gradient descent after a step at rate 0, which may have put weights where they are allowed."""
    model = bench.plain()
    _step(bench, model, [])
    return model, state_of(model)


def _step(bench: Bench, model: Any, movers: list[str]) -> Changes:
    """Takes a step in which some players move; returns how the weights of each have changed."""
    before = {player.name: copies(player.variables(model)) for player in model.players}
    for player in model.players:
        model.optimizers[player.optimizer_name].learning_rate = 0.1 if player.name in movers else 0.0
    bench.fit(model, steps_per_epoch=1, shuffle=False)
    after = {player.name: copies(player.variables(model)) for player in model.players}
    return {name: [a - b for a, b in zip(after[name], values, strict=True)] for name, values in before.items()}


def _steps(bench: Bench) -> dict[str, Changes]:
    """Takes the same step with each player alone, and with all of them, under the name ""."""
    model, state = _settled(bench)
    names = [player.name for player in model.players]
    found = {}
    for key, movers in {**{name: [name] for name in names}, "": names}.items():
        set_state(model, state)
        found[key] = _step(bench, model, movers)
    return found


def _largest(changes: list[np.ndarray]) -> float:
    return max((float(np.abs(change).max(initial=0.0)) for change in changes), default=0.0)


@line("train_step", "take_step", "terms", "players", "game.penalty.project", "batches_per_step", asked=_several)
def players(bench: Bench) -> None:
    """Each player moves its own weights by its own optimizer, and leaves those of the others alone."""
    model = bench.plain()
    owners = {
        id(v): {p.name for p in model.players if any(v is w for w in p.variables(model))} for v in model.trainable_variables
    }
    expect(all(owners.values()), "every trainable weight needs a player")
    for mover, changes in _steps(bench).items():
        if not mover:
            continue
        expect(_largest(changes[mover]) > 0, f"`{mover}` alone moves nothing")
        for player in model.players:
            for variable, change in zip(player.variables(model), changes[player.name], strict=True):
                own = mover in owners[id(variable)]
                expect(own or not change.any(), f"`{mover}` moves {variable.path} of `{player.name}`")


@line("train_step", "take_step", "terms", "players", "game.simultaneous", "batches_per_step", asked=_several)
def order_of_moves(bench: Bench) -> None:
    """The first player moves last and heeds how the others have moved, who have not seen it move; in a simultaneous game nobody does."""
    model, steps = bench.model, _steps(bench)
    first, *others = (player.name for player in model.players)
    alike = [first, *others] if model.game.simultaneous else others[:1]
    for name in alike:
        largest = _largest(steps[name][name])
        alone, together = ([change / largest for change in steps[key][name]] for key in (name, ""))
        close(together, alone, 1e-4, f"`{name}` beside the others against it alone: it must not see them move")
    if not model.game.simultaneous:
        alone, together = steps[first][first], steps[""][first]
        difference = _largest([a - b for a, b in zip(alone, together, strict=True)])
        expect(difference > 1e-4 * _largest(alone), f"`{first}` moves as if the others had not moved before it")


@line("train_step", "take_step", "terms", "game.penalty", asked=lambda model, case: bool(getattr(_penalty(model), "weight", 0)))
def penalties(bench: Bench) -> None:
    """A penalty costs: what is reported of it is positive, its loss gains as much, and in proportion to its weight."""
    model = bench.plain()
    game = model.game
    once = bench.evaluate(model)
    try:
        twofold = dataclasses.replace(game, penalty=dataclasses.replace(game.penalty, weight=2.0 * game.penalty.weight))
        object.__setattr__(model, "game", twofold)  # a model's rules are fixed, but this one runs eagerly
        twice = bench.evaluate(model)
    finally:
        object.__setattr__(model, "game", game)
    paid = once["discriminator_penalty"]
    expect(paid > 0, f"a penalty that costs {paid}")
    close(twice["discriminator_penalty"] / paid, 2.0, 1e-4, "the penalty of twice the weight, relative to that of one")
    gained = (twice["discriminator_loss"] - once["discriminator_loss"]) / paid
    close(gained, 1.0, 1e-3, "what the discriminator's loss gains by twice the weight, relative to the penalty")


def _projects(model: Any, case: Case) -> bool:
    penalty = _penalty(model)
    return penalty is not None and type(penalty).project is not Penalty.project


@line("train_step", "take_step", "game.penalty.project", "save_own_variables", "end_epoch", asked=_projects)
def projections(bench: Bench) -> None:
    """Where a penalty says which weights are allowed, they are so after every step, and in a file that is saved at any time."""
    model = bench.plain()
    path = bench.folder / "projected.keras"

    def is_kept(other: Any) -> bool:
        variables = other.discriminator.trainable_variables
        before = copies(variables)
        other.game.penalty.project(variables)
        kept = all(np.array_equal(a, b) for a, b in zip(before, copies(variables), strict=True))
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return kept

    class Look(keras.callbacks.Callback):
        model: Any  # set by Keras before the first call; its own annotation is None

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            expect(is_kept(self.model), f"after batch {batch} weights are not where they are allowed")
            if batch == 0:
                self.model.save(path)

    for optimizer in model.optimizers.values():
        optimizer.learning_rate = 1.0
    bench.fit(model, callbacks=[Look()])
    expect(is_kept(keras.saving.load_model(path)), "weights in a file are not where they are allowed")


@line("fit", "predict", "target", "condition", "operations", asked=lambda model, case: model.target is not model.condition)
def targets_apart(bench: Bench) -> None:
    """What `fit` takes as `y` and what results are asked for given are told apart: nobody needs the one where the other is meant."""
    model, x = bench.trained(), bench.x
    if model.target is not None:
        other = np.roll(np.asarray(bench.y), 1, axis=0)
        first, second = bench.evaluate(model), bench.evaluate(model, y=other)
        expect(first != second, "another `y` gives the same metrics")
        named = [spec.name for operation in model.operations().values() for spec in operation.inputs]
        expect(
            model.target.name not in named or model.condition is not None, f"a result is asked for given `{model.target.name}`"
        )
    if model.condition is None or not model.condition.read_from_y:
        close(model.predict(x, verbose=0), bench.predict(model), 1e-5, "predict without `y`")
    elif hasattr(model, "sample"):
        refuses(lambda: model.sample(2, seed=0), "sample without what it is conditional on")
