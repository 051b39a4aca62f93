"""Points with known modes: as many distinct modes as asked, the published places, draws keyed by row seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tfgen.data import GaussianModes, arrays, at_position, grid, load, ring
from tfgen.random import normal, row_seeds, uniform


@pytest.mark.parametrize("modes", [1, 2, 5, 8, 24])
def test_a_ring_has_as_many_distinct_modes_as_asked(modes):
    mixture = ring(modes, radius=2.0, scale=0.5)
    assert len(np.unique(mixture.centres.round(4) + 0.0, axis=0)) == len(mixture.centres) == modes
    np.testing.assert_allclose(np.linalg.norm(mixture.centres, axis=1), 2.0, rtol=1e-6)
    turns = np.diff(np.unwrap(np.arctan2(mixture.centres[:, 1], mixture.centres[:, 0])))
    np.testing.assert_allclose(turns, 2 * np.pi / modes, rtol=1e-5)


def test_the_published_settings_are_the_defaults():
    assert (ring().centres.shape, ring().scale) == ((8, 2), 0.01)
    assert grid().scale == 0.05
    assert sorted(map(tuple, grid().centres.tolist())) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
    assert grid(2, spacing=3.0).centres.tolist() == [[-1.5, -1.5], [-1.5, 1.5], [1.5, -1.5], [1.5, 1.5]]


@pytest.mark.parametrize("mixture", [ring(), grid()], ids=["ring", "grid"])
def test_points_follow_the_mixture(mixture):
    points, modes = mixture.draw(20_000, seed=3)
    assert (points.dtype, modes.dtype) == (np.float32, np.int64)
    assert stats.chisquare(np.bincount(modes, minlength=len(mixture.centres))).pvalue > 1e-3
    noise = (points - mixture.centres[modes]) / mixture.scale
    for axis in noise.T:
        assert stats.kstest(axis, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(modes, noise[:, 0])[0, 1]) < 0.03


def test_a_point_depends_on_its_own_seed_alone():
    mixture = grid()
    points, modes = mixture.draw(50, seed=7)
    seeds = row_seeds(7, 50)
    for row in (0, 49):
        alone, mode = mixture.draw(seed=[int(seeds[row])])
        assert (alone[0] == points[row]).all() and mode[0] == modes[row]
    np.testing.assert_array_equal(modes, np.floor(np.array(uniform(seeds, (1,)))[:, 0] * 25))
    np.testing.assert_array_equal(points, mixture.centres[modes] + np.float32(0.05) * np.array(normal(seeds, (2,), 1)))
    assert (mixture.draw(50, seed=8)[0] != points).any()
    assert mixture.draw(0, seed=8)[0].shape == (0, 2)


def test_a_mixture_keeps_its_own_centres():
    centres = np.zeros((2, 3))
    mixture = GaussianModes(centres, 1.0)
    centres[:] = 9
    assert not mixture.centres.any()
    with pytest.raises(ValueError, match="read-only"):
        mixture.centres[0] = 1


def test_a_data_set_holds_the_drawn_points_once_an_epoch():
    mixture = ring()
    expected = mixture.draw(100, seed=5)
    data = mixture.dataset(100, batch_size=32, labels=True, draw_seed=5)
    assert data.element_spec[0].shape.as_list() == [None, 2] and len(data) == 4
    orders = []
    for epoch in (0, 1):
        batches = at_position(data, epoch).as_numpy_iterator()
        points, modes = (np.concatenate(column) for column in zip(*batches, strict=True))
        orders.append(points)
        order, reference = np.lexsort(points.T), np.lexsort(expected[0].T)
        np.testing.assert_array_equal(points[order], expected[0][reference])
        np.testing.assert_array_equal(modes[order], expected[1][reference])
    assert (orders[0] != orders[1]).any()
    plain = mixture.dataset(100, batch_size=100, shuffle=False, draw_seed=5)
    np.testing.assert_array_equal(next(plain.as_numpy_iterator()), expected[0])


@pytest.mark.parametrize(("name", "mixture"), [("ring", ring()), ("grid", grid())])
def test_load_knows_them_by_name(name, mixture):
    points, modes = arrays(name, "test")
    np.testing.assert_array_equal(points, mixture.draw(10_000, seed=1)[0])
    assert not points.flags.writeable and modes.shape == (10_000,)
    read = next(load(name, "test[10:40]", batch_size=64, labels=True).as_numpy_iterator())
    np.testing.assert_array_equal(read[0], points[10:40])
    np.testing.assert_array_equal(read[1], modes[10:40])
    assert len(load(name, batch_size=1000)) == 100
    assert not (arrays(name, "train[:10]")[0] == points[:10]).any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ring(0), "`modes` must be an integer of at least 1. Received: modes=0"),
        (lambda: ring(8, radius=0.0), "`radius` must be a number above 0. Received: radius=0.0"),
        (lambda: grid(2.5), "`side` must be an integer of at least 1. Received: side=2.5"),
        (lambda: grid(spacing=float("nan")), "`spacing` must be a number above 0. Received: spacing=nan"),
        (lambda: ring(scale=-1.0), "`scale` must be a number above 0. Received: scale=-1.0"),
        (lambda: GaussianModes(np.zeros(3), 1.0), r"Expected finite `centres` of shape \(modes, dimensions\)"),
        (lambda: load("ring", view="binarized"), "leave `view` and `image_size` out. Received: name='ring', view='binarized'"),
        (lambda: load("grid", image_size=8), r"leave `view` and `image_size` out. Received: .*image_size=\(8, 8\)"),
        (lambda: load("ring", "valid"), r"Expected a split of ring \(train: 100000 examples, test: 10000 examples\)"),
        (lambda: load("ring", "train+test"), "Expected one split of a drawn data set.*split='train\\+test'"),
        (lambda: load("rinng"), "Did you mean 'ring'"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
