"""Pinned numbers: what the network computes for fixed inputs. Are weights and code the same?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.models import AutoregressiveModel
from tfgen.zoo.abilities import condition_name, condition_spec, conditions_in_turn, is_binary
from tfgen.zoo.numbers import make_number
from tfgen.zoo.table import Number

__all__ = ["PINNED_SEEDS", "pinned_numbers"]

PINNED_SEEDS = (0, 1, 2)
"""One number for each: `pinned_seed_0` and so on."""

_FEATURES = int(random.Stream.FEATURES)


def _condition(model: Any, seed: int) -> tuple[np.ndarray | None, str]:
    """What a pinned pass of an autoregressive model is conditional on, and how the protocol says so."""
    name = condition_name(model)
    if name is None:
        return None, ""
    turn = conditions_in_turn(model, seed + 1)
    if turn is not None:
        return turn[name][seed:], ""
    shape = condition_spec(model).shape[1:].as_list()
    rows = random.uniform(tf.constant([seed], tf.int64), shape, stream=_FEATURES)
    return np.asarray(rows), f", {name} = uniform(seed, stream={_FEATURES})"


def _unit(model: Any) -> str:
    """The unit of what `predict` of an autoregressive model, or `sample` of another, computes."""
    if isinstance(model, AutoregressiveModel) and is_binary(model):
        return "probability"
    return {(0.0, 1.0): "value in [0, 1]", (-1.0, 1.0): "value in [-1, 1]"}.get(model.value_range, "value")


def pinned_numbers(model: Any) -> Iterator[Number]:
    """Computes a mean and five values of what the network computes for fixed inputs.

    Args:
      model: a `GenerativeModel` in float32.

    Yields:
      number: one for each of `PINNED_SEEDS`; its value is a list of six.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.pinned import pinned_numbers
      >>> len(next(pinned_numbers(tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)))["value"])
      6
    """
    for seed in PINNED_SEEDS:
        if isinstance(model, AutoregressiveModel):
            # a discrete sample flips with the last bit; the means of what it is drawn from do not
            x = np.asarray(random.uniform(tf.constant([seed], tf.int64), model.event_shape) < 0.5, np.float32)
            y, told = _condition(model, seed)
            output, how = model.predict(x, y=y, verbose=0)[0], f"model.predict(x), x = uniform(seed) < 0.5{told}"
        else:
            output, how = model.sample(seed=[seed], **(conditions_in_turn(model, 1) or {}))[0], "model.sample(seed=[seed])"
        values = np.asarray(output, np.float64).ravel()
        places = np.linspace(0.3, 0.7, 5) * (values.size - 1)
        numbers = [float(values.mean()), *values[places.astype(int)].tolist()]
        how += ": mean, and the values at 0.3, 0.4, 0.5, 0.6, 0.7 of the flattened output"
        pinned = [round(number, 7) for number in numbers]
        yield make_number(f"pinned_seed_{seed}", pinned, _unit(model), "pinned", how, n=1, seed=seed)
