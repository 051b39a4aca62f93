"""Whether the ledger sums every test once, by case, line, file and group."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ledger
from tests.ledger import Spent
from tests.runs import run, write_tests

CONTRACT = """
from types import SimpleNamespace
import time, pytest
CASES = [SimpleNamespace(name=name) for name in ("first", "second")]
@pytest.mark.parametrize(("case", "line"), [(case, line) for case in CASES for line in ("saves", "trains")])
def test_contract(case, line):
    time.sleep(0.3 * (line == "trains"))
"""
FILE = """
import pytest
@pytest.mark.parametrize("number", range(6))
def test_one_process(number):
    pass
@pytest.mark.parametrize("number", [pytest.param(n, marks=pytest.mark.group(f"alone {n}")) for n in range(2)])
def test_alone(number):
    pass
"""


def test_a_run_is_summed(tmp_path: Path):
    write_tests(tmp_path, test_contract=CONTRACT, test_file=FILE)
    printed = run(tmp_path, "-n", "2")
    assert "12 passed" in printed and "less to do" in printed
    sums = ledger.read(tmp_path / "build" / "ledger.json")  # a whole run leaves it by itself
    tests = {kind: {name: spent.tests for name, spent in sums[kind].items()} for kind in ledger.KINDS}
    assert tests == {
        "groups": {"first": 2, "second": 2, "small/test_file.py": 6, "alone 0": 1, "alone 1": 1},
        "cases": {"first": 2, "second": 2},
        "lines": {"saves": 2, "trains": 2},
        "files": {"small/test_contract.py": 4, "small/test_file.py": 8},
    }
    assert sums["cases"]["first"].seconds >= 0.3 and sums["lines"]["trains"].seconds >= 0.6 > sums["lines"]["saves"].seconds
    assert sums["files"]["small/test_contract.py"].seconds >= 0.6


def test_a_part_of_a_run_leaves_no_sums_unasked(tmp_path: Path):
    write_tests(tmp_path, test_contract=CONTRACT, test_file=FILE)
    run(tmp_path, "-n", "0", "-k", "saves")
    assert not (tmp_path / "build").exists()
    run(tmp_path, "-n", "0", "-k", "saves", "--ledger=some.json")
    assert ledger.read(tmp_path / "some.json")["lines"].keys() == {"saves"}


def test_sums_are_read_as_they_were_written(tmp_path: Path):
    sums = {kind: {f"{kind} a": Spent(3, 1.5), 'quoted "b"': Spent(1, 0.0)} for kind in ledger.KINDS}
    ledger.write(sums, tmp_path / "deeper" / "sums.json")
    assert ledger.read(tmp_path / "deeper" / "sums.json") == sums
    assert ledger.read(tmp_path / "none.json") == {kind: {} for kind in ledger.KINDS}


def test_the_command_keeps_what_a_run_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger, "KEPT", tmp_path / "tests" / "ledger.json")
    with pytest.raises(SystemExit, match="Expected the sums of a whole run"):
        ledger.main([])
    sums = {kind: {"a": Spent(3, 1.5)} for kind in ledger.KINDS}
    ledger.write(sums, tmp_path / "build" / "ledger.json")
    ledger.main([])
    assert ledger.read(tmp_path / "tests" / "ledger.json") == {**sums, "cases": {}, "files": {}}
