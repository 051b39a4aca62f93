"""Every line of the contract, over each model in which it exercises something of its own; over the others with the slow tests."""

from __future__ import annotations

import pytest

from tfgen.testing import Case, check, select

from .cases import CASES


# the case is the outer loop: a case's lines share what is costly to make
@pytest.mark.parametrize(
    ("case", "line"),
    [
        pytest.param(p.case, p.line, id=f"{p.case.name}-{p.line}", marks=[] if p.representative else [pytest.mark.slow])
        for p in select(CASES)
    ],
)
def test_contract(case: Case, line: str) -> None:
    check(case, line)
