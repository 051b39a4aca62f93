"""The Frechet distance against scipy's matrix square root, closed forms, and sets that are degenerate."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.linalg

from tfgen.metrics import Moments, frechet_distance


def rows_of(loc: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Makes rows that have this very mean and unbiased covariance."""
    size = len(loc)
    noise = np.random.default_rng(0).normal(size=(4 * size, size))
    noise -= noise.mean(0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise, rowvar=False).reshape(size, size))).T
    return loc + white @ np.linalg.cholesky(covariance).T


def random_rows(seed: int, n: int, d: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, d)) @ generator.normal(size=(d, d)) + generator.normal(size=d)


def by_scipy(a: np.ndarray, b: np.ndarray) -> float:
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(sum(covariances)) - 2.0 * np.trace(root).real)


@pytest.mark.parametrize(("n", "d"), [(50, 2), (200, 16), (500, 64)])
def test_it_equals_scipy(n: int, d: int):
    a, b = random_rows(1, n, d), random_rows(2, n + 7, d)
    assert frechet_distance(a, b) == pytest.approx(by_scipy(a, b), rel=1e-9)


def test_gaussians_in_one_dimension():
    # (m - n)^2 + (s - t)^2
    a = rows_of(np.array([1.0]), np.array([[4.0]]))
    b = rows_of(np.array([-2.0]), np.array([[9.0]]))
    assert frechet_distance(a, b) == pytest.approx(9.0 + 1.0, rel=1e-12)


def test_gaussians_whose_covariances_commute():
    a = rows_of(np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    b = rows_of(np.ones(3), np.diag([4.0, 4.0, 1.0]))
    assert frechet_distance(a, b) == pytest.approx(3.0 + (1.0 + 0.0 + 4.0), rel=1e-12)


def test_gaussians_whose_covariances_do_not_commute():
    # for 2x2 matrices trace(M^(1/2)) = (trace M + 2 det(M)^(1/2))^(1/2)
    first, second = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, 1.0]])
    product = first @ second
    root = np.sqrt(np.trace(product) + 2.0 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(first + second) - 2.0 * root
    assert frechet_distance(rows_of(np.zeros(2), first), rows_of(np.zeros(2), second)) == pytest.approx(expected, rel=1e-10)


def test_a_shift_adds_its_square_and_a_scale_multiplies_by_its_square():
    a, b = random_rows(1, 60, 4), random_rows(2, 60, 4)
    shift = np.array([1.0, -2.0, 0.5, 0.0])
    assert frechet_distance(a, a + shift) == pytest.approx(5.25, rel=1e-10)
    assert frechet_distance(3.0 * a, 3.0 * b) == pytest.approx(9.0 * frechet_distance(a, b), rel=1e-10)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)


def test_a_rotation_of_both_changes_nothing():
    a, b = random_rows(1, 60, 4), random_rows(2, 60, 4)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(frechet_distance(a, b), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(100, 8), (10, 64), (2, 3)])
def test_a_set_is_at_no_distance_from_itself(n: int, d: int):
    rows = random_rows(3, n, d)
    size = np.trace(np.cov(rows, rowvar=False))
    assert 0.0 <= frechet_distance(rows, rows) <= 1e-12 * size
    assert 0.0 <= frechet_distance(rows, rows[::-1]) <= 1e-12 * size


def test_degenerate_features_do_no_harm():
    constant = np.full((10, 3), 2.0)
    few = random_rows(4, 5, 40)  # rank 4 of 40
    padded = np.hstack([random_rows(5, 50, 4), np.zeros((50, 2)), np.ones((50, 2))])
    other = np.hstack([random_rows(6, 50, 4), np.zeros((50, 2)), np.ones((50, 2))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert frechet_distance(constant, constant) == 0.0
        assert frechet_distance(constant, constant + 1.0) == pytest.approx(3.0)
        assert frechet_distance(constant, few[:, :3]) > 0.0
        assert np.isfinite(frechet_distance(few, random_rows(7, 6, 40)))
        assert frechet_distance(padded, other) == pytest.approx(frechet_distance(padded[:, :4], other[:, :4]), rel=1e-6)


def test_orthogonal_supports():
    # no direction is common, so nothing is taken off the traces
    a = np.zeros((6, 4))
    b = np.zeros((6, 4))
    a[:, 0], b[:, 1] = [1, -1, 2, -2, 3, -3], [2, -2, 1, -1, 0, 0]
    assert frechet_distance(a, b) == pytest.approx(28 / 5 + 10 / 5, rel=1e-12)


def test_moments_and_arrays_give_the_same():
    a, b = random_rows(1, 60, 4), random_rows(2, 60, 4)
    moments = Moments()
    for part in np.split(a, [7, 20]):
        moments.update(part)
    assert frechet_distance(moments, b) == pytest.approx(frechet_distance(a, b), rel=1e-12)
    assert frechet_distance(moments, moments) == pytest.approx(0.0, abs=1e-10)


def test_large_and_small_features():
    a, b = random_rows(1, 60, 4), random_rows(2, 60, 4)
    expected = frechet_distance(a, b)
    assert frechet_distance(1e60 * a, 1e60 * b) == pytest.approx(1e120 * expected, rel=1e-9)
    assert frechet_distance(1e-60 * a, 1e-60 * b) == pytest.approx(1e-120 * expected, rel=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 2)), np.zeros((5, 2)), "at least 2 rows in `a` for a covariance. Received: 1 rows"),
        (np.zeros((5, 2)), np.zeros((0, 2)), "at least 2 rows in `b` for a covariance. Received: 0 rows"),
        (np.zeros((5, 2)), np.zeros((5, 3)), "features of one size. Received: 2 and 3 features per row"),
        (np.zeros((5, 2, 2)), np.zeros((5, 2)), "flatten images first"),
        (np.full((5, 2), np.inf), np.zeros((5, 2)), "NaN or infinity in row 0"),
        (1e200 * random_rows(1, 5, 2), np.zeros((5, 2)), "squares float64 can hold; scale all sets down"),
    ],
)
def test_bad_sets_are_refused(a, b, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            frechet_distance(a, b)
