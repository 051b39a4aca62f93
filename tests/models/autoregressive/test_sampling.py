"""The cached sampler against the naive one, completion, temperature, and networks of a user's own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tfgen
from tfgen import random
from tfgen.distributions import Categorical, DiscretizedLogistic, DiscretizedLogisticMixture
from tfgen.layers import CausalConv2D
from tfgen.models.autoregressive import raster

from .small import draw, images, pixelcnn, randomise, trained_on

GATED: dict[str, Any] = {"system": tfgen.GatedPixelCNN}
SETTINGS: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "grey": ((6, 5, 1), {}),
    "colour": ((4, 5, 3), {"filters": 9}),
    "two channels": ((5, 3, 2), {"filters": 8, "likelihood": Categorical(4)}),
    "dilated": ((7, 9, 1), {"dilations": (1, 2, 4), "blocks": 3}),
    "wide kernel": ((6, 7, 1), {"kernel_size": 7}),
    "kernel of one pixel above": ((3, 8, 1), {"kernel_size": 3, "blocks": 0}),
    "one column": ((6, 1, 1), {"kernel_size": 5}),
    "one row": ((1, 6, 3), {"filters": 6}),
    "256 levels": ((4, 4, 1), {"likelihood": "categorical"}),
    "logistic": ((4, 4, 1), {"likelihood": DiscretizedLogistic(16)}),
    "uneven filters": ((4, 3, 3), {"filters": 4, "head": 5}),
    "mixture": ((4, 4, 1), {"likelihood": "discretized_logistic_mixture"}),
    "mixture of colours": ((3, 4, 3), {"likelihood": DiscretizedLogisticMixture(3, levels=16)}),
    "gated": ((6, 5, 1), GATED),
    "gated colour": ((4, 5, 3), {**GATED, "filters": 4}),
    "gated dilated": ((7, 9, 1), {**GATED, "dilations": (1, 2, 4, 2), "blocks": 5}),
    "gated wide kernel": ((6, 7, 1), {**GATED, "kernel_size": 7}),
    "gated one column": ((6, 1, 1), GATED),
    "gated one row": ((1, 6, 3), GATED),
    "gated mixture of colours": ((4, 3, 3), {**GATED, "likelihood": DiscretizedLogisticMixture(3, levels=16)}),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.in_turn(every=4)
def test_cached_equals_naive(name: str) -> None:
    shape, arguments = SETTINGS[name]
    model = pixelcnn(shape, **arguments)
    np.testing.assert_array_equal(draw(model, raster.cached), draw(model, raster.naive))
    x = images(shape, 5, model.likelihood.levels)
    observed = (np.random.default_rng(1).random(x.shape) < 0.5).astype(np.float32)
    cached, naive = (draw(model, how, observed, x) for how in (raster.cached, raster.naive))
    np.testing.assert_array_equal(cached, naive)
    np.testing.assert_array_equal(cached[observed > 0], x[observed > 0])
    assert (cached != draw(model, raster.cached)).any()


def test_sample_is_the_cached_sampler() -> None:
    model = pixelcnn((6, 5, 1))
    drawn = model.sample(seed=random.row_seeds(4, 5), temperature=[1.0, 0.5, 2.0, 0.8, 1.0])
    np.testing.assert_array_equal(drawn, draw(model, raster.naive))


def test_completion_is_conditional() -> None:
    """Filling in the lower half of a two-image world takes the half that belongs to the upper one."""
    data = np.repeat(images((4, 4, 1), 2, seed=5), 8, 0)
    model = trained_on(data, 150)
    mask = np.zeros((1, 4, 4, 1), bool)
    mask[:, :2] = True
    completed = model.complete(data, mask, seed=0, temperature=0.2)
    assert (completed == data).mean() > 0.95


def test_temperature_sharpens() -> None:
    model = pixelcnn((5, 5, 1))
    cold, warm, hot = (model.log_prob(model.sample(64, seed=0, temperature=t)).mean() for t in (0.2, 1.0, 5.0))
    assert cold > warm + 1 and warm > hot
    np.testing.assert_array_equal(model.sample(8, seed=0, temperature=1e-4), model.sample(8, seed=9, temperature=1e-4))


@pytest.mark.parametrize("mask", [np.zeros((3, 4, 1)), np.zeros((2, 9, 9, 1))])
def test_masks_of_another_shape_are_refused(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="observed_mask"):
        pixelcnn((4, 4, 1)).complete(images((4, 4, 1), 2), mask, seed=0)


# ---- networks of a user's own ----


def keras_network(channels: int = 1) -> keras.Model:
    inputs = keras.Input((5, 4, channels))
    hidden = keras.layers.Activation("relu")(CausalConv2D(6, 5, mask="A", channels=channels)(inputs))
    return keras.Model(inputs, CausalConv2D(channels, 3, channels=channels)(hidden))


@pytest.mark.parametrize("channels", [1, 3])
def test_own_keras_network(channels: int, tmp_path: Any) -> None:
    network = keras_network(channels)
    randomise(network)
    model = tfgen.PixelCNN((5, 4, channels), network=network, ema=0.9)
    model.compile()
    model.fit(images((5, 4, channels), 8), verbose=0)
    drawn = model.sample(4, seed=2)
    assert np.isfinite(model.log_prob(drawn)).all()
    np.testing.assert_array_equal(drawn[1:3], model.sample(seed=random.row_seeds(2, 4)[1:3]))
    model.save(tmp_path / "own.keras")
    loaded = keras.saving.load_model(tmp_path / "own.keras")
    np.testing.assert_array_equal(loaded.sample(4, seed=2), drawn)


def test_own_causal_network_samples_with_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tfgen.networks.PixelCNNNetwork(3, channels=3, filters=6, blocks=1)
    model = tfgen.PixelCNN((4, 4, 3), network=network)
    randomise(network)
    expected = draw(model, raster.naive)
    monkeypatch.setattr(raster, "naive", None)  # must not be needed
    np.testing.assert_array_equal(model.sample(seed=random.row_seeds(4, 5), temperature=[1.0, 0.5, 2.0, 0.8, 1.0]), expected)


def test_a_network_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected a network .* 3 numbers for each of 1 channels"):
        tfgen.PixelCNN((5, 4, 1), likelihood=Categorical(3), network=keras_network())


@pytest.mark.parametrize(
    "arguments",
    [
        {"image_shape": (4, 4)}, {"image_shape": (0, 4, 1)}, {"filters": 0}, {"blocks": -1}, {"dilations": ()}, {"kernel_size": 4},
        {"likelihood": "poisson"}, {"ema": 1.0}, {"seed": -1}, {"seed": 0.5}, {"head": -1},
    ],
)  # fmt: skip
def test_bad_arguments_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        tfgen.PixelCNN(**{"image_shape": (4, 4, 1), **arguments})


@pytest.mark.parametrize("x", [np.full((2, 4, 4, 1), 0.5), np.full((2, 4, 4, 1), 2.0)])
def test_binary_models_refuse_grey(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Received"):
        pixelcnn((4, 4, 1)).log_prob(x)


def test_values_off_the_grid_are_refused() -> None:
    model = pixelcnn((4, 4, 1), likelihood=Categorical(4))
    with pytest.raises(ValueError, match=r"np\.round"):
        model.log_prob(np.full((2, 4, 4, 1), 0.5))
    model.log_prob(np.full((2, 4, 4, 1), 1 / 3, np.float32))
