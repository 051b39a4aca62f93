"""Where a model stands in its data: which data, how far, and what the metrics have added up so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["PLACE", "Fingerprint", "Place", "load_place", "metric_sums", "save_place", "set_metric_sums"]

PLACE = "place"  # its name in a file
Sums = dict[str, list[float]]


@dataclass(frozen=True)
class Fingerprint:
    """What tells data from other data.

    Args:
      structure: of its length, batch size, shapes, number formats and seed.
      content: of its first batch, or of some of its rows.
    """

    structure: str
    content: str


@dataclass(frozen=True)
class Place:
    """A place in some data. How many steps of the epoch are done says the model's counter `batch`.

    Args:
      fingerprint: of the data that `batch` counts in.
      first_step: the model's counter `step` when the epoch began; where it has been set since, the place means nothing any more.
      begun: steps of earlier epochs that the same endless iteration has served.
      sums: what the metrics have added up in a stopped epoch; None while it runs, as the metrics themselves know then.
    """

    fingerprint: Fingerprint
    first_step: int
    begun: int = 0
    sums: Sums | None = field(default=None, compare=False)


def metric_sums(model: Any) -> Sums:
    """Copies what the metrics have added up.

    Args:
      model: the model with its metrics.

    Returns:
      sums: numbers by the metric's name.
    """
    return {metric.name: [float(variable.numpy()) for variable in metric.variables] for metric in model.metrics}


def set_metric_sums(model: Any, sums: Sums) -> None:
    """Lets the metrics go on from what they had added up.

    Args:
      model: the model with its metrics.
      sums: what `metric_sums` returned.
    """
    for metric in model.metrics:
        for variable, value in zip(metric.variables, sums.get(metric.name, ()), strict=False):
            variable.assign(value)


def save_place(model: Any, store: Any) -> None:
    """Writes the place, where there is one to come back to.

    Args:
      model: the model.
      store: Keras's store of the model's own variables.
    """
    place: Place | None = model.place
    if place is None or place.fingerprint is None or not (place.begun or int(model.batch.numpy())):
        return
    kept, sums = place.fingerprint, metric_sums(model) if place.sums is None else place.sums
    told = {"structure": kept.structure, "content": kept.content, "first_step": place.first_step, "begun": place.begun}
    store[PLACE] = np.frombuffer(json.dumps({**told, "sums": sums}).encode(), np.uint8)


def load_place(model: Any, store: Any) -> None:
    """Reads back what `save_place` wrote, if anything.

    Args:
      model: the model.
      store: Keras's store of the model's own variables.
    """
    model.place = None
    if PLACE in store.keys():
        told = json.loads(np.asarray(store[PLACE]).tobytes())
        fingerprint = Fingerprint(told["structure"], told["content"])
        model.place = Place(fingerprint, told["first_step"], told["begun"], told["sums"])
