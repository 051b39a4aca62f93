"""The ledger: seconds a test, summed over the contract's cases and lines, over files, and over what runs together.

A plugin that `tests/conftest.py` loads. A whole run leaves its sums in `build/ledger.json`; `python -m tests.ledger` keeps them in
`tests/ledger.json`, by which later runs start their groups dearest first (`tests/groups.py`) and say what has become dearer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

KEPT = Path(__file__).with_name("ledger.json")
LEFT = Path("build") / "ledger.json"  # below the root of the tree
KINDS = ("groups", "cases", "lines", "files")
WORTH_KEEPING = ("groups", "lines")  # most cases and files are groups
SHOWN, LEAST_SECONDS = 10, 5.0  # rows of a table, and what a row is worth

# The names of all tests that were collected, before any was left out.
COLLECTED = pytest.StashKey[list[str]]()


class Spent(NamedTuple):
    """What a group, a case, a line or a file took."""

    tests: int
    seconds: float


Sums = dict[str, dict[str, Spent]]


def read(path: Path = KEPT) -> Sums:
    """Reads sums from a file; there are none where there is no file."""
    found = json.loads(path.read_text()) if path.is_file() else {}
    return {kind: {name: Spent(*spent) for name, spent in found.get(kind, {}).items()} for kind in KINDS}


def write(sums: Sums, path: Path, kinds: Iterable[str] = KINDS) -> None:
    """Writes sums to a file, one a line."""
    text = {
        kind: ",\n".join(
            f"    {json.dumps(name)}: [{spent.tests}, {spent.seconds:.1f}]" for name, spent in sorted(sums[kind].items())
        )
        for kind in kinds
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(f'  "{kind}": {{\n{lines}\n  }}' for kind, lines in text.items()) + "\n}\n")


def expected(name: str, tests: int, known: Mapping[str, Spent]) -> float:
    """Says how many seconds so many tests of a group will take; a group that nobody knows takes the mean of all tests."""
    whole = known.get(name) or Spent(
        sum(spent.tests for spent in known.values()), sum(spent.seconds for spent in known.values())
    )
    return whole.seconds / whole.tests * tests if whole.tests else float(tests)


def labels(item: pytest.Item) -> dict[str, str]:
    """Says to which sums a test belongs, as kind -> name.

    A group runs in one process, because its tests share costly preparations: a case of the conformance suite, or what a mark
    `group` names, or else a file.
    """
    values = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    case, line = getattr(values.get("case"), "name", None), values.get("line")
    file = item.nodeid.split("::")[0]
    mark = item.get_closest_marker("group")
    found = {"groups": mark.args[0] if mark else case or file, "files": file}
    return {**found, "cases": case, "lines": line} if case and isinstance(line, str) else found


def is_whole(config: pytest.Config) -> bool:
    """Whether a run is that of `python -m pytest`: nothing is chosen, nothing left out."""
    chosen = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "collectonly", "rota")
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(config.getoption(name, None) for name in chosen)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ledger", type=Path, metavar="PATH", help=f"where the sums of seconds go (a whole run: {LEFT})")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the process that hears of all tests
        config.pluginmanager.register(Ledger(config), "ledger")


def pytest_itemcollected(item: pytest.Item) -> None:
    item.config.stash.setdefault(COLLECTED, []).append(item.nodeid)
    item.user_properties.extend(labels(item).items())  # these travel with the reports


class Ledger:
    """Sums the seconds of what has run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.sums: Sums = {kind: {} for kind in KINDS}
        self.ends: dict[str, float] = {}  # process -> when its last test was over

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for kind, name in report.user_properties:
            if kind in KINDS:
                tests, seconds = self.sums[kind].get(name, Spent(0, 0.0))
                self.sums[kind][name] = Spent(tests + (report.when == "setup"), seconds + report.duration)
        worker = getattr(report, "worker_id", "main")
        self.ends[worker] = max(self.ends.get(worker, 0.0), report.stop)

    def pytest_sessionfinish(self) -> None:
        path = self.config.getoption("ledger") or (self.config.rootpath / LEFT if is_whole(self.config) else None)
        if path:
            write(self.sums, path)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        sums = read()
        before = sums["groups"] | sums["lines"]
        for kind in KINDS[1:]:
            rows = sorted(self.sums[kind].items(), key=lambda row: -row[1].seconds)
            rows = [(name, spent) for name, spent in rows if spent.seconds >= LEAST_SECONDS][:SHOWN]
            if rows:
                terminalreporter.section(f"dearest {kind}: seconds, as kept, tests")
            for name, spent in rows:
                kept = f"{before[name].seconds:8.1f}" if name in before else 8 * " "
                terminalreporter.line(f"{spent.seconds:8.1f}{kept}{spent.tests:6d}  {name}")
        if len(self.ends) > 1:
            idle = max(self.ends.values()) - min(self.ends.values())
            terminalreporter.line(f"one process had {idle:.0f} s less to do than another")


def main(arguments: list[str]) -> None:
    """Keeps what the last whole run, or the file given, has left."""
    path = Path(*arguments) if arguments else KEPT.parents[1] / LEFT
    if not path.is_file():
        raise SystemExit(f"Expected the sums of a whole run, which `python -m pytest` leaves. Received: path={path}")
    write(read(path), KEPT, WORTH_KEEPING)


if __name__ == "__main__":
    main(sys.argv[1:])
