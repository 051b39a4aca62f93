"""Checks that layers and networks share: what passes comes back in its type, what does not is told in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfgen.layers.arguments import check_dilations, check_multiple, check_odd, check_rate


def test_what_passes_comes_back_in_its_type():
    assert check_dilations(np.array([1, 2])) == (1, 2) and check_dilations(3) == (3,)
    assert type(check_multiple(np.int32(6), "filters", 3)) is int
    assert check_odd(1, "kernel_size") == 1 and check_odd(5, "kernel_size", least=3) == 5
    assert check_rate(0, "dropout") == 0.0 and type(check_rate(0, "dropout")) is float


@pytest.mark.parametrize(
    ("check", "value", "sentence"),
    [
        (check_dilations, (), r"Expected one dilation or more. Received: dilations=\(\)"),
        (check_dilations, (1, 0), "`dilations` to be a list of positive integers"),
        (lambda value, name: check_multiple(value, name, 3), 4, "`filters` must be a multiple of the 3 ordered channels"),
        (lambda value, name: check_multiple(value, name, 3), 0, "`filters` must be an integer of at least 1"),
        (check_odd, 4, "must be odd, so that there is a centre. Received: .*=4"),
        (lambda value, name: check_odd(value, name, least=3), 1, "must be an integer of at least 3"),
        (check_rate, 1.0, r"must lie in \[0, 1\). Received: .*=1.0"),
        (check_rate, -0.1, "must be a number of at least 0"),
        (check_rate, float("nan"), "must be a number of at least 0"),
    ],
)
def test_what_does_not_pass_is_told_in_one_sentence(check: Any, value: Any, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        check(value, "dilations" if check is check_dilations else "filters")
