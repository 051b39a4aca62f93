"""Every line of the contract over every model."""

from __future__ import annotations

from typing import Any

import pytest

from tfgen.testing import Case, check, lines_of

from .cases import CASES, VARIANTS, is_slow


def parameters(case: Case, line: str) -> Any:
    """One line over one model, marked where it is left to the slow tests."""
    return pytest.param(case, line, id=f"{case.name}-{line}", marks=[pytest.mark.slow] if is_slow(case, line) else [])


# the case is the outer loop: a case's lines share what is costly to make
@pytest.mark.parametrize(("case", "line"), [parameters(c, line) for c in CASES for line in lines_of(c)])
def test_contract(case: Case, line: str) -> None:
    check(case, line)


def test_what_is_left_to_the_slow_tests_another_case_of_the_same_model_keeps():
    kept = {(c.name.split("-")[0], line) for c in CASES for line in lines_of(c) if not is_slow(c, line)}
    slow = {(c.name.split("-")[0], line) for c in CASES for line in lines_of(c) if is_slow(c, line)}
    assert slow and slow <= kept
    assert set(VARIANTS) < {c.name for c in CASES}
