"""The encoders and decoders: shapes, precision, files, and that no pixel is left out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.networks import convolutional_decoder, convolutional_encoder, mlp_decoder, mlp_encoder

SHAPES = [(28, 28, 1), (9, 7, 3), (5, 4, 2), (1, 1, 1), (2, 33, 1)]
ENCODERS = [convolutional_encoder, mlp_encoder]
DECODERS = [convolutional_decoder, mlp_decoder]


def noise(*shape):
    return tf.random.stateless_uniform(shape, [1, 2])


def hidden_layers(network):
    return [layer for layer in network.layers if layer.weights and layer.name != "outputs"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("build", ENCODERS)
def test_an_encoder_takes_images_of_any_size(build, shape):
    encoder = build(shape, 6, width=4)
    assert (encoder.name, encoder.input_shape, encoder.output_shape) == ("encoder", (None, *shape), (None, 6))
    assert encoder(noise(2, *shape)).shape == (2, 6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("build", DECODERS)
def test_a_decoder_draws_images_of_any_size(build, shape):
    decoder = build(shape, 3, 5, width=4)
    assert (decoder.name, decoder.input_shape, decoder.output_shape) == ("decoder", (None, 3), (None, *shape[:2], 5))
    assert decoder(noise(2, 3)).shape == (2, *shape[:2], 5)


@pytest.mark.parametrize("shape", [(9, 7, 3), (13, 6, 1)])
@pytest.mark.parametrize("build", ENCODERS)
def test_an_encoder_sees_every_pixel(build, shape):
    keras.utils.set_random_seed(3)
    encoder, images = build(shape, 6, width=8), tf.Variable(noise(4, *shape))
    with tf.GradientTape() as tape:
        outputs = tf.reduce_sum(tf.square(encoder(images)))
    slopes = tf.reduce_max(tf.abs(tape.gradient(outputs, images)), 0).numpy()
    assert slopes.shape == shape
    assert slopes.min() > 1e-7


@pytest.mark.parametrize("shape", [(9, 7, 3), (13, 6, 1)])
@pytest.mark.parametrize("build", DECODERS)
def test_a_decoder_draws_every_pixel(build, shape):
    keras.utils.set_random_seed(3)
    images = build(shape, 3, 2 * shape[2], width=8)(noise(64, 3) * 6 - 3).numpy()
    deviations = images.std(0)
    assert deviations.shape == (*shape[:2], 2 * shape[2])
    assert deviations.min() > 1e-4


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("build", [*ENCODERS, *DECODERS])
def test_half_precision_computes_inside_and_answers_in_float32(build, policy):
    arguments = ((6, 5, 1), 4) if build in ENCODERS else ((6, 5, 1), 3, 4)
    network = build(*arguments, width=4, dtype=policy)
    assert {layer.compute_dtype for layer in hidden_layers(network)} == {policy.removeprefix("mixed_")}
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network(noise(2, *network.input_shape[1:])).dtype == tf.float32
    assert network.get_layer("outputs").compute_dtype == "float32"


@pytest.mark.parametrize("build", [*ENCODERS, *DECODERS])
def test_the_global_policy_is_the_default(build):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build((6, 5, 1), 3, **({} if build in ENCODERS else {"outputs": 4}), width=4)
    finally:
        keras.config.set_dtype_policy(previous)
    assert {layer.compute_dtype for layer in hidden_layers(network)} == {"bfloat16"}
    assert network.output.dtype == "float32"


@pytest.mark.parametrize("build", [*ENCODERS, *DECODERS])
def test_a_network_comes_back_from_its_file_and_is_cloned(build, tmp_path):
    network = build((6, 5, 2), 3, width=4) if build in ENCODERS else build((6, 5, 2), 3, 4, width=4)
    inputs = noise(3, *network.input_shape[1:])
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    np.testing.assert_array_equal(clone(inputs), network(inputs))


def test_the_convolutions_are_those_of_the_docstring():
    encoder, decoder = convolutional_encoder((28, 28, 1), 8, width=4), convolutional_decoder((28, 28, 1), 3, 2, width=4)
    convolutions = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.output.shape[1:] for layer in convolutions] == [(14, 14, 4), (7, 7, 8), (7, 7, 8)]
    assert [layer.kernel_size for layer in convolutions] == [(4, 4), (4, 4), (3, 3)]
    grids = [layer.output.shape[1:] for layer in decoder.layers if len(layer.output.shape) == 4]
    assert grids == [(7, 7, 8), (14, 14, 8), (28, 28, 4), (28, 28, 2)]
    assert not any(isinstance(layer, keras.layers.Cropping2D) for layer in decoder.layers)


@pytest.mark.parametrize("layers", [1, 3])
def test_the_dense_networks_have_the_layers_that_are_asked_for(layers):
    encoder, decoder = mlp_encoder((3, 4, 1), 6, width=5, layers=layers), mlp_decoder((3, 4, 1), 2, 2, width=5, layers=layers)
    assert [layer.units for layer in encoder.layers if isinstance(layer, keras.layers.Dense)] == [5] * layers + [6]
    assert [layer.units for layer in decoder.layers if isinstance(layer, keras.layers.Dense)] == [5] * layers + [24]


def test_the_middle_of_the_range_is_the_convolutional_encoders_zero():
    encoder = convolutional_encoder((6, 5, 1), 4, width=4)
    grey, black = encoder(tf.fill((1, 6, 5, 1), 0.5)), encoder(tf.zeros((1, 6, 5, 1)))
    np.testing.assert_array_equal(grey, tf.zeros((1, 4)))  # biases begin at zero
    assert np.abs(black).max() > 0


@pytest.mark.parametrize("build", [*ENCODERS, *DECODERS])
def test_a_label_is_a_second_input_that_each_row_follows(build):
    keras.utils.set_random_seed(3)
    first, arguments = (noise(3, 9, 7, 1), ((9, 7, 1), 6)) if build in ENCODERS else (noise(3, 2), ((9, 7, 1), 2, 3))
    network = build(*arguments, width=4, num_classes=5)
    assert [tuple(tensor.shape[1:]) for tensor in network.inputs] == [tuple(first.shape[1:]), ()]
    one, other = (network([first, tf.constant(label)]).numpy() for label in ([0, 1, 4], [0, 2, 4]))
    moved = np.abs(one - other).reshape(3, -1).max(1)
    assert moved[1] > 1e-4
    np.testing.assert_array_equal(moved[[0, 2]], 0.0)
    assert build(*arguments, width=4).input_shape == (None, *first.shape[1:])  # without classes, the network of before
