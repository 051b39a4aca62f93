"""The accumulator of means and covariances against numpy, batch by batch."""

from __future__ import annotations

import numpy as np
import pytest

from tfgen.metrics import Moments

ROWS = np.random.default_rng(0).normal(size=(100, 5)) @ np.random.default_rng(1).normal(size=(5, 5)) + 3.0


def accumulated(*batches: np.ndarray) -> Moments:
    moments = Moments()
    for batch in batches:
        moments.update(batch)
    return moments


def same(a: Moments, b: Moments, tolerance: float = 1e-12) -> None:
    assert a.count == b.count
    np.testing.assert_allclose(a.mean, b.mean, rtol=tolerance)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=tolerance, atol=tolerance)


def test_it_equals_numpy():
    moments = accumulated(ROWS)
    assert moments.count == 100
    np.testing.assert_allclose(moments.mean, ROWS.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(ROWS, rowvar=False), rtol=1e-12, atol=1e-13)
    assert moments.mean.dtype == moments.covariance.dtype == np.float64


@pytest.mark.parametrize("cuts", [[1], [2, 3, 50], [0, 99], list(range(1, 100))])
def test_batches_of_any_size_and_order_give_the_same(cuts: list[int]):
    parts = np.split(ROWS, cuts)
    same(accumulated(*parts), accumulated(ROWS))
    same(accumulated(*parts[::-1]), accumulated(ROWS))


def test_more_rows_than_are_copied_at_once():
    rows = np.random.default_rng(2).normal(size=(10_000, 2)).astype(np.float32)
    np.testing.assert_allclose(accumulated(rows).covariance, np.cov(rows.astype(np.float64), rowvar=False), rtol=1e-12)


def test_merging_equals_one_accumulator_and_leaves_the_other_alone():
    first, second = accumulated(ROWS[:30]), accumulated(ROWS[30:])
    before = second.mean
    first.merge(second)
    same(first, accumulated(ROWS))
    assert second.count == 70 and (second.mean == before).all()
    first.update(ROWS + 1.0)
    assert (second.mean == before).all()


def test_empty_ones_merge_without_effect():
    moments, empty = accumulated(ROWS), Moments()
    moments.merge(Moments())
    same(moments, accumulated(ROWS))
    empty.merge(moments)
    same(empty, moments)
    empty.update(ROWS)  # has its own copy
    same(moments, accumulated(ROWS))
    moments.update(np.zeros((0, 5)))
    assert moments.count == 100


def test_a_far_mean_costs_no_digits():
    # squares of 1e8 take 16 digits: a sum of squares would leave nothing of a variance of 1
    rows = ROWS / ROWS.std(0) + 1e8
    parts = accumulated(*np.split(rows, 10))
    np.testing.assert_allclose(np.diag(parts.covariance), 1.0 * 100 / 99, rtol=1e-6)
    naive = (rows**2).mean(0) - rows.mean(0) ** 2
    assert np.abs(naive - 1.0).max() > 0.5


def test_half_precision_is_summed_in_float64():
    rows = np.full((5000, 1), 1.0, np.float16)
    assert accumulated(rows).mean[0] == 1.0  # adding in float16 stops at 2048


def test_what_it_returns_is_a_copy():
    moments = accumulated(ROWS)
    moments.mean[:] = 0.0
    moments.covariance[:] = 0.0
    same(moments, accumulated(ROWS))


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (np.zeros((3, 2, 1)), ValueError, r"`features` of shape \(n, d\).*flatten.*Received: features of shape \(3, 2, 1\)"),
        (np.zeros((3, 0)), ValueError, r"Received: features of shape \(3, 0\)"),
        (np.array([[0.0], [np.nan]]), ValueError, "Expected finite features. Received: features with NaN or infinity in row 1"),
        (np.array([["a"]]), TypeError, "Expected `features` to hold numbers"),
        (np.zeros((3, 4)), ValueError, "features of one size. Received: 5 and 4 features per row"),
    ],
)
def test_bad_rows_are_refused(rows, error, message):
    moments = accumulated(ROWS)
    with pytest.raises(error, match=message):
        moments.update(rows)
    same(moments, accumulated(ROWS))


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match=r"at least 1 row for a mean.*Received: 0 rows"):
        _ = Moments().mean
    with pytest.raises(ValueError, match=r"at least 2 rows for a covariance.*Received: 1 rows"):
        _ = accumulated(ROWS[:1]).covariance
