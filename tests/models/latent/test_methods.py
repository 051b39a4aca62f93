"""What a VAE offers beside training: latents and back, walks, samples, bounds by row, and the same behind a server."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.latent.linear import linear_model
from tfgen import random
from tfgen.models.batch import Batch

SHAPE = (5, 4, 1)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(2)
    return tfgen.VAE(SHAPE, latent_dim=3, width=4, likelihood="bernoulli")


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).integers(0, 2, (6, *SHAPE)).astype(np.float32)


# ---- latents ----


def test_encode_gives_the_posterior(model, x):
    loc, scale = model.encode(x)
    assert loc.shape == scale.shape == (6, 3)
    assert loc.dtype == scale.dtype == np.float32
    outputs = model.encoder(x).numpy()
    np.testing.assert_allclose(loc, outputs[:, :3], atol=1e-6)
    np.testing.assert_allclose(scale, np.log1p(np.exp(outputs[:, 3:] + 0.5413)) + 1e-4, rtol=1e-5)
    np.testing.assert_allclose(model.encode(x, batch_size=4)[1], scale, rtol=1e-5)


def test_the_exact_posterior_is_found_by_its_formula():
    model, law = linear_model("exact")
    images = law.draw(5)
    loc, scale = model.encode(images)
    np.testing.assert_allclose(scale, np.tile(np.sqrt(law.posterior_variance), (5, 1)), rtol=1e-4)
    np.testing.assert_allclose(loc, (images.reshape(5, -1) - 0.5 - law.bias) @ law.posterior_weights, atol=1e-4)
    latents = np.array([[1.0, -2.0], [0.0, 0.5]])
    expected = 0.5 + law.bias + latents @ law.weights.T
    np.testing.assert_allclose(model.decode(latents).reshape(2, -1), expected, atol=1e-6)


def test_a_zero_encoder_is_the_prior(x):
    model = tfgen.VAE(SHAPE, latent_dim=3, network="mlp", width=4)
    model.encoder.set_weights([np.zeros_like(weight) for weight in model.encoder.get_weights()])
    loc, scale = model.encode(x)
    assert np.abs(loc).max() == 0
    np.testing.assert_allclose(scale, 1.0, atol=2e-4)


def test_reconstruct_decodes_the_posteriors_mean(model, x):
    images = model.reconstruct(x)
    assert images.shape == (6, *SHAPE)
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    np.testing.assert_array_equal(images, model.decode(model.encode(x)[0]))
    np.testing.assert_allclose(model.predict(x, verbose=0), images, atol=1e-6)
    np.testing.assert_allclose(model(x), images, atol=1e-6)


def test_a_walk_begins_and_ends_with_reconstructions(model, x):
    walks = model.interpolate(x[:2], x[2:4], steps=5)
    assert walks.shape == (2, 5, *SHAPE)
    np.testing.assert_allclose(walks[:, 0], model.reconstruct(x[:2]), atol=1e-6)
    np.testing.assert_allclose(walks[:, -1], model.reconstruct(x[2:4]), atol=1e-6)
    middle = (model.encode(x[:2])[0] + model.encode(x[2:4])[0]) / 2
    np.testing.assert_allclose(walks[:, 2], model.decode(middle), atol=1e-6)
    np.testing.assert_allclose(model.interpolate(x[:1], x[1:2], steps=2)[0], model.reconstruct(x[:2]), atol=1e-6)


def test_latents_and_walks_that_do_not_fit_are_refused(model, x):
    with pytest.raises(ValueError, match=r"\(n, 3\).*Received: shape \(2, 4\)"):
        model.decode(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="Received: steps=1"):
        model.interpolate(x[:1], x[1:2], steps=1)
    with pytest.raises(ValueError, match=r"as many.*Received: 2 and 3"):
        model.interpolate(x[:2], x[:3])
    with pytest.raises(ValueError, match="Received: num_samples=0"):
        model.log_prob_bound(x, 0)
    for method in (model.encode, model.reconstruct, model.elbo, model.log_prob_bound):
        with pytest.raises(ValueError, match="Received"):
            method(x[..., 0])
        with pytest.raises(ValueError, match="Received"):
            method(x * 255)


# ---- samples ----


def test_samples_are_decoded_draws_from_the_prior(model):
    seeds = [3, 9, 9]
    latents = random.normal(tf.constant(seeds, tf.int64), (3,), stream=0).numpy()
    samples = model.sample(seed=seeds)
    np.testing.assert_allclose(samples, model.decode(latents), atol=1e-6)
    np.testing.assert_array_equal(samples[1], samples[2])
    assert np.abs(samples[0] - samples[1]).max() > 1e-4


def test_temperature_scales_the_latents_of_each_row(model):
    centre = model.decode(np.zeros((1, 3)))[0]
    cold = model.sample(4, seed=1, temperature=1e-6)
    np.testing.assert_allclose(cold, np.stack([centre] * 4), atol=1e-5)
    latents = random.normal(tf.constant([5, 6], tf.int64), (3,), stream=0).numpy() * [[0.5], [2.0]]
    np.testing.assert_allclose(model.sample(seed=[5, 6], temperature=[0.5, 2.0]), model.decode(latents), atol=1e-6)
    np.testing.assert_allclose(model.sample(3, seed=2, temperature=1.0), model.sample(3, seed=2), atol=1e-6)


def test_controls_that_the_model_lacks_or_that_make_no_sense_are_refused(model):
    with pytest.raises(ValueError, match="VAE has no `truncation`"):
        model.sample(2, seed=0, truncation=1.0)
    with pytest.raises(ValueError, match="`temperature` must be positive"):
        model.sample(2, seed=0, temperature=0.0)


def test_samples_of_a_linear_law_have_its_moments():
    model, law = linear_model()
    means = model.sample(4000, seed=0).reshape(4000, -1)  # of p(x | z): the law without the pixels' noise
    np.testing.assert_allclose(means.mean(0), 0.5 + law.bias, atol=0.005)
    np.testing.assert_allclose(np.cov(means.T), law.weights @ law.weights.T, atol=5e-4)


# ---- bounds by row ----


def test_bounds_come_one_for_each_row_and_repeat_by_seed(model, x):
    for bound in (model.elbo, lambda *a, **k: model.log_prob_bound(*a, num_samples=5, **k)):
        values = bound(x, seed=3)
        assert values.shape == (6,)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, bound(x, seed=3))
        assert (values != bound(x, seed=4)).all()
        assert (bound(x) != bound(x)).all()  # a fresh seed each
        np.testing.assert_allclose(bound(x, seed=3, batch_size=4), values, rtol=1e-5)
        np.testing.assert_allclose(bound(x, seed=3, batch_size=1), values, rtol=1e-5)
        seeds = random.row_seeds(3, 6)
        np.testing.assert_allclose(bound(x[2:4], seed=seeds[2:4].tolist()), values[2:4], rtol=1e-5)


# ---- noise ----


def test_every_row_and_every_step_has_noise_of_its_own(model):
    found = []
    for step in range(3):
        model.step.assign(step)
        found.append(model.training_seeds(tf.constant(64)).numpy())
    model.step.assign(0)
    assert len(set(np.concatenate(found).tolist())) == 3 * 64
    posterior = [random.uniform(seeds, (3,), stream=2).numpy() for seeds in found]
    prior = random.uniform(found[0], (3,), stream=0).numpy()
    draws = np.concatenate([*posterior, prior], 1)  # (64, 12)
    correlations = np.corrcoef(draws.T) - np.eye(12)
    assert np.abs(correlations).max() < 0.5


def test_equal_rows_of_a_batch_get_different_draws_and_so_do_equal_steps():
    model, law = linear_model("rough")
    image = np.repeat(law.draw(1), 16, 0)
    assert len(set(model.elbo(image, seed=0).tolist())) == 16
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    losses = model.fit(image, batch_size=16, epochs=3, verbose=0).history["reconstruction"]
    assert len(set(losses)) == 3
    again = [model.evaluate(image, verbose=0, return_dict=True)["reconstruction"] for _ in range(2)]
    assert again[0] == again[1]


def test_no_draw_is_infinite():
    # the largest 24 bits: in float32 the uniform number they stand for rounds to 1
    u = random.uniform(tf.constant([33872], tf.int64), (784,)).numpy()
    assert u[0, 441] == np.float32(1 - 2.0**-24)
    assert np.isfinite(random.normal(tf.constant([33872], tf.int64), (784,))).all()


# ---- averages and serving ----


def test_bounds_and_samples_use_the_averaged_networks(x):
    model = tfgen.VAE(SHAPE, latent_dim=3, network="mlp", width=4, ema=0.9)
    before = model.elbo(x, seed=1), model.sample(2, seed=1), model.reconstruct(x)
    for network in (model.encoder, model.decoder):
        network.set_weights([weight + 1.0 for weight in network.get_weights()])
    np.testing.assert_array_equal(model.elbo(x, seed=1), before[0])
    np.testing.assert_array_equal(model.sample(2, seed=1), before[1])
    np.testing.assert_array_equal(model.reconstruct(x), before[2])
    raw, averaged = (
        model.per_example(Batch(tf.constant(x), None, None, None, model.training_seeds(6), training))
        for training in (True, False)
    )
    assert np.abs(raw["elbo"] + averaged["loss"]).max() > 0.01


def served(model, name, **inputs):
    """Runs a signature as a server does: traced once for any batch size."""
    signature = model.signatures()[name]
    assert [spec.name for spec in signature.inputs] == list(inputs)
    function = tf.function(
        lambda *values: signature.function(**dict(zip(inputs, values, strict=True))), signature.inputs, autograph=False
    )
    return {key: value.numpy() for key, value in function(*[tf.constant(value) for value in inputs.values()]).items()}


def test_signatures_agree_with_the_methods(model, x):
    seeds = np.array([4, 5, 6], np.int64)
    temperature = np.array([0.5, 1.0, 2.0], np.float32)
    latents = np.array([[0.1, 1.0, -1.0]], np.float32)
    loc, scale = model.encode(x)
    pairs = [
        (served(model, "sample", seed=seeds), {"image": model.sample(seed=seeds)}),
        (
            served(model, "sample_with_controls", seed=seeds, temperature=temperature),
            {"image": model.sample(seed=seeds, temperature=temperature)},
        ),
        (served(model, "encode", image=x), {"latent": loc, "scale": scale}),
        (served(model, "decode", latent=latents), {"image": model.decode(latents)}),
        (served(model, "reconstruct", image=x), {"image": model.reconstruct(x)}),
        (
            served(model, "log_prob_bound", image=x[:3], seed=seeds),
            {"log_prob_bound": model.log_prob_bound(x[:3], 64, seed=seeds)},
        ),
    ]
    for received, expected in pairs:
        assert received.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_allclose(received[key], value, rtol=1e-4, atol=1e-5)
    assert set(model.signatures()) == {"sample", "sample_with_controls", "encode", "decode", "reconstruct", "log_prob_bound"}


def test_the_metadata_says_what_the_bound_is(model):
    metadata = model.export_metadata()
    assert metadata["latent_dim"] == 3
    assert metadata["likelihood"] == "Bernoulli"
    assert metadata["log_prob_bound"].startswith("importance-weighted lower bound, 64 samples")
