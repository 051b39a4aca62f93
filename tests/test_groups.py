"""Whether groups stay together in one process, and whether the dear ones start first."""

from __future__ import annotations

import heapq
from pathlib import Path

import pytest

from tests import ledger
from tests.groups import dearest_first
from tests.ledger import Spent
from tests.runs import run, write_tests

# each test leaves a file that is named after its group and itself, and holds its process and the time
RAN = """
import os, pathlib, pytest, time
from types import SimpleNamespace
def ran(group, number):
    time.sleep(0.05)
    pathlib.Path(f"ran {group} {number}").write_text(f"{os.getpid()} {time.time()}")
"""
CONTRACT = """
CASES = [SimpleNamespace(name=name) for name in ("first", "second")]
@pytest.mark.parametrize(("number", "case"), [(number, case) for number in range(6) for case in CASES])
def test_contract(case, number):
    ran(case.name, number)
"""
FILE = """
@pytest.mark.parametrize("number", range(5))
def test_the_rest(number):
    ran("rest", number)
@pytest.mark.parametrize("number", range(4))
@pytest.mark.group("marked")
def test_marked(number):
    ran("marked", number)
"""
GROUPS = {"first": 6, "second": 6, "rest": 5, "marked": 4}


def test_a_group_stays_in_one_process_and_the_dearest_starts_first(tmp_path: Path):
    write_tests(tmp_path, test_contract=RAN + CONTRACT, test_file=RAN + FILE)
    assert "21 passed" in run(tmp_path, "-n", "2")
    found = {group: [path.read_text().split() for path in tmp_path.glob(f"ran {group} *")] for group in GROUPS}
    assert {group: len(tests) for group, tests in found.items()} == GROUPS
    assert {group: len({process for process, _ in tests}) for group, tests in found.items()} == dict.fromkeys(GROUPS, 1)
    starts = {group: min(float(when) for _, when in tests) for group, tests in found.items()}
    # without seconds in the ledger, those of most tests: one in each process, and then the other two
    assert max(starts["first"], starts["second"]) < min(starts["rest"], starts["marked"])


def test_the_dearest_group_starts_first():
    known = {"short": Spent(40, 8.0), "long": Spent(2, 32.0), "twin": Spent(2, 32.0)}
    assert dearest_first({"short": 40, "twin": 2, "long": 2}, known) == ["long", "twin", "short"]
    # of one test in two, half the seconds; of a group that nobody knows, 72 s / 44 tests each
    assert ledger.expected("long", 1, known) == 16.0
    assert ledger.expected("new", 11, known) == pytest.approx(18.0)
    assert dearest_first({"new": 11, "long": 1, "twin": 2, "short": 40}, known) == ["twin", "new", "long", "short"]
    assert dearest_first({"a": 1, "b": 3}, {}) == ["b", "a"]  # without a ledger, by the number of tests


def idle(seconds: list[float], processes: int = 2) -> float:
    """How long one process waits for the last when each takes the next group as soon as it is free."""
    ends = [0.0] * processes
    for duration in seconds:
        heapq.heapreplace(ends, ends[0] + duration)
    return max(ends) - min(ends)


def test_the_kept_order_leaves_no_process_idle():
    known = ledger.read()["groups"]
    groups = {name: spent.tests for name, spent in known.items()}
    assert idle([3.0, 2.0, 2.0]) == 1.0 and idle([2.0, 2.0, 3.0]) == 3.0
    ordered = [known[name].seconds for name in dearest_first(groups, known)]
    assert idle(ordered) <= 0.02 * sum(ordered) / 2
