"""The DCGAN networks: shapes, ranges, precision, files; and the benchmark's networks of our layers against plain Keras."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.baselines import keras_example_discriminator, keras_example_generator
from benchmarks.dcgan_step import fast_discriminator, fast_generator
from tfgen.networks.dcgan import dcgan_discriminator, dcgan_generator, with_projection


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (30, 70, 3), (5, 3, 2), (1, 1, 1), (8, 9, 4)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_any_image_shape_goes_from_latents_to_images_to_logits(shape, batch_norm):
    generator = dcgan_generator(shape, 5, width=4, batch_norm=batch_norm)
    discriminator = dcgan_discriminator(shape, width=4, num_outputs=3, batch_norm=batch_norm)
    images = generator(tf.random.stateless_normal([2, 5], [1, 2]), training=True)
    assert generator.output_shape == (None, *shape)
    assert images.shape == (2, *shape)
    assert images.dtype == tf.float32
    assert 0.0 <= float(tf.reduce_min(images)) <= float(tf.reduce_max(images)) <= 1.0
    assert discriminator(images, training=True).shape == (2, 3)


def test_the_sizes_are_those_of_the_paper():
    generator = dcgan_generator((64, 64, 3), 100, width=128)
    grids = [layer.output.shape[1:] for layer in generator.layers if layer.name == "grid" or layer.name.startswith("up_")]
    assert grids == [(4, 4, 1024), (8, 8, 512), (16, 16, 256), (32, 32, 128), (64, 64, 3)]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_computes_inside_and_answers_in_float32(policy):
    generator = dcgan_generator((12, 12, 1), 5, width=4, dtype=policy)
    discriminator = dcgan_discriminator((12, 12, 1), width=4, dtype=policy)
    half = policy.removeprefix("mixed_")
    assert generator.get_layer("up_1").output.dtype == half
    assert discriminator.get_layer("down_1").output.dtype == half
    images = generator(tf.random.stateless_normal([4, 5], [1, 2]))
    assert images.dtype == tf.float32
    assert discriminator(images).dtype == tf.float32
    assert {weight.dtype for weight in generator.weights + discriminator.weights} == {"float32"}


def test_the_global_policy_is_the_default():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator = dcgan_generator((8, 8, 1), 3, width=2)
    finally:
        keras.config.set_dtype_policy(previous)
    assert generator.get_layer("up_1").output.dtype == "bfloat16"
    assert generator.output.dtype == "float32"


@pytest.mark.parametrize(
    "build", [lambda: dcgan_generator((6, 7, 2), 5, width=4), lambda: dcgan_discriminator((6, 7, 2), width=4)]
)
def test_a_network_comes_back_from_its_file_and_is_cloned(build, tmp_path):
    network = build()
    inputs = tf.random.stateless_uniform([3, *network.input_shape[1:]], [1, 2])
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    np.testing.assert_array_equal(clone(inputs), network(inputs))


def test_weights_begin_as_in_the_paper_and_no_two_layers_alike():
    keras.utils.set_random_seed(1)
    generator = dcgan_generator((32, 32, 3), 64, width=16)
    kernels = [weight.numpy() for weight in generator.weights if weight.name == "kernel"]
    for kernel in kernels:
        assert np.std(kernel) == pytest.approx(0.02, rel=0.1)
    for first, second in itertools.pairwise(kernels):
        assert not np.array_equal(first.ravel()[:50], second.ravel()[:50])


def test_batch_normalisation_is_synchronised_and_never_first_in_the_discriminator():
    discriminator = dcgan_discriminator((32, 32, 1), width=4)
    norms = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert [layer.name for layer in norms] == ["norm_2", "norm_3"]
    assert all(layer.synchronized for layer in norms)
    critic = dcgan_discriminator((32, 32, 1), width=4, batch_norm=False)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in critic.layers)


def test_a_critic_without_batch_normalisation_has_a_gradient_penalty():
    critic = dcgan_discriminator((8, 8, 1), width=4, batch_norm=False)
    images = tf.random.stateless_uniform([3, 8, 8, 1], [1, 2])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(images)
            scores = tf.reduce_sum(critic(images, training=True))
        slopes = inner.gradient(scores, images)
        penalty = tf.reduce_mean(tf.square(tf.norm(tf.reshape(slopes, [3, -1]), axis=1) - 1.0))
    gradients = outer.gradient(penalty, [weight for weight in critic.trainable_variables if weight.name == "kernel"])
    assert all(float(tf.reduce_max(tf.abs(gradient))) > 0.0 for gradient in gradients)


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"image_shape": (28, 28)}, r"image_shape=\(28, 28\)"),
        ({"image_shape": (28, 0, 1)}, r"image_shape=\(28, 0, 1\)"),
        ({"width": 0}, "width=0"),
        ({"kernel_size": 1}, "kernel_size=1"),
    ],
)
def test_bad_sizes_are_named(arguments, received):
    settings = {"image_shape": (28, 28, 1), **arguments}
    with pytest.raises(ValueError, match=f"Received: {received}"):
        dcgan_discriminator(**settings)
    with pytest.raises(ValueError, match=f"Received: {received}"):
        dcgan_generator(latent_dim=5, **settings)
    with pytest.raises(ValueError, match="Received: latent_dim=0"):
        dcgan_generator((28, 28, 1), 0)


@pytest.mark.parametrize(
    ("plain", "fast", "input_shape"),
    [
        (keras_example_generator, fast_generator, [4, 128]),
        (keras_example_discriminator, fast_discriminator, [4, 28, 28, 1]),
    ],
)
def test_the_keras_example_of_our_layers_is_the_same_network(plain, fast, input_shape):
    plain, fast = plain(), fast()
    fast.set_weights(plain.get_weights())
    inputs = tf.random.stateless_normal(input_shape, [1, 2])
    results = []
    for network in (plain, fast):
        with tf.GradientTape() as tape:
            outputs = network(inputs, training=True)
            loss = tf.reduce_mean(tf.square(outputs))
        results.append((outputs, tape.gradient(loss, network.trainable_variables)))
    (outputs, gradients), (fast_outputs, fast_gradients) = results
    np.testing.assert_allclose(fast_outputs, outputs, atol=2e-5)
    for gradient, fast_gradient in zip(gradients, fast_gradients, strict=True):
        np.testing.assert_allclose(fast_gradient, gradient, atol=2e-5)


@pytest.mark.parametrize("kind", ["generator", "concatenate", "projection"])
def test_a_label_is_a_second_input_that_each_row_follows(kind):
    keras.utils.set_random_seed(3)
    first = tf.random.stateless_uniform((3, 4) if kind == "generator" else (3, 9, 7, 1), [1, 2])
    if kind == "generator":
        network = dcgan_generator((9, 7, 1), 4, width=4, batch_norm=False, num_classes=5)
    elif kind == "concatenate":
        network = dcgan_discriminator((9, 7, 1), width=4, num_outputs=2, num_classes=5)
    else:
        network = with_projection(dcgan_discriminator((9, 7, 1), width=4, num_outputs=2), 5)
    assert [tuple(tensor.shape[1:]) for tensor in network.inputs] == [tuple(first.shape[1:]), ()]
    one, other = (network([first, tf.constant(label)]).numpy() for label in ([0, 1, 4], [0, 2, 4]))
    moved = np.abs(one - other).reshape(3, -1).max(1)
    assert moved[1] > 1e-6
    np.testing.assert_array_equal(moved[[0, 2]], 0.0)


def test_the_projection_is_what_it_says():
    keras.utils.set_random_seed(3)
    plain = dcgan_discriminator((9, 7, 1), width=4)
    network = with_projection(plain, 5)
    images, label = tf.random.stateless_uniform((3, 9, 7, 1), [1, 2]), np.array([4, 0, 2])
    features = keras.Model(plain.input, plain.get_layer("features").output)(images).numpy()
    directions = np.asarray(network.get_layer("projection").directions)
    expected = plain(images).numpy()[:, 0] + (features * directions[label]).sum(1)
    np.testing.assert_allclose(network([images, tf.constant(label)]).numpy()[:, 0], expected, rtol=1e-4, atol=1e-6)
