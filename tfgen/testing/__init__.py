"""The conformance suite that every model of the library passes, open to models of your own.

Register a model once, as a `Case`, and check it with `run(case)`, or line by line in pytest with `lines_of` and `check`. Of many cases
`select` chooses those over which a line is worth checking.
"""

from __future__ import annotations

from tfgen.testing.case import Case
from tfgen.testing.devices import two_devices, two_replicas
from tfgen.testing.selection import Pair, select
from tfgen.testing.suite import LINES, check, lines_of, run

__all__ = ["LINES", "Case", "Pair", "check", "lines_of", "run", "select", "two_devices", "two_replicas"]
