"""What the autoregressive family refuses, in one clear sentence, before anything is computed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.distributions import Normal

GREY = np.full((1, 4, 3, 1), 0.2, np.float32)


def test_a_bound_is_not_taken_for_an_exact_likelihood():
    with pytest.raises(ValueError, match=r"likelihood of the grey levels themselves.*Received: likelihood=Normal"):
        tfgen.PixelCNN((4, 3, 1), likelihood="normal")


def test_densities_have_no_bits_per_dimension():
    model = tfgen.PixelCNN((4, 3, 1), likelihood=Normal(levels=None), filters=2, blocks=1)
    model.compile()
    found = model.evaluate(GREY, verbose=0, return_dict=True)
    assert set(found) == {"loss", "nll"}
    assert found["nll"] == pytest.approx(-model.log_prob(GREY)[0], rel=1e-5)


@pytest.mark.parametrize(
    ("network", "error"),
    [
        (keras.Sequential([keras.Input((4, 3, 1)), keras.layers.Conv2D(1, 3, padding="valid")]), ValueError),
        (keras.Sequential([keras.Input((4, 3, 1)), keras.layers.GlobalAveragePooling2D(keepdims=True)]), ValueError),
        (keras.Sequential([keras.Input((4, 3, 1)), keras.layers.Flatten()]), ValueError),
        (lambda x: x, TypeError),
    ],
)
def test_a_network_that_loses_positions_is_refused(network: Any, error: type[Exception]):
    with pytest.raises(error, match=r"Expected .*Received: .*network"):
        tfgen.PixelCNN((4, 3, 1), network=network)


@pytest.mark.parametrize(
    "model",
    [
        tfgen.GatedPixelCNN((4, 3, 1), num_classes=3, filters=2, blocks=1),
        tfgen.PixelRNN((4, 3, 1), num_classes=3, filters=2, blocks=1, cell="row_lstm"),
        tfgen.PixelRNN((4, 3, 1), num_classes=3, filters=2, blocks=1, cell="diagonal_bilstm"),
    ],
    ids=lambda model: f"{type(model).__name__}-{getattr(model, 'cell', '')}",
)
def test_a_conditional_network_does_not_run_without_labels(model: Any):
    for call in (model, model.network, lambda x: model.network.initial_state(tf.constant(1), 3)):
        with pytest.raises(ValueError, match=r"conditional on 3 classes: expected .*`label.*Received: label=None"):
            call(GREY)
    assert model(GREY, label=np.array([1])).shape == GREY.shape


def test_the_least_temperature_draws_the_likeliest_and_none_is_refused():
    model = tfgen.PixelCNN((4, 3, 1), likelihood="categorical", filters=2, blocks=1)
    model.network.last.bias.assign(tf.one_hot(77, 256) * 3.0)
    for temperature in (1e-6, 1e-30):
        assert (model.sample(2, seed=0, temperature=temperature) == np.float32(77 / 255)).all()
    for temperature in (0.0, -1.0, 1e-50, np.nan):
        with pytest.raises(ValueError, match="`temperature` must be positive"):
            model.sample(2, seed=0, temperature=temperature)
    served = tf.function(model.signatures()["sample_with_controls"].function)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected `temperature` above 0, and finite"):
        served(seed=tf.constant([1], tf.int64), temperature=tf.constant([0.0]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: tfgen.PixelCNN((4, 4, 1), kernel_size=1),
            "`kernel_size` must be an integer of at least 3. Received: kernel_size=1",
        ),
        (lambda: tfgen.PixelCNN((4, 4, 1), dilations="12"), "`dilations` to be a list of positive integers"),
        (lambda: tfgen.GatedPixelCNN((4, 4, 1), dilations=(1, 0)), "`dilations` to be a list of positive integers"),
        (lambda: tfgen.WaveNet(8, dilations=1.5), "`dilations` to be a list of positive integers"),
        (lambda: tfgen.MADE((4, 4, 1), hidden=(7, 2.5)), "`hidden` to be a list of positive integers"),
        (lambda: tfgen.PixelCNN((4, 4, 1), filters=2.5), "`filters` must be an integer of at least 1. Received: filters=2.5"),
        (lambda: tfgen.PixelCNN((4, 4, 1), blocks=1.5), "`blocks` must be an integer of at least 0. Received: blocks=1.5"),
        (lambda: tfgen.GatedPixelCNN((4, 4, 1), blocks=1.5), "`blocks` must be an integer of at least 1. Received: blocks=1.5"),
        (lambda: tfgen.PixelRNN((4, 4, 1), blocks=True), "`blocks` must be an integer of at least 1. Received: blocks=True"),
        (lambda: tfgen.MADE((4, 4, 1), num_masks=1.5), "`num_masks` must be an integer of at least 1. Received: num_masks=1.5"),
        (lambda: tfgen.MADE((4, 4, 1), activation="softmax"), "of each unit by itself.*Received: activation='softmax'"),
        (lambda: tfgen.NADE((4, 4, 1), activation="glu"), "of each unit by itself.*Received: activation='glu'"),
        (lambda: tfgen.NADE((4, 4, 1), activation="sparsemax"), "of each unit by itself.*Received: activation='sparsemax'"),
        (lambda: tfgen.WaveNet(8, likelihood="mulaw"), "one of .*'mu_law'.*Received: likelihood='mulaw'"),
    ],
)
def test_bad_arguments_are_named(build: Any, message: str):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("cls", [tfgen.MADE, tfgen.NADE, tfgen.FVBN])
def test_the_seed_of_an_order_is_an_integer(cls: Any):
    with pytest.raises(TypeError, match=r"`ordering_seed` must be an integer. Received: ordering_seed=1.5"):
        cls((4, 4, 1), ordering_seed=1.5)


def test_one_integer_stands_for_a_list_of_one():
    assert tfgen.MADE((4, 4, 1), hidden=7).get_config()["hidden"] == [7]
    assert tfgen.PixelCNN((4, 4, 1), dilations=2, blocks=1, filters=2).get_config()["dilations"] == [2]


def convolution(kernel_size: int, mask: str | None, channels: int = 1) -> keras.Model:
    """One convolution, masked or not."""
    arguments = {"padding": "same"} if mask is None else {"mask": mask, "channels": channels}
    layer = (keras.layers.Conv2D if mask is None else tfgen.layers.CausalConv2D)(channels, kernel_size, **arguments)
    return keras.Sequential([keras.Input((4, 3, channels)), layer])


@pytest.mark.parametrize(
    "network",
    [convolution(3, None), convolution(1, None), convolution(3, "B"), convolution(3, "B", 3)],
    ids=["3", "1", "B", "RGB"],
)
def test_a_network_that_sees_what_it_predicts_is_refused(network: Any):
    with pytest.raises(ValueError, match=r"Expected a causal network.*Received: a network whose outputs up to pixel"):
        tfgen.PixelCNN(network.input_shape[1:], network=network)
    for channels in (1, 3):
        tfgen.PixelCNN((4, 3, channels), network=convolution(3, "A", channels))


@pytest.mark.parametrize("found", [0, 3])
def test_a_network_of_other_classes_is_refused(found: int):
    network = tfgen.networks.GatedPixelCNNNetwork(1, filters=2, dilations=(1,), num_classes=found)
    for classes in {None, 3, 5} - {found or None}:
        with pytest.raises(
            ValueError, match=rf"num_classes={classes}. Received: a GatedPixelCNNNetwork of num_classes={found}"
        ):
            tfgen.GatedPixelCNN((4, 3, 1), num_classes=classes, network=network)


@pytest.mark.parametrize("mask", [-1, np.nan, None, "above", [[-1.0]]])
def test_a_mask_says_what_is_known(mask: Any):
    model = tfgen.FVBN((4, 3, 1))
    with pytest.raises(ValueError, match=r"Expected `observed_mask` to be true and false.*Received: observed_mask="):
        model.complete(np.ones((2, 4, 3, 1)), mask, seed=0)
    for known in (True, 1, 0.5, np.ones((4, 3, 1), np.uint8)):
        np.testing.assert_array_equal(model.complete(np.ones((2, 4, 3, 1)), known, seed=0), 1.0)
