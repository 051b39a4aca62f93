"""FVBN, NADE and MADE see what is drawn before a value, all of it that their masks connect, and nothing else: by gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.networks.ordered import draw_integers, draw_orderings

from .ordered_models import KINDS, small
from .small import images, moved_by_training, traced_once

SHAPE = (3, 2, 2)


def dependence(model: Any, x: np.ndarray, ordering: int) -> np.ndarray:
    """Takes absolute gradients of every output of the first row by every input: (size, rows of the batch, size)."""
    network = model.network

    def gradient(x: tf.Tensor, which: tf.Tensor, ordering: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = tf.reshape(network(x, ordering=ordering)[0], (network.size, network.num_parameters))
            value = tf.reduce_sum(outputs[which] * tf.range(1.0, network.num_parameters + 1.0))
        return tape.gradient(value, x)

    run = traced_once(model, "gradient", gradient)
    found = [run(tf.constant(x), tf.constant(place), tf.constant(ordering)).numpy() for place in range(network.size)]
    return np.abs(np.array(found)).reshape(network.size, len(x), network.size)


def connected(network: Any, ordering: int) -> np.ndarray:
    """Follows the connections from outputs to inputs, straight from the definition: (size, size), row i what output i sees."""
    places = np.argsort(network.orderings[ordering]) + 1
    before = places[:, None] > places[None]
    if not isinstance(network, tfgen.networks.MADENetwork) or network.direct:
        return before
    degrees = [places, *(table[ordering] for table in network.degrees[1:])]
    reached = places[:, None] > degrees[-1]
    for own, below in zip(degrees[:0:-1], degrees[-2::-1], strict=True):
        reached = (reached.astype(int) @ (own[:, None] >= below).astype(int)) > 0
    assert not (reached & ~before).any()
    return reached


def check(model: Any) -> None:
    for ordering in range(model.network.num_orderings):
        # far apart, as a unit that is dead at one input is alive at another
        inputs = [np.random.default_rng(seed).normal(0.0, 3.0, (2, *model.event_shape)).astype(np.float32) for seed in range(8)]
        found = [dependence(model, x, ordering) for x in inputs]
        assert not np.max(found, 0)[:, 1].any(), "an output depends on another row of the batch"
        np.testing.assert_array_equal(np.max(found, 0)[:, 0] > 0, connected(model.network, ordering), f"order {ordering}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.in_turn(every=4)
def test_at_initialisation_and_after_training(kind: str) -> None:
    model: Any = KINDS[kind](SHAPE)
    for ordering in range(model.network.num_orderings):  # as it is built, where some weights are zero
        places = np.argsort(model.network.orderings[ordering])
        found = dependence(model, images(model.event_shape, 2, model.likelihood.levels), ordering)
        assert not found[:, 0][places[:, None] <= places].any() and not found[:, 1].any()
    model = small(kind, SHAPE)
    check(model)
    assert all(moved_by_training(model, 12, batch_size=3))
    check(model)


def test_a_wide_made_sees_its_whole_past() -> None:
    network = tfgen.networks.MADENetwork((2, 3, 1), hidden=(60, 60), ordering="random", num_masks=2)
    for ordering in range(2):
        places = np.argsort(network.orderings[ordering])
        np.testing.assert_array_equal(connected(network, ordering), places[:, None] > places)


def test_orders_and_masks_follow_from_the_seed() -> None:
    """Pinned numbers: a file of another version or machine must find the same masks."""
    assert draw_orderings("random", 8, seed=0)[0].tolist() == [0, 5, 4, 1, 2, 7, 6, 3]
    np.testing.assert_array_equal(
        draw_orderings("random", 50, count=2, seed=5), draw_orderings("random", 50, count=4, seed=5)[:2]
    )
    orders = draw_orderings("random", 50, count=3, seed=5)
    np.testing.assert_array_equal(np.sort(orders, 1), np.tile(np.arange(50), (3, 1)))
    assert len({row.tobytes() for row in (*orders, *draw_orderings("random", 50, seed=6))}) == 4
    assert draw_integers(1, 9, 6, seed=0).tolist() == [1, 4, 2, 8, 3, 7]
    counts = np.bincount(draw_integers(2, 5, 4000, seed=1), minlength=6)
    assert not counts[:2].any() and len(counts) == 6 and (np.abs(counts[2:] - 1000) < 150).all()


def test_hidden_degrees_are_those_of_the_paper() -> None:
    """Uniform on {smallest of the layer below, ..., D - 1}."""
    network = tfgen.networks.MADENetwork((10, 10, 1), hidden=(5, 4000), num_masks=2)
    _, first, second = network.degrees
    assert first.min() >= 1 and first.max() <= 99
    for ordering in range(2):
        assert second[ordering].min() == first[ordering].min() and second[ordering].max() == 99
    assert (first[0] != first[1]).any() and (second[0] != second[1]).any()
