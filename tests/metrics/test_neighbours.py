"""Precision, recall, density and coverage against loops over all pairs, with ties and duplicates."""

from __future__ import annotations

import numpy as np
import pytest

from tfgen.metrics import density_coverage, nearest_radii, neighbour_scores, neighbours, precision_recall

GENERATOR = np.random.default_rng(0)
REAL = GENERATOR.normal(size=(60, 3))
GENERATED = 0.8 * GENERATOR.normal(size=(45, 3)) + 0.4


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.square(a - b).sum()))


def radii_by_loop(rows: np.ndarray, k: int) -> list[float]:
    return [sorted(distance(rows[i], rows[j]) for j in range(len(rows)) if j != i)[k - 1] for i in range(len(rows))]


def by_loop(real: np.ndarray, generated: np.ndarray, precision_k: int, density_k: int) -> tuple[float, ...]:
    """The definitions, one pair after another."""
    real_radii, generated_radii = radii_by_loop(real, precision_k), radii_by_loop(generated, precision_k)
    precision = np.mean([any(distance(y, x) <= r for x, r in zip(real, real_radii, strict=True)) for y in generated])
    recall = np.mean([any(distance(y, x) <= r for y, r in zip(generated, generated_radii, strict=True)) for x in real])
    balls = list(zip(real, radii_by_loop(real, density_k), strict=True))
    density = np.mean([sum(distance(y, x) < r for x, r in balls) for y in generated]) / density_k
    coverage = np.mean([any(distance(y, x) < r for y in generated) for x, r in balls])
    return float(precision), float(recall), float(density), float(coverage)


@pytest.mark.parametrize(("precision_k", "density_k"), [(3, 5), (1, 1), (5, 3), (44, 59)])
def test_they_equal_the_loops(precision_k: int, density_k: int):
    expected = by_loop(REAL, GENERATED, precision_k, density_k)
    found = neighbour_scores(REAL, GENERATED, precision_k=precision_k, density_k=density_k)
    assert found == pytest.approx(expected, abs=1e-12)
    assert precision_recall(REAL, GENERATED, k=precision_k) == found[:2]
    assert density_coverage(REAL, GENERATED, k=density_k) == found[2:]


def test_the_sets_have_their_roles():
    narrow, wide = REAL[:50] * 0.2, GENERATED
    scores = precision_recall(wide, narrow)
    assert scores.precision > 0.9 > 0.5 > scores.recall  # good samples of few kinds
    assert precision_recall(narrow, wide) == scores[::-1]


def test_parts_of_the_distance_matrix_add_up(monkeypatch: pytest.MonkeyPatch):
    whole = neighbour_scores(REAL, GENERATED), nearest_radii(REAL, k=3)
    monkeypatch.setattr(neighbours, "_ROWS", 7)
    assert neighbour_scores(REAL, GENERATED) == pytest.approx(whole[0], abs=1e-12)
    np.testing.assert_allclose(nearest_radii(REAL, k=3), whole[1], rtol=1e-12)


def test_the_order_of_rows_does_not_matter():
    shuffled = np.random.default_rng(1).permutation(REAL), np.random.default_rng(2).permutation(GENERATED)
    assert neighbour_scores(*shuffled) == pytest.approx(neighbour_scores(REAL, GENERATED), abs=1e-12)


def test_equal_distributions_and_disjoint_ones():
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=(2, 2000, 8))
    scores = neighbour_scores(a, b)
    assert scores.density == pytest.approx(1.0, abs=0.05)
    assert scores.coverage == pytest.approx(1 - 2**-5, abs=0.02)  # 1 - (n / (n + m))^k, whatever the distribution is
    assert min(scores[:2]) > 0.75
    assert neighbour_scores(a, b + 100.0) == (0.0, 0.0, 0.0, 0.0)


def test_a_set_against_itself_is_all_ties():
    # each row lies in its own ball and in those of whose k - 1 nearest neighbours it is one: k on average
    scores = neighbour_scores(REAL, REAL, precision_k=3, density_k=5)
    assert scores == pytest.approx((1.0, 1.0, 1.0, 1.0), abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_copy_lies_outside_the_open_ball_that_reaches_to_it(offset: float, dtype: type):
    # with k = 1, row j lies in its own ball alone: those of whose nearest neighbour it is reach exactly to it
    real = (np.random.default_rng(4).normal(size=(200, 64)) + offset).astype(dtype)
    for row in real[:20]:
        assert density_coverage(real, row[None], k=1) == (1.0, 1 / 200)


def test_duplicates_have_radius_zero_which_a_closed_ball_reaches_and_an_open_one_does_not():
    real = np.repeat(np.random.default_rng(5).normal(size=(4, 16)) * 100 + 1000, 5, axis=0).astype(np.float32)
    assert (nearest_radii(real, k=4) == 0.0).all()
    assert (nearest_radii(real, k=5) > 1.0).all()
    assert neighbour_scores(real, real[[0, 5, 10, 15]], precision_k=3, density_k=4)[::2] == (1.0, 0.0)
    assert neighbour_scores(real, real[:4], precision_k=3, density_k=5) == (1.0, 0.25, 1.0, 0.25)
    assert neighbour_scores(real, real + 0.01, precision_k=3, density_k=4) == (0.0, 0.0, 0.0, 0.0)


def test_features_far_from_zero_lose_nothing():
    expected = neighbour_scores(REAL, GENERATED)
    assert neighbour_scores(REAL + 1e6, GENERATED + 1e6) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(nearest_radii(REAL + 1e6, k=2), nearest_radii(REAL, k=2), rtol=1e-8)


def test_radii_by_loop():
    np.testing.assert_allclose(nearest_radii(REAL, k=4), radii_by_loop(REAL, 4), rtol=1e-12)
    both = nearest_radii(REAL, k=(7, 2))
    assert both.shape == (60, 2)
    np.testing.assert_allclose(both[:, 0], radii_by_loop(REAL, 7), rtol=1e-12)
    np.testing.assert_allclose(both[:, 1], radii_by_loop(REAL, 2), rtol=1e-12)


@pytest.mark.parametrize(
    ("real", "generated", "options", "message"),
    [
        (REAL[:3], GENERATED, {}, "from 1 to 2, for 3 rows of `real` have no more.*Received: 3"),
        (REAL, GENERATED[:3], {}, "from 1 to 2, for 3 rows of `generated` have no more"),
        (REAL, GENERATED, {"k": 0}, "from 1 to 59"),
        (REAL, GENERATED, {"k": 1.5}, "Received: 1.5"),
        (REAL, GENERATED[:, :2], {}, "Received: 3 and 2 features per row"),
        (REAL, GENERATED[:0], {}, "Expected rows in both sets. Received: 60 real and 0 generated rows"),
        (REAL, GENERATED * np.nan, {}, "Received: generated with NaN or infinity in row 0"),
        (REAL.reshape(60, 3, 1), GENERATED, {}, "flatten images first"),
    ],
)
def test_bad_sets_are_refused(real, generated, options, message):
    with pytest.raises(ValueError, match=message):
        precision_recall(real, generated, **options)


def test_coverage_needs_no_more_than_one_generated_row():
    scores = density_coverage(REAL, REAL[:1], k=5)
    assert scores.density * 5 == pytest.approx(round(scores.density * 5)) and scores.density > 0
    assert scores.coverage == pytest.approx(scores.density * 5 / 60)
    with pytest.raises(ValueError, match="Received: 60"):
        nearest_radii(REAL, k=60)
