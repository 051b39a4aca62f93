"""Tables of measures, one row a measure, and how the rows that apply to a subject are found and computed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Measure", "Number", "Progress", "compute_measures", "tell_nobody"]

Number = dict[str, Any]
"""What `tfgen.zoo.numbers.make_number` makes."""

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)`."""


def tell_nobody(what: str, done: int, total: int) -> None:
    """Stands for a `progress` that was not given.

    Args:
      what: what is computed.
      done: rows that are finished.
      total: rows that there are.
    """


@dataclass(frozen=True)
class Measure:
    """A row of a table: numbers that are computed together.

    Args:
      names: of its numbers, in the order in which `compute` yields them.
      applies: whether a subject has these numbers; it asks what the subject can do, and reads no data.
      compute: computes them from the subject.

    Example:
      >>> from tfgen.zoo.table import Measure
      >>> Measure(("length",), lambda subject: True, lambda subject: iter(())).names
      ('length',)
    """

    names: tuple[str, ...]
    applies: Callable[[Any], bool]
    compute: Callable[[Any], Iterator[Number]]


def compute_measures(table: Iterable[Measure], subject: Any, wanted: Sequence[str] | None = None) -> list[Number]:
    """Computes the measures of a table that apply to a subject.

    Args:
      table: its rows, in the order of their numbers.
      subject: what the rows take.
      wanted: names of the numbers to compute; None for all that apply. A row is computed whole or not at all.

    Returns:
      numbers: those wanted, in the order of the table.

    Raises:
      ValueError: no row that applies has a number of such a name; the nearest name is suggested.

    Example:
      >>> from tfgen.zoo.table import Measure, compute_measures
      >>> table = [Measure(("length",), lambda subject: True, lambda subject: iter([{"metric": "length", "value": len(subject)}]))]
      >>> compute_measures(table, "four")
      [{'metric': 'length', 'value': 4}]
    """
    rows = [row for row in table if row.applies(subject)]
    known = [name for row in rows for name in row.names]
    for name in wanted or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"Expected `metrics` among {', '.join(known)}.{hint} Received: {name}")
    chosen = [row for row in rows if wanted is None or set(row.names) & set(wanted)]
    numbers = [number for row in chosen for number in row.compute(subject)]
    return [number for number in numbers if wanted is None or number["metric"] in wanted]
