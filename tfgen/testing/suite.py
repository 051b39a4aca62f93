"""Runs lines of the contract over a case, and reports."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tfgen.testing import (  # noqa: F401  each registers its lines
    _callbacks,
    _inputs,
    _platforms,
    _players,
    _sampling,
    _saving,
    _serving,
    _training,
    _weighing,
)
from tfgen.testing._bench import Bench
from tfgen.testing._checks import ContractError
from tfgen.testing._lines import LINES as _LINES
from tfgen.testing.case import Case
from tfgen.testing.selection import read

__all__ = ["LINES", "check", "lines_of", "run"]

LINES: Mapping[str, str] = MappingProxyType({name: line.sentence for name, line in _LINES.items()})

_bench: dict[str, Bench] = {}  # of the last case: lines share what is costly to make


def lines_of(case: Case) -> list[str]:
    """Lists the lines that a case has to keep.

    Args:
      case: the registration of a model.

    Returns:
      lines: names in `LINES`, those left out from which the case is exempt, and those that cannot be asked of such a model: what
        samples are like of one that draws none, for example.

    Raises:
      ValueError: the case is exempt from something that is no line.

    Example:
      >>> import tfgen.testing
      >>> sorted(tfgen.testing.LINES)[:2]
      ['averages', 'bad_conditions']
    """
    unknown = set(case.exempt) - set(LINES)
    if unknown:
        raise ValueError(f"Expected exemptions from lines of the contract, {', '.join(LINES)}. Received: {sorted(unknown)}")
    return list(read(case).keys)


def check(case: Case, line: str) -> None:
    """Checks one line of the contract.

    Args:
      case: the registration of a model.
      line: a name in `LINES`.

    Raises:
      AssertionError: the model breaks the line; the message says how.
      ValueError: there is no such line.

    Example:
      >>> import tfgen, tfgen.testing
      >>> small = lambda **overrides: tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, **overrides)
      >>> case = tfgen.testing.Case("mine", small, levels=2, exempt={
      ...     "sizes": "The example shows one size only.", "own_networks": "The example has no second network."})
      >>> tfgen.testing.check(case, "configuration")
    """
    if line not in LINES:
        raise ValueError(f"Expected a line of the contract, one of {', '.join(LINES)}. Received: line={line!r}")
    if _bench.get(case.name) is None or _bench[case.name].case is not case:
        _bench.clear()
        _bench[case.name] = Bench(case)
    try:
        _LINES[line].check(_bench[case.name])
    except ContractError as error:
        raise ContractError(f"{case.name} breaks `{line}` ({LINES[line]}): {error}") from error


def run(case: Case, lines: Sequence[str] | None = None) -> dict[str, float]:
    """Checks all lines of the contract and prints how each went.

    Call `two_devices()` before anything is computed, because one line needs two logical devices.

    Args:
      case: the registration of a model.
      lines: names in `LINES`; None for all from which the case is not exempt.

    Returns:
      seconds: what each line took, all of them kept.

    Raises:
      AssertionError: the model breaks lines; the message names each and says how.

    Example:
      >>> import tfgen, tfgen.testing
      >>> small = lambda **overrides: tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, **overrides)
      >>> case = tfgen.testing.Case("mine", small, levels=2, exempt={
      ...     "sizes": "The example shows one size only.", "own_networks": "The example has no second network."})
      >>> seconds = tfgen.testing.run(case, ["configuration", "bad_seeds"])  # doctest: +ELLIPSIS
      mine keeps `configuration` ...
      mine keeps `bad_seeds` ...
    """
    seconds, broken = {}, []
    for name in lines_of(case) if lines is None else lines:
        began = time.perf_counter()
        try:
            check(case, name)
        except Exception as error:
            broken.append(
                str(error) if isinstance(error, ContractError) else f"{case.name}, `{name}`: {type(error).__name__}: {error}"
            )
            print(f"{case.name} breaks `{name}`")
            continue
        seconds[name] = time.perf_counter() - began
        print(f"{case.name} keeps `{name}` ({seconds[name]:.1f} s)")
    if broken:
        raise ContractError("\n".join(broken))
    return seconds
