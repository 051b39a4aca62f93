"""Mode coverage: hand counts, closed forms of the divergence, mixtures that lost modes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tfgen import data
from tfgen.metrics import modes_of_classes, modes_of_points

CENTRES = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]


def test_points_by_hand():
    points = [[0.0, 0.0], [0.0, 1.4], [10.0, -1.49], [0.0, 8.6], [5.0, 5.0], [0.0, 1.51], [99.0, 99.0], [10.9, 1.3]]
    found = modes_of_points(points, CENTRES, 0.5)
    assert found.counts.tolist() == [2, 1, 1]  # 1.51 is 3.02 and norm(0.9, 1.3) = 1.58 is 3.2 standard deviations
    assert (found.num_modes, found.total, found.num_samples, found.high_quality) == (3, 3, 8, 0.5)
    assert found.kl == pytest.approx(math.log(3) - (0.5 * math.log(2) + 0.5 * math.log(4)))
    wide = modes_of_points(points, CENTRES, 0.5, radius=3.2)
    assert wide.counts.tolist() == [3, 2, 1]


def test_the_radius_is_a_strict_bound_in_standard_deviations():
    assert modes_of_points([[1.5, 0.0]], CENTRES, 0.5).high_quality == 0.0
    assert modes_of_points([[1.5, 0.0]], CENTRES, 0.5, radius=3.01).high_quality == 1.0
    assert modes_of_points([[1.5, 0.0]], CENTRES, 0.51).high_quality == 1.0


def test_without_a_good_point_there_is_no_divergence():
    found = modes_of_points(np.full((4, 2), 50.0), CENTRES, 0.5)
    assert (found.num_modes, found.high_quality) == (0, 0.0) and math.isnan(found.kl)


@pytest.mark.parametrize("mixture", [data.ring(), data.grid()], ids=["ring", "grid"])
def test_perfect_points_by_the_published_protocol(mixture):
    found = modes_of_points(mixture.draw(2500, seed=1)[0], mixture.centres, mixture.scale)
    assert found.num_modes == len(mixture.centres)
    share = 1 - math.exp(-4.5)
    assert abs(found.high_quality - share) < 4 * math.sqrt(share * (1 - share) / 2500)
    # 2 n KL is about chi-squared with modes - 1 degrees of freedom
    assert stats.chi2(found.total - 1).sf(2 * found.counts.sum() * found.kl) > 1e-3


@pytest.mark.parametrize("kept", [1, 3, 7])
def test_lost_modes_are_counted_and_cost_their_logarithm(kept):
    mixture = data.ring()
    points, modes = mixture.draw(4000, seed=2)
    found = modes_of_points(points[modes < kept], mixture.centres, mixture.scale)
    assert found.num_modes == kept
    assert found.kl == pytest.approx(math.log(8 / kept), abs=0.01)


def test_a_doubled_mode_is_seen():
    angles = np.linspace(0, 2 * np.pi, 8)  # the widely copied ring: its last mode lies on its first
    copied = data.GaussianModes(np.stack([np.cos(angles), np.sin(angles)], -1), 0.01)
    found = modes_of_points(copied.draw(2500)[0], data.ring(7).centres, 0.01)
    assert found.num_modes == 7 and found.counts.argmax() == 0
    assert found.counts[0] == pytest.approx(2 * found.counts[1:].mean(), rel=0.15)


def test_many_points_are_counted_as_few(monkeypatch):
    mixture = data.grid()
    points = mixture.draw(1000)[0]
    whole = modes_of_points(points, mixture.centres, mixture.scale)
    monkeypatch.setattr("tfgen.metrics.modes._CHUNK", 700)
    parts = modes_of_points(points, mixture.centres, mixture.scale)
    assert parts == whole and (parts.counts == whole.counts).all()


def test_classes_are_the_digits_of_a_mode():
    found = modes_of_classes([[1, 2, 3], [1, 2, 3], [0, 0, 7], [9, 9, 9]])
    assert np.flatnonzero(found.counts).tolist() == [7, 123, 999] and found.counts[123] == 2
    assert (found.num_modes, found.total, found.high_quality, found.num_samples) == (3, 1000, None, 4)
    assert found.kl == pytest.approx(math.log(1000) - 1.5 * math.log(2))


def test_probabilities_count_by_the_largest():
    classes = np.random.default_rng(0).integers(0, 4, (50, 2))
    probabilities = np.full((50, 2, 4), 0.2)
    np.put_along_axis(probabilities, classes[..., None], 0.4, -1)
    left, right = modes_of_classes(probabilities, 4), modes_of_classes(classes, 4)
    assert left == right and (left.counts == right.counts).all() and left.total == 16
    assert (left.counts == np.bincount(4 * classes[:, 0] + classes[:, 1], minlength=16)).all()


def test_the_divergence_is_that_of_scipy_and_zero_for_an_even_draw():
    classes = np.random.default_rng(1).integers(0, 10, (3000, 2)) ** 2 // 10
    found = modes_of_classes(classes)
    assert found.kl == pytest.approx(stats.entropy(found.counts / 3000, np.full(100, 0.01)))
    assert modes_of_classes(np.arange(10)[:, None]).kl == 0.0
    assert modes_of_classes(np.zeros((5, 3), int)).kl == pytest.approx(math.log(1000))


def test_perfect_stacks_by_the_published_protocol():
    modes = data.stack_indices(26_000, 10) % 10
    found = modes_of_classes(modes)
    assert found.num_modes == 1000
    assert found.kl == pytest.approx(999 / 52_000, rel=0.15)


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (lambda: modes_of_points(np.zeros((0, 2)), CENTRES, 1.0), ValueError, "at least one point and one centre. Received: 0"),
        (lambda: modes_of_points(np.zeros(2), CENTRES, 1.0), ValueError, r"Expected `points` of shape \(n, d\)"),
        (lambda: modes_of_points(np.zeros((3, 3)), CENTRES, 1.0), ValueError, r"equally many dimensions. Received: .*\(3, 3\)"),
        (lambda: modes_of_points([[np.nan, 0.0]], CENTRES, 1.0), ValueError, "NaN"),
        (lambda: modes_of_points([["a", "b"]], CENTRES, 1.0), TypeError, "Expected `points` to hold numbers"),
        (lambda: modes_of_points(CENTRES, CENTRES, 0.0), ValueError, "`scale` must be a number above 0. Received: scale=0.0"),
        (
            lambda: modes_of_points(CENTRES, CENTRES, 1.0, radius=-1),
            ValueError,
            "`radius` must be a number above 0. Received: radius=-1",
        ),
        (lambda: modes_of_classes([1, 2]), ValueError, r"Received: channels.shape=\(2,\)"),
        (
            lambda: modes_of_classes(np.zeros((2, 3, 5))),
            ValueError,
            r"\(n, channels, 10\).*Received: channels.shape=\(2, 3, 5\)",
        ),
        (lambda: modes_of_classes(np.full((2, 3, 10), np.nan)), ValueError, "NaN"),
        (
            lambda: modes_of_classes([[0.5, 1.0]]),
            TypeError,
            "Expected classes to be integers. Received: channels.dtype=float64",
        ),
        (lambda: modes_of_classes([[0, 10]]), ValueError, r"Expected classes in \[0, 10\). Received: channels from 0 to 10"),
        (lambda: modes_of_classes([[0]], 0), ValueError, "Received: num_classes=0"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()
