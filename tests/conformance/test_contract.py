"""Every line of the contract, over each model in which it exercises something of its own; over the others with the slow tests."""

from __future__ import annotations

from collections import Counter

import pytest

from tfgen.testing import LINES, Case, check, select

from .cases import CASES
from .counting import counting

PAIRS = select(CASES)
MOST_GRAPHS = 300  # of a case: four times what `fit`, `evaluate`, `predict` and all operations take
PROCESSES = {"load_in_new_process": 1, "resume_in_new_process": 1, "resume_after_kill": 2}  # of a line; others start none

graphs_of_case: Counter[str] = Counter()


# the case is the outer loop: a case's lines share what is costly to make
@pytest.mark.parametrize(
    ("case", "line"),
    [
        pytest.param(p.case, p.line, id=f"{p.case.name}-{p.line}", marks=[] if p.representative else [pytest.mark.slow])
        for p in PAIRS
    ],
)
def test_contract(case: Case, line: str) -> None:
    with counting() as counted:
        check(case, line)
    graphs_of_case[case.name] += counted.graphs
    assert counted.processes <= PROCESSES.get(line, 0), "a process takes seconds: let jobs share one, or name the line above"
    assert graphs_of_case[case.name] <= MOST_GRAPHS, f"{counted.graphs} graphs are of `{line}`: a graph takes a second to trace"


def test_every_line_is_kept_in_every_run() -> None:
    assert {p.line for p in PAIRS if p.representative} == {*LINES}


def test_only_what_a_model_has_one_form_of_is_exempt() -> None:
    assert {line for case in CASES for line in case.exempt} <= {"sizes", "own_networks"}
