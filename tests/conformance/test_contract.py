"""Every line of the contract over every model."""

from __future__ import annotations

from typing import Any

import pytest

import tfgen
from tfgen.testing import LINES, Case, check, lines_of

from .cases import CASES, FAMILIES, OF_THE_FAMILY, VARIANTS, is_slow


def parameters(case: Case, line: str) -> Any:
    """One line over one model, marked where it is left to the slow tests."""
    return pytest.param(case, line, id=f"{case.name}-{line}", marks=[pytest.mark.slow] if is_slow(case, line) else [])


# the case is the outer loop: a case's lines share what is costly to make
@pytest.mark.parametrize(("case", "line"), [parameters(c, line) for c in CASES for line in lines_of(c)])
def test_contract(case: Case, line: str) -> None:
    check(case, line)


def kept(*, slow: bool, lines: set[str]) -> set[tuple[str, str]]:
    """Pairs of a model, the first word of its cases, and a line that is checked with the slow tests, or without them."""
    return {(c.name.split("-")[0], line) for c in CASES for line in lines & {*lines_of(c)} if is_slow(c, line) == slow}


def test_what_is_left_to_the_slow_tests_another_case_of_the_same_model_keeps():
    lines = {*LINES} - {*OF_THE_FAMILY}
    assert kept(slow=True, lines=lines) and kept(slow=True, lines=lines) <= kept(slow=False, lines=lines)
    assert set(VARIANTS) < {c.name for c in CASES}


def test_what_families_do_for_all_their_models_one_case_of_each_keeps():
    cases = [c for c in CASES if c.name in FAMILIES]
    assert not any(is_slow(c, line) for c in cases for line in OF_THE_FAMILY)
    assert all({*OF_THE_FAMILY} <= {*lines_of(c)} for c in cases)
    bases = [tfgen.AutoregressiveModel, tfgen.LatentVariableModel, tfgen.AdversarialModel]
    assert [[isinstance(c.build(), base) for base in bases].index(True) for c in cases] == [0, 1, 2]
