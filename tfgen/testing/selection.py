"""Which lines of the contract are checked over which cases: each once for each implementation of what it exercises."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfgen.testing._keys import Key, key_of
from tfgen.testing._lines import LINES
from tfgen.testing.case import Case

__all__ = ["Pair", "select"]


@dataclass(frozen=True)
class Pair:
    """A line of the contract that a case has to keep.

    Args:
      case: the registration of a model.
      line: a name in `tfgen.testing.LINES`.
      key: what the line exercises in the model; cases of one key are alike to the line.
      representative: whether it is this case that the line is checked over, for all cases of its key.

    Example:
      >>> import tfgen, tfgen.testing
      >>> small = lambda **overrides: tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, **overrides)
      >>> case = tfgen.testing.Case("mine", small, levels=2, exempt={
      ...     "sizes": "The example shows one size only.", "own_networks": "The example has no second network."})
      >>> tfgen.testing.select([case])[0].case.name
      'mine'
    """

    case: Case
    line: str
    key: Key
    representative: bool


@dataclass(frozen=True)
class Reading:
    """What selecting needs to know of a case's model: its class, what it costs, and a key for each line that is asked of it."""

    cls: type | None
    cost: int
    keys: dict[str, Key] = field(default_factory=dict)


@functools.cache
def read(case: Case) -> Reading:
    """Builds a case's model once, and looks at it. Of a model that cannot be built all is asked, for that to be seen there."""
    try:
        model = case.build()
    except Exception:
        return Reading(None, 0, {name: (("model", case), ("layers", frozenset())) for name in LINES})
    asked = {name: line for name, line in LINES.items() if name not in case.exempt and line.asked(model, case)}
    keys: dict[str, Any] = {
        name: (("case", case),) if line.is_everywhere else key_of(line, model) for name, line in asked.items()
    }
    return Reading(type(model), len(model.weights), keys)


def select(cases: Sequence[Case]) -> list[Pair]:
    """Chooses over which cases each line of the contract is checked.

    A line about a model's own mathematics is checked over every case. Any other line exercises some functions of a model, most of
    which its class has inherited, and perhaps classes of layers: it is checked once for each set of functions, and for each set of
    layers with them that is no part of another, over the case of the fewest weights, the first one of several. Who overrides one of
    the functions gets a row of its own by that alone.

    Args:
      cases: the registrations of models, each of another name.

    Returns:
      pairs: every line that every case has to keep, case by case; the rest of them, which are no representatives, are worth a run
        now and then.

    Raises:
      ValueError: two cases have one name, or a variant names no case of its class.

    Example:
      >>> import tfgen, tfgen.testing
      >>> def case(name, **arguments):
      ...     def build(**overrides):
      ...         return tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, **arguments, **overrides)
      ...     return tfgen.testing.Case(name, build, levels=2, exempt={
      ...         "sizes": "The example shows one size only.", "own_networks": "The example has no second network."})
      >>> pairs = tfgen.testing.select([case("small"), case("averaged", ema=0.9)])
      >>> [(pair.case.name, pair.representative) for pair in pairs if pair.line == "steps_per_execution"]
      [('small', True), ('averaged', False)]
    """
    by_name = {case.name: case for case in cases}
    if len(by_name) < len(cases):
        raise ValueError(f"Expected cases of different names. Received: {[case.name for case in cases]}")
    for case in cases:
        if case.variant_of is not None and not _is_variant(case, by_name.get(case.variant_of)):
            raise ValueError(f"Expected `{case.name}` to be a variant of a case of the same class. Received: {case.variant_of}")
    cheapest: dict[tuple[str, Key], Case] = {}
    for case in sorted(cases, key=lambda case: read(case).cost):  # of several that cost the same it keeps the order
        for name, key in read(case).keys.items():
            cheapest.setdefault((name, key), case)
    whole = {pair for pair in cheapest if not any(_is_part(pair, other) for other in cheapest)}
    return [
        Pair(case, name, key, (name, key) in whole and cheapest[name, key] is case)
        for case in cases
        for name, key in read(case).keys.items()
    ]


def _is_part(pair: tuple[str, Key], other: tuple[str, Key]) -> bool:
    """Whether a line exercises the same functions in another model, and all the layers that it exercises here, and more."""
    (line, key), (other_line, other_key) = pair, other
    if line != other_line or not LINES[line].layers or key[:-1] != other_key[:-1]:
        return False
    return key[-1][1] < other_key[-1][1]


def _is_variant(case: Case, other: Case | None) -> bool:
    if other is None or other.variant_of is not None:
        return False
    return None in (read(other).cls, read(case).cls) or read(other).cls is read(case).cls
