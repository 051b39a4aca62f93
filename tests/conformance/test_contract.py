"""Every line of the contract, over each model in which it exercises something of its own; over the others with the slow tests."""

from __future__ import annotations

from collections import Counter

import pytest

from tfgen.testing import LINES, Case, Pair, check, select

from .cases import CASES
from .counting import counting

PAIRS = select(CASES)
MOST_GRAPHS = 800  # of a case, with those of its data sets, of branches and of loops
PROCESSES = {"load_in_new_process": 1, "resume_in_new_process": 1, "resume_after_kill": 2}  # of a line; others start none

DEAR = {"replicas", "jit_compile", "mixed_bfloat16", "mixed_float16"}  # five seconds a case: a third of the cases each time


def marks(pair: Pair) -> list[pytest.MarkDecorator]:
    """Says when a pair is checked: always, in turn with others of its line, or with the slow tests."""
    if not pair.representative:
        return [pytest.mark.slow]
    return [pytest.mark.in_turn(name=pair.line, every=3)] if pair.line in DEAR else []


graphs_of_case: Counter[str] = Counter()


# the case is the outer loop: a case's lines share what is costly to make
@pytest.mark.parametrize(
    ("case", "line"),
    [pytest.param(p.case, p.line, id=f"{p.case.name}-{p.line}", marks=marks(p)) for p in PAIRS],
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
