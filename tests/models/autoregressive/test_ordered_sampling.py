"""The blockwise sampler of FVBN, NADE and MADE against the naive one; orders drawn by seeds; completion."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import random
from tfgen.distributions import Categorical, DiscretizedLogisticMixture

from .ordered_models import KINDS, draw, ordered, small
from .small import images, randomise

SEEDS = random.row_seeds(4, 5)


def uniforms_of(shape: tuple[int, int, int]) -> tf.Tensor:
    return random.uniform(tf.constant(SEEDS), shape, stream=1)


# 5 x 27 values are three blocks of 45; 3 x 3 x 2 are one; 1 x 1 has nothing before it
@pytest.mark.parametrize("shape", [(5, 27, 1), (3, 3, 2), (1, 1, 1)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.in_turn(every=4)
def test_cached_equals_naive(kind: str, shape: Any) -> None:
    model = small(kind, shape)
    u, x = uniforms_of(model.event_shape), images(model.event_shape, 5, model.likelihood.levels)
    observed = (np.random.default_rng(1).random(x.shape) < 0.5).astype(np.float32)
    for ordering in range(model.network.num_orderings):
        np.testing.assert_array_equal(draw(model, ordered.cached, u, ordering), draw(model, ordered.naive, u, ordering))
        cached, naive = (draw(model, how, u, ordering, x, observed) for how in (ordered.cached, ordered.naive))
        np.testing.assert_array_equal(cached, naive)
        np.testing.assert_array_equal(cached[observed > 0], x[observed > 0])


def test_many_blocks_and_wide_windows() -> None:
    """Several layers over 11 blocks, in an order whose blocks hold different numbers of units."""
    model: Any = tfgen.MADE((22, 29, 1), hidden=(150, 90, 40), ordering="random", num_masks=2, activation="tanh")
    randomise(model.network)
    assert model.network.size // model.network.block_size == 11
    u = uniforms_of((22, 29, 1))
    for ordering in range(2):
        drawn = draw(model, ordered.cached, u, ordering)
        np.testing.assert_array_equal(drawn, draw(model, ordered.naive, u, ordering))
        assert 0.1 < drawn.mean() < 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_sample_is_the_naive_sampler_in_the_order_of_each_seed(kind: str) -> None:
    model = small(kind, (4, 5, 1))
    count = model.network.num_orderings
    chosen = np.floor(random.uniform(tf.constant(SEEDS), (), stream=2).numpy() * count).astype(int)
    naive = np.stack([draw(model, ordered.naive, uniforms_of((4, 5, 1)), ordering) for ordering in range(count)])
    drawn = model.sample(seed=SEEDS, temperature=[1.0, 0.5, 2.0, 0.8, 1.0])
    np.testing.assert_array_equal(drawn, naive[chosen, np.arange(5)])
    if count == 3:
        assert len(set(chosen.tolist())) > 1  # rows of one batch in different orders


def test_all_orders_are_drawn_equally_often() -> None:
    """What is drawn first is 1 and keeps all that is drawn later at 0, so an image shows which order it was drawn in."""
    model: Any = tfgen.MADE((1, 8, 1), hidden=(2,), ordering="random", ordering_seed=5, num_masks=3)
    network = model.network
    for variable in network.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    network.output_bias.assign(np.full(network.output_bias.shape, 40.0))
    network.direct_kernel.assign(np.full(network.direct_kernel.shape, -80.0))
    first = network.orderings[:, 0]
    assert len(set(first.tolist())) == 3
    drawn = model.sample(3000, seed=0).reshape(3000, 8)
    np.testing.assert_array_equal(drawn.sum(1), 1.0)
    counts = drawn.sum(0)[first]
    assert counts.sum() == 3000 and (np.abs(counts - 1000) < 130).all()  # five standard deviations


def test_uniforms_belong_to_places_not_to_steps() -> None:
    """Without weights between pixels, models in any order draw the same image from the same seed."""
    drawn = [
        tfgen.FVBN((4, 4, 1), ordering=ordering, ordering_seed=seed).sample(3, seed=1)
        for ordering, seed in (("raster", 0), ("random", 0), ("random", 1))
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    np.testing.assert_array_equal(drawn[0], random.uniform(tf.constant(random.row_seeds(1, 3)), (4, 4, 1), stream=1) < 0.5)


@pytest.mark.parametrize("ordering", ["raster", "random"])
def test_completion_sees_what_precedes_and_nothing_else(ordering: str) -> None:
    """With weights of +9 on each pixel's predecessor, a known pixel decides all later ones, and no earlier one."""
    model: Any = tfgen.FVBN((2, 3, 1), ordering=ordering, ordering_seed=4)
    order = model.network.orderings[0]
    kernel, bias = np.zeros((6, 1, 6), np.float32), np.zeros((6, 1), np.float32)
    for earlier, later in itertools.pairwise(order):
        kernel[later, 0, earlier], bias[later] = 40.0, -20.0
    model.network.direct_kernel.assign(kernel)
    model.network.output_bias.assign(bias)
    mask = np.zeros(6, bool)
    mask[order[3]] = True
    image = mask.astype(np.float32).reshape(1, 2, 3, 1)
    drawn = model.complete(np.repeat(image, 200, 0), mask.reshape(2, 3, 1), seed=0).reshape(200, 6)
    assert drawn[:, order[3:]].all()
    assert 0.3 < drawn[:, order[0]].mean() < 0.7


def test_temperature_sharpens() -> None:
    for kind in ("nade", "made, three orders"):
        model = small(kind, (5, 5, 1))
        cold, warm, hot = (model.log_prob(model.sample(64, seed=0, temperature=t)).mean() for t in (0.2, 1.0, 5.0))
        assert cold > warm + 1 and warm > hot


@pytest.mark.parametrize("build", [
    lambda: tfgen.NADE((4, 3, 1), hidden=5, ordering="random", ordering_seed=9, ema=0.5),
    lambda: tfgen.MADE((4, 3, 1), hidden=(5, 4), num_masks=2, ordering="random", ordering_seed=9, activation="elu"),
    lambda: tfgen.FVBN((4, 3, 1), likelihood=Categorical(3), ordering="random", ordering_seed=9),
], ids=["nade", "made", "fvbn"])  # fmt: skip
def test_a_file_keeps_orders_and_masks(build: Any, tmp_path: Any) -> None:
    model = build()
    randomise(model.network)
    model.averaged_network.set_weights(model.network.get_weights())
    model.save(tmp_path / "model.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.network.orderings, model.network.orderings)
    np.testing.assert_array_equal(loaded.sample(4, seed=2), model.sample(4, seed=2))
    x = images((4, 3, 1), 3, model.likelihood.levels)
    np.testing.assert_array_equal(loaded.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (tfgen.FVBN, {"ordering": "spiral"}), (tfgen.FVBN, {"image_shape": (4, 4)}), (tfgen.FVBN, {"likelihood": "poisson"}),
        (tfgen.NADE, {"hidden": 0}), (tfgen.NADE, {"hidden": True}), (tfgen.NADE, {"ordering": ""}), (tfgen.NADE, {"ema": 1.0}),
        (tfgen.MADE, {"hidden": (4, 0)}), (tfgen.MADE, {"hidden": (), "direct": False}), (tfgen.MADE, {"num_masks": 0}),
        (tfgen.MADE, {"ordering": "spiral"}), (tfgen.MADE, {"seed": -1}),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(cls: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        cls(**{"image_shape": (4, 4, 1), **arguments})


def test_likelihoods_that_couple_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="couples the channels"):
        tfgen.NADE((4, 3, 3), likelihood=DiscretizedLogisticMixture(2))
    tfgen.NADE((4, 3, 1), hidden=2, likelihood=DiscretizedLogisticMixture(2))


def test_an_image_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected images of shape \(4, 3, 1\)"):
        tfgen.networks.NADENetwork((4, 3, 1)).build((None, 3, 4, 1))
    with pytest.raises(ValueError, match="Received"):
        tfgen.NADE((4, 3, 1), hidden=2).log_prob(images((3, 4, 1), 2))
