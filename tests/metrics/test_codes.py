"""Entropy of codes and tables of order 1, against sums written out and processes whose entropy is known."""

from __future__ import annotations

import numpy as np
import pytest

from tfgen.metrics import code_entropy, order_1_nll


def test_the_entropy_of_known_shares():
    codes = np.repeat([0, 1, 2, 5], [8, 4, 2, 2]).reshape(4, 4)
    assert code_entropy(codes, levels=6) == pytest.approx((0.5 + 0.5 + 0.375 + 0.375) * np.log(2))
    assert code_entropy(np.full(9, 3)) == 0.0
    assert code_entropy(np.arange(256)) == pytest.approx(np.log(256))


def test_the_table_is_the_formula():
    training, held_out = np.array([[0, 1, 1], [1, 0, 1]]), np.array([[1, 0]])
    marginal = {0: 3 / 8, 1: 5 / 8}
    expected = -np.log(marginal[1]) - np.log((1 + 2 * marginal[0]) / (2 + 2))
    assert order_1_nll(training, held_out, levels=2, smoothing=2.0) == pytest.approx(expected / 2)


def test_a_markov_chain_costs_its_entropy_rate():
    rng = np.random.default_rng(0)
    turns = rng.random((60, 2000)) < 0.1  # the next code differs from the last one in a tenth of all cases
    codes = np.cumsum(turns, 1) % 2
    rate = -0.1 * np.log(0.1) - 0.9 * np.log(0.9)
    assert order_1_nll(codes[:30], codes[30:], levels=2) == pytest.approx(rate, abs=0.01)
    assert code_entropy(codes, levels=2) == pytest.approx(np.log(2), abs=0.01)
    assert np.isfinite(order_1_nll(codes[:30], np.full((1, 5), 7), levels=8))  # never seen in training


@pytest.mark.parametrize("codes", [np.array([], int), np.array([0.5]), np.array([-1]), np.array([2])])
def test_what_is_no_code_is_refused(codes):
    for compute in (lambda: code_entropy(codes, levels=2), lambda: order_1_nll(codes, np.array([0]), levels=2)):
        with pytest.raises(ValueError, match=r"Expected integers in \[0, 2\)"):
            compute()
    with pytest.raises(ValueError, match=r"`smoothing` must be a number above 0. Received"):
        order_1_nll(np.array([0]), np.array([0]), smoothing=0.0)
