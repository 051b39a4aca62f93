"""Every line of the contract over every model."""

from __future__ import annotations

import pytest

from tfgen.testing import Case, check, lines_of

from .cases import CASES


# the case is the outer loop: a case's lines share what is costly to make
@pytest.mark.parametrize(
    ("case", "line"), [pytest.param(c, line, id=f"{c.name}-{line}") for c in CASES for line in lines_of(c)]
)
def test_contract(case: Case, line: str) -> None:
    check(case, line)
