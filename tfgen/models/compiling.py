"""What `compile` does with the optimizers of a model's players."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tfgen.models.optimizers import OptimizerGroup, check_optimizer, loss_scaled

__all__ = ["check_keywords", "install", "make_optimizers", "optimizers_by_player", "renew"]

_OF_KERAS = ("run_eagerly", "steps_per_execution", "jit_compile")
_ASKS_FOR_NOTHING = (
    "optimizer",
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
)  # when Keras's keyword is None, or empty


def optimizers_by_player(model: Any, positional: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Sorts what `compile` was given, and takes the optimizers out of its keywords.

    Args:
      model: the model with its players.
      positional: optimizers in the players' order.
      keywords: of `compile`.

    Returns:
      given: by keyword, for each player; None for the paper's.

    Raises:
      ValueError: more optimizers than players, or one object for two of them.
    """
    names = [player.optimizer_name for player in model.players]
    if len(positional) > len(names):
        raise ValueError(f"Expected at most {len(names)} optimizers: {', '.join(names)}. Received: {len(positional)}")
    given = dict(zip(names, positional, strict=False))
    for name in names:
        if name in keywords:
            if given.get(name) is not None:
                raise ValueError(f"Expected `{name}` once. Received: by place and by name")
            given[name] = keywords.pop(name)
    objects = [value for value in given.values() if value is not None and not isinstance(value, str)]
    if len({id(value) for value in objects}) < len(objects):
        raise ValueError("Each player keeps its own moments: expected one optimizer for each. Received: one object for both")
    return {name: given.get(name) for name in names}


def check_keywords(model: Any, keywords: dict[str, Any]) -> None:
    """Refuses what the model brings itself, and what Keras cannot do on several replicas.

    Args:
      model: the model.
      keywords: of `compile`, without the optimizers; those that ask for nothing, `loss=None`, are taken out.

    Raises:
      ValueError: there is such a keyword.
    """
    for name in _ASKS_FOR_NOTHING:
        value = keywords.get(name)
        if value is None or (isinstance(value, (list, tuple, dict)) and not value):
            keywords.pop(name, None)
    if set(keywords) - set(_OF_KERAS):
        raise ValueError(
            f"{type(model).__name__} brings its own objective and metrics: `compile` takes its optimizers, `run_eagerly`, "
            f"`steps_per_execution` and `jit_compile`. Received: {sorted(set(keywords) - set(_OF_KERAS))}"
        )
    several = keywords.get("jit_compile") is True or keywords.get("steps_per_execution", 1) > 1
    if model.distribute_strategy.num_replicas_in_sync > 1 and several:
        raise ValueError(
            "Keras cannot compile with XLA, or run several steps an execution, on several replicas: leave `jit_compile` and "
            f"`steps_per_execution` out. Received: {keywords}"
        )


def make_optimizers(model: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Makes the optimizers, and checks that a run with them can be resumed and distributed exactly.

    Args:
      model: the model.
      given: what `optimizers_by_player` returned.

    Returns:
      optimizers: by keyword.

    Raises:
      ValueError: a setting with which it could not.
    """
    made = {}
    with model.distribute_strategy.scope():
        for player in model.players:
            name = player.optimizer_name
            optimizer = model.default_optimizer(player.name) if given[name] is None else keras.optimizers.get(given[name])
            made[name] = check_optimizer(optimizer, name)
    return made


def install(model: Any, optimizers: dict[str, Any]) -> None:
    """Scales losses where float16 needs it, builds all slots, and puts the optimizers where Keras's callbacks look.

    Args:
      model: the model, compiled by Keras.
      optimizers: what `make_optimizers` returned.
    """
    with model.distribute_strategy.scope():
        for player in model.players:
            optimizer = loss_scaled(optimizers[player.optimizer_name], model.dtype_policy)
            if not optimizer.built:
                optimizer.build(player.variables(model))
            setattr(model, player.optimizer_name, optimizer)
    model.compiled_frozen, model.compiled_variables = tuple(model.frozen), _variables(model)
    if not any(player.optimizer_name == "optimizer" for player in model.players):
        model.optimizer = OptimizerGroup([getattr(model, player.optimizer_name) for player in model.players])


def _variables(model: Any) -> dict[str, tuple[int, ...]]:
    """Tells what each player trains from what it would train once layers are frozen or thawed, or networks exchanged."""
    return {player.optimizer_name: tuple(id(variable) for variable in player.variables(model)) for player in model.players}


def renew(model: Any, *, keep: bool = False) -> bool:
    """Makes the optimizers anew of players that train other variables than when they were installed.

    Args:
      model: the model, compiled.
      keep: whether moments of variables that are trained still, and the count of steps, are kept; else they begin anew.

    Returns:
      changed: whether training has to be traced again.
    """
    changed, renewed = tuple(model.frozen) != model.compiled_frozen, {}
    before, model.compiled_frozen = dict(model.compiled_variables), tuple(model.frozen)
    for name, variables in _variables(model).items():
        if variables != before[name]:
            old = getattr(model, name)
            renewed[name] = (type(old).from_config(old.get_config()), old)
    if renewed:
        install(model, {**model.optimizers, **{name: fresh for name, (fresh, _) in renewed.items()}})
    for name, (_, old) in renewed.items() if keep else ():
        _keep(getattr(model, name), old, model.compiled_variables[name], before[name])
    return changed or bool(renewed)


def _keep(fresh: Any, old: Any, variables: Sequence[int], before: Sequence[int]) -> None:
    """Copies what an optimizer has counted, and its slots for variables that it was made for before: they are in lists alike."""
    places = {variable: place for place, variable in enumerate(before)}
    for name, value in vars(fresh).items():
        other = vars(old).get(name)
        if isinstance(value, keras.optimizers.Optimizer):
            _keep(value, other, variables, before)
        elif isinstance(value, keras.Variable):
            value.assign(other)
        elif (
            isinstance(value, list) and name != "_variables" and (len(value), len(other or ())) == (len(variables), len(before))
        ):
            for slot, variable in zip(value, variables, strict=True):
                if variable in places and isinstance(slot, keras.Variable):
                    slot.assign(other[places[variable]])
