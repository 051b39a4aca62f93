"""The rota: each run adds a tenth of the slow tests to the others; ten turns run all of them.

Of a test under the mark `in_turn`, which proves the same of several models, each turn runs over the next one, or the next third of them
with `in_turn(every=3)`; the others are slow.
A plugin that `tests/conftest.py` loads. `tests/rota.json` counts the turns; whoever has resolved an issue moves it on.

    python -m pytest               the fast tests, and the slow ones whose turn it is
    python -m pytest --rota        the slow ones whose turn it is, alone
    python -m pytest -m slow       all slow ones
    python -m tests.rota           which turn it is
    python -m tests.rota next      the next turn
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

COUNTER = Path(__file__).with_name("rota.json")
SHARES = 10


def read(path: Path = COUNTER) -> int:
    """Reads which turn it is: 0, 1, 2, ... without an end."""
    return json.loads(path.read_text())["turn"]


def move_on(path: Path = COUNTER) -> int:
    """Makes it the next turn, and returns that."""
    turn = read(path) + 1
    path.write_text(json.dumps({"turn": turn}) + "\n")
    return turn


def share(test: str) -> int:
    """Returns which of the ten shares a test belongs to, by its name alone: a test that comes or goes moves no other."""
    return int.from_bytes(hashlib.sha256(test.encode()).digest()[:8]) % SHARES


def is_due(test: str, turn: int) -> bool:
    """Whether a slow test runs in this turn."""
    return share(test) == turn % SHARES


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "in_turn: each turn of the rota runs it over the next of its parameters; the others are slow"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("in_turn"):
        item.add_marker("slow")  # for `-m slow`, which runs all


def next_ones(items: Iterable[pytest.Item], turn: int) -> set[str]:
    """Chooses from the tests under the mark `in_turn`, those of one function or one name together; returns what runs in a turn."""
    tests: dict[str, tuple[int | None, list[str]]] = {}
    for item in items:
        mark = item.get_closest_marker("in_turn")
        if mark:
            name = mark.kwargs.get("name", item.nodeid.partition("[")[0])
            tests.setdefault(name, (mark.kwargs.get("every"), []))[1].append(item.nodeid)
    return {name for every, names in tests.values() for name in names[turn % (every or len(names)) :: every or len(names)]}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rota", action="store_true", help="run the slow tests whose turn it is, and no others")
    parser.addoption("--turn", type=int, metavar="N", help=f"another turn than that of {COUNTER.name}, as --turn=N")


def _turn(config: pytest.Config) -> int:
    given = config.getoption("turn")
    return read() if given is None else given


@pytest.hookimpl(tryfirst=True)  # by the names without xdist's groups, so that any number of processes means the same tests
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.markexpr and not config.option.rota:  # `-m slow` and its like choose for themselves
        return
    turn = _turn(config)
    chosen, left = [], []
    always = set() if config.option.rota else next_ones(items, turn)
    for item in items:
        is_slow = item.get_closest_marker("slow") is not None and item.nodeid not in always
        runs = is_due(item.nodeid, turn) if is_slow else not config.option.rota
        (chosen if runs else left).append(item)
    items[:] = chosen
    config.hook.pytest_deselected(items=left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.rota or not config.option.markexpr:
        turn = _turn(config)
        terminalreporter.line(f"slow tests: turn {turn}, share {turn % SHARES} of 0 to {SHARES - 1}")


def main(arguments: list[str]) -> None:
    """Says which turn it is, or moves on."""
    if arguments not in ([], ["next"]):
        raise SystemExit(f"Expected nothing or `next`. Received: {' '.join(arguments)}")
    print(move_on() if arguments else read())


if __name__ == "__main__":
    main(sys.argv[1:])
