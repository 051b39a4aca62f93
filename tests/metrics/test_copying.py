"""Memorisation: exact neighbours, scipy's Mann-Whitney test, copies against fresh draws against noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from tfgen.metrics import data_copying_statistic, nearest_neighbours
from tfgen.metrics._clusters import k_means, nearest_centres
from tfgen.metrics.copying import mann_whitney_z

RANDOM = np.random.default_rng


@pytest.mark.parametrize(("n", "m", "k"), [(1, 1, 1), (7, 5, 5), (40, 130, 1), (130, 97, 4)])
@pytest.mark.parametrize("block", [3, 32, 4096])
def test_neighbours_are_those_of_a_tree(n, m, k, block, monkeypatch):
    monkeypatch.setattr("tfgen.metrics.copying._BLOCK", block)
    queries, references = RANDOM(0).normal(size=(n, 6)), RANDOM(1).normal(size=(m, 6)).astype(np.float32)
    indices, distances = nearest_neighbours(queries, references, k=k)
    expected, columns = cKDTree(references.astype(np.float64)).query(queries, k=range(1, k + 1))
    assert (indices.dtype, distances.dtype, indices.shape) == (np.int64, np.float64, (n, k))
    np.testing.assert_array_equal(indices, columns)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_copy_is_at_distance_zero_even_far_from_the_origin(dtype):
    references = (RANDOM(2).integers(0, 256, (50, 300)) + (0 if dtype is np.uint8 else 1e5)).astype(dtype)
    indices, distances = nearest_neighbours(references[::-1], references)
    assert indices[:, 0].tolist() == list(range(49, -1, -1))
    assert (distances == 0).all()


def test_of_equally_near_rows_the_first_comes_first(monkeypatch):
    references = np.array([[1.0], [-1.0], [3.0], [1.0], [-1.0]])
    for block in (2, 64):
        monkeypatch.setattr("tfgen.metrics.copying._BLOCK", block)
        assert nearest_neighbours([[0.0]], references, k=4)[0].tolist() == [[0, 1, 3, 4]]


def test_no_query_has_no_neighbour():
    indices, distances = nearest_neighbours(np.zeros((0, 3)), np.ones((4, 3)), k=2)
    assert indices.shape == distances.shape == (0, 2)


@pytest.mark.parametrize("levels", [2, 5, 10**9])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 8), (50, 41)])
def test_the_rank_test_is_that_of_scipy(levels, n, m):
    first, second = RANDOM(n).integers(0, levels, n) + 1, RANDOM(m + 100).integers(0, levels, m)
    expected = stats.mannwhitneyu(first, second, use_continuity=False, method="asymptotic", alternative="greater")
    z = mann_whitney_z(first, second)
    assert stats.norm.sf(z) == pytest.approx(expected.pvalue, rel=1e-9)
    assert mann_whitney_z(second, first) == pytest.approx(-z)
    pairs = (first[:, None] > second).sum() + (first[:, None] == second).sum() / 2
    assert pairs == expected.statistic


def test_equal_numbers_say_nothing():
    assert mann_whitney_z([2.0, 2.0], [2.0, 2.0, 2.0]) == 0.0
    with pytest.raises(ValueError, match=r"none empty. Received: shapes \(0,\) and \(1,\)"):
        mann_whitney_z([], [1.0])


def clouds(n, seed, scale=1.0):
    """Rows around four centres that lie far apart, and which of them."""
    random = RANDOM(seed)
    of = random.integers(0, 4, n)
    return (20.0 * np.eye(4, 8)[of] + scale * random.normal(size=(n, 8))).astype(np.float32), of


def test_clusters_that_are_there_are_found():
    rows, of = clouds(400, 0)
    centres, assigned = k_means(rows, 4, seed=3)
    assert len({(int(a), int(b)) for a, b in zip(assigned, of, strict=True)}) == 4
    for cell in range(4):
        np.testing.assert_allclose(centres[cell], rows[assigned == cell].mean(0), rtol=1e-5, atol=1e-5)
    again = k_means(rows, 4, seed=3)
    np.testing.assert_array_equal(again[0], centres)
    np.testing.assert_array_equal(again[1], assigned)


def test_lloyds_fixed_point_is_that_of_scipy(monkeypatch):
    rows = RANDOM(5).normal(size=(300, 3))
    centres, assigned = k_means(rows, 7, seed=1)
    theirs, labels = kmeans2(rows, centres, iter=5, minit="matrix")
    np.testing.assert_allclose(theirs, centres, atol=1e-12)
    np.testing.assert_array_equal(labels, assigned)
    squares = ((rows[:, None] - centres) ** 2).sum(-1)
    monkeypatch.setattr("tfgen.metrics._clusters._CHUNK", 40)
    np.testing.assert_array_equal(nearest_centres(rows, centres), squares.argmin(1))
    np.testing.assert_array_equal(k_means(rows, 7, seed=1)[1], assigned)


def test_an_empty_cell_starts_again(monkeypatch):
    rows = np.array([[0.0], [1.0], [10.0], [11.0]])
    far = np.array([[0.0], [10.0], [500.0]])  # nothing is nearest to the last
    monkeypatch.setattr("tfgen.metrics._clusters._first_centres", lambda *_: far.copy())
    centres, assigned = k_means(rows, 3)
    assert np.bincount(assigned, minlength=3).all()
    np.testing.assert_allclose(centres[:, 0], [rows[assigned == cell].mean() for cell in range(3)])


def test_first_centres_are_different_rows_drawn_by_squared_distance():
    rows = np.array([[0.0], [0.0], [0.0], [1.0], [3.0]])
    assert sorted(k_means(rows, 3, seed=0)[0].ravel().tolist()) == [0.0, 1.0, 3.0]
    with pytest.raises(ValueError, match=r"at least 4 different rows for 4 cells. Received: 3 different rows"):
        k_means(rows, 4)
    far = np.array([[0.0]] * 2000 + [[1000.0]])
    assert all(k_means(far, 2, seed=seed)[0].max() == 1000.0 for seed in range(20))


def test_copies_are_far_below_zero_noise_far_above_and_fresh_draws_between():
    train, test, fresh = (clouds(1200, seed)[0] for seed in (0, 1, 2))
    noise = RANDOM(3).normal(size=train.shape)
    copies = train + 1e-2 * noise
    found = {
        name: data_copying_statistic(train, test, rows, cells=4, seed=0)
        for name, rows in {"copies": copies, "fresh": fresh, "wide": clouds(1200, 4, 2.0)[0], "far": 60.0 + noise}.items()
    }
    assert found["copies"].statistic < -15
    assert abs(found["fresh"].statistic) < 3 * found["fresh"].null_scale
    assert found["wide"].statistic > 10
    assert found["far"].statistic > 10
    assert found["fresh"].null_scale == pytest.approx(0.5, rel=0.02)
    half = data_copying_statistic(train, test, np.concatenate([copies[:600], fresh[:600]]), cells=4)
    assert found["copies"].statistic < half.statistic < -5


def test_the_statistic_of_fresh_draws_has_the_stated_spread():
    values, scales = [], []
    for seed in range(60):
        rows = RANDOM(seed).normal(size=(900, 2))
        found = data_copying_statistic(rows[:300], rows[300:600], rows[600:], cells=4, seed=seed)
        values.append(found.statistic)
        scales.append(found.null_scale)
    ratios = np.array(values) / np.array(scales)
    assert stats.kstest(ratios, "norm").pvalue > 1e-3


def test_the_statistic_is_the_weighted_mean_of_the_cells():
    train, test = clouds(400, 0)[0], clouds(500, 1)[0]
    generated = np.concatenate([clouds(300, 2)[0], train[:100]])
    found = data_copying_statistic(train, test, generated, cells=4, seed=5)
    centres, _ = k_means(train, 4, seed=5)
    (train_cells, test_cells, generated_cells) = (nearest_centres(rows, centres) for rows in (train, test, generated))
    z = []
    for cell in range(4):
        tree = cKDTree(train[train_cells == cell].astype(np.float64))
        theirs, unseen = tree.query(generated[generated_cells == cell])[0], tree.query(test[test_cells == cell])[0]
        assert found.test_share[cell] == len(unseen) / 500 and found.generated_share[cell] == len(theirs) / 400
        p = stats.mannwhitneyu(theirs, unseen, use_continuity=False, method="asymptotic", alternative="less").pvalue
        z.append(stats.norm.ppf(p))
    np.testing.assert_allclose(found.z, z, rtol=1e-6)
    assert found.statistic == pytest.approx(found.test_share @ found.z)


def test_cells_without_enough_generated_rows_do_not_count():
    train, _ = clouds(400, 0)
    generated, labels = clouds(400, 1)
    kept = np.concatenate([generated[labels < 2], generated[labels == 2][:20]])
    found = data_copying_statistic(train, clouds(400, 2)[0], kept, cells=4)
    assert found.used.sum() == 2 and np.isnan(found.z).sum() == 1
    weights = found.test_share[found.used]
    assert found.statistic == pytest.approx(weights @ found.z[found.used] / weights.sum())
    assert data_copying_statistic(train, clouds(400, 2)[0], kept, cells=4, min_share=0.0).used.sum() == 3


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda rows: nearest_neighbours(rows, rows, k=61), ValueError, r"`k` must be an integer in \[1, 60\]. Received: k=61"),
        (lambda rows: nearest_neighbours(rows, rows, k=0), ValueError, "Received: k=0"),
        (lambda rows: nearest_neighbours(rows, rows[:, :2]), ValueError, "Received: 3 and 2 features per row"),
        (lambda rows: nearest_neighbours(rows * np.nan, rows), ValueError, "queries with NaN"),
        (lambda rows: nearest_neighbours(rows[0], rows), ValueError, r"Expected `queries` of shape \(n, d\)"),
        (lambda rows: nearest_neighbours(rows, [["a"]]), TypeError, "Expected `references` to hold numbers"),
        (lambda rows: data_copying_statistic(rows, rows, rows[:, :2]), ValueError, "`train` and `generated` from the same"),
        (lambda rows: data_copying_statistic(rows, rows[:0], rows), ValueError, "at least one row in `test`"),
        (
            lambda rows: data_copying_statistic(rows, rows, rows, cells=0),
            ValueError,
            r"`cells` must be an integer in \[1, 60\]. Received: cells=0",
        ),
        (
            lambda rows: data_copying_statistic(rows, rows[:3], rows, cells=5),
            ValueError,
            r"in every cell.*cells=5, of which \[",
        ),
        (lambda rows: data_copying_statistic(rows, rows, rows[:9], cells=2), ValueError, "9 generated rows, at most"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call(RANDOM(0).normal(size=(60, 3)))
