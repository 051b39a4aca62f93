"""The kernel distance against a double loop, and the proof that it is unbiased."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tfgen.metrics import kernel_distance

ROWS = np.random.default_rng(0).normal(size=(40, 3))
OTHERS = 1.2 * np.random.default_rng(1).normal(size=(50, 3)) + 0.3


def double_loop(x: np.ndarray, y: np.ndarray) -> float:
    """The definition, one pair after another."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (sum(float(s) * float(t) for s, t in zip(a, b, strict=True)) / len(a) + 1.0) ** 3

    within = [
        sum(kernel(rows[i], rows[j]) for i, j in itertools.permutations(range(len(rows)), 2)) / (len(rows) * (len(rows) - 1))
        for rows in (x, y)
    ]
    between = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    return sum(within) - 2.0 * between


def test_it_equals_the_double_loop():
    found = kernel_distance(ROWS, OTHERS[:40], subsets=3, subset_size=40)
    assert found.value == pytest.approx(double_loop(ROWS, OTHERS[:40]), rel=1e-10)
    assert found.std == pytest.approx(0.0, abs=1e-12)  # every subset is the whole set


def test_subsets_of_two_rows_equal_the_double_loop():
    # the mean over all subsets is what many random ones come near to
    a, b = ROWS[:4], OTHERS[:4]
    pairs = list(itertools.combinations(range(4), 2))
    values = [double_loop(a[list(i)], b[list(j)]) for i in pairs for j in pairs]
    found = kernel_distance(a, b, subsets=4000, subset_size=2)
    assert found.value == pytest.approx(np.mean(values), abs=5 * np.std(values) / np.sqrt(4000))
    assert found.std == pytest.approx(np.std(values), rel=0.1)


def test_it_is_unbiased_for_small_subsets():
    generator = np.random.default_rng(2)
    values = [
        kernel_distance(generator.normal(size=(10, 4)), generator.normal(size=(10, 4)), subsets=1, subset_size=10).value
        for _ in range(2000)
    ]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0 < max(values)
    # with the pairs (i, i) left in, either set would add (E k(x, x) - E k(x, y)) / m, and E k(x, y) = 1 + 3 / 4 here
    squares = np.square(generator.normal(size=(10_000, 4))).sum(1)
    assert 2 * (np.mean((squares / 4 + 1) ** 3) - 1.75) / 10 > 10 * error


def test_the_expectation_does_not_depend_on_the_subset_size():
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=(4000, 4)), generator.normal(size=(4000, 4)) + 0.5
    small = kernel_distance(a, b, subsets=2000, subset_size=5)
    large = kernel_distance(a, b, subsets=20, subset_size=1000)
    assert small.value == pytest.approx(large.value, abs=5 * small.std / np.sqrt(2000))
    assert small.std > 10 * large.std
    assert large.value > 10 * large.std


def test_a_seed_repeats_and_another_chooses_other_subsets():
    options = {"subsets": 4, "subset_size": 10}
    first = kernel_distance(ROWS, OTHERS, seed=1, **options)
    assert first == kernel_distance(ROWS, OTHERS, seed=1, **options)
    assert first.value != kernel_distance(ROWS, OTHERS, seed=2, **options).value


def test_the_subsets_are_those_that_are_documented():
    from tfgen.random import row_seeds

    keys = row_seeds(5, 4)
    values = [
        double_loop(ROWS[np.argsort(row_seeds(keys[2 * s], 40))[:6]], OTHERS[np.argsort(row_seeds(keys[2 * s + 1], 50))[:6]])
        for s in range(2)
    ]
    found = kernel_distance(ROWS, OTHERS, subsets=2, subset_size=6, seed=5)
    assert found == pytest.approx((np.mean(values), np.std(values)), rel=1e-9)


def test_float32_features_are_multiplied_in_float64():
    rows, others = ROWS.astype(np.float32), OTHERS.astype(np.float32)
    options = {"subsets": 5, "subset_size": 20}
    assert kernel_distance(rows, others, **options) == kernel_distance(
        rows.astype(np.float64), others.astype(np.float64), **options
    )


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        (ROWS, OTHERS, {}, "`subset_size` must be at most 40, the rows of the smaller set.*Received: subset_size=1000"),
        (ROWS, OTHERS, {"subset_size": 1}, "`subset_size` must be an integer of at least 2. Received: subset_size=1"),
        (ROWS, OTHERS, {"subset_size": 5, "subsets": 0}, "`subsets` must be an integer of at least 1. Received: subsets=0"),
        (ROWS, OTHERS[:, :2], {"subset_size": 5}, "Received: 3 and 2 features per row"),
        (ROWS * np.nan, OTHERS, {"subset_size": 5}, "Received: a with NaN or infinity in row 0"),
        (ROWS * 1e60, OTHERS, {"subset_size": 5}, "sixth powers float64 can hold"),
    ],
)
def test_bad_sets_are_refused(a, b, options, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(a, b, **options)
