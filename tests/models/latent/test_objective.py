"""What a VAE descends and what it reports: signs, weights and scales of both terms, and every variant that is an argument."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.latent.linear import LATENTS, linear_model
from tfgen import random
from tfgen.distributions import Normal

SHAPE = (4, 3, 1)


def images(n=8, levels=2):
    """Two patterns with a little noise, on the grid of `levels` grey levels."""
    generator = np.random.default_rng(0)
    patterns = np.stack([np.tri(4, 3), 1 - np.tri(4, 3)])[..., None]
    noisy = np.abs(patterns[np.arange(n) % 2] - (generator.random((n, *SHAPE)) < 0.1))
    return (np.round((0.1 + 0.8 * noisy) * (levels - 1)) / (levels - 1)).astype(np.float32)


def small(**arguments):
    keras.utils.set_random_seed(4)
    return tfgen.VAE(SHAPE, **{"latent_dim": 3, "network": "mlp", "width": 6, **arguments})


def blind(**arguments):
    """A VAE whose decoder does not see the latents, so that no number of it depends on noise."""
    model = small(**arguments)
    weights = model.decoder.get_weights()
    model.decoder.set_weights([np.zeros_like(weights[0]), *[weight + 0.1 for weight in weights[1:]]])
    return model


def evaluated(model, x, batch_size=8):
    if not model.compiled:
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model.evaluate(x, batch_size=batch_size, verbose=0, return_dict=True)


def history(model, x, epochs, **arguments):
    """The metrics of training with one step an epoch and a learning rate of zero."""
    if not model.compiled:
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model.fit(x, batch_size=len(x), epochs=epochs, verbose=0, **arguments).history


def divergence(model, x):
    """KL(q || p) of each image and latent by its formula."""
    loc, scale = model.encode(x)
    return (loc**2 + scale**2 - 1) / 2 - np.log(scale)


# ---- signs and scales ----


@pytest.mark.parametrize("arguments", [{}, {"beta": 3.0}, {"importance_samples": 4}, {"likelihood": "normal"}])
def test_the_terms_add_up_and_have_their_signs(arguments):
    model = small(**arguments)
    x = images(levels=256 if "likelihood" in arguments else 2)
    for result in (evaluated(model, x), {name: values[0] for name, values in history(model, x, 1).items()}):
        assert result["elbo"] == pytest.approx(-(result["reconstruction"] + result["kl"]), rel=1e-5)
        assert result["bits_per_dim"] == pytest.approx(-result["elbo"] / (12 * math.log(2)), rel=1e-5)
        if "importance_samples" not in arguments:
            assert result["kl"] >= 0
            assert result["loss"] == pytest.approx(
                result["reconstruction"] + arguments.get("beta", 1.0) * result["kl"], rel=1e-5
            )


def test_the_logged_divergence_is_the_formulas_and_not_scaled():
    model, x = small(), images(8)
    expected = divergence(model, x).sum(1).mean()
    assert expected > 0
    for batch_size in (4, 8):
        assert evaluated(model, x, batch_size)["kl"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("arguments", [{}, {"beta": 3.0}, {"importance_samples": 3}])
def test_neither_term_depends_on_the_batch_size(arguments):
    model, x = blind(**arguments), images(8)
    whole, halves, twice = evaluated(model, x, 8), evaluated(model, x, 4), evaluated(model, np.concatenate([x, x]), 16)
    for name in ("reconstruction",) if "importance_samples" in arguments else tuple(whole):
        assert halves[name] == pytest.approx(whole[name], rel=1e-5)
        assert twice[name] == pytest.approx(whole[name], rel=1e-5)
    trained = [history(blind(**arguments), part, 1)["reconstruction"][0] for part in (x, x[:4], x[4:])]
    assert trained[0] == pytest.approx((trained[1] + trained[2]) / 2, rel=1e-5)
    assert trained[0] == pytest.approx(whole["reconstruction"], rel=1e-5)


def test_reconstruction_is_summed_over_pixels_and_averaged_over_rows():
    model, x = blind(), images(8)
    probability = model.decode(np.zeros((1, 3)))[0].astype(np.float64)
    slow = [
        -sum(math.log(p if value else 1 - p) for p, value in zip(probability.ravel(), row.ravel(), strict=True)) for row in x
    ]
    assert evaluated(model, x)["reconstruction"] == pytest.approx(np.mean(slow), rel=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"beta": 3.0}, {"free_bits": 0.2}, {"importance_samples": 3}])
def test_a_step_descends_the_bound_as_it_is_written(arguments):
    model, x = small(seed=5, **arguments), images(8)
    before, expected = model.get_weights(), written_out(model, x, **arguments)
    model.compile(keras.optimizers.SGD(1.0))
    reported = model.fit(x, batch_size=8, verbose=0, shuffle=False).history["loss"][0]
    loss, gradients = expected
    assert reported == pytest.approx(loss, rel=1e-5)
    networks = len(model.encoder.weights) + len(model.decoder.weights)
    moved = [old - new for old, new in zip(before, model.get_weights(), strict=True)]
    moved = [difference for difference in moved if difference.ndim][:networks]
    for difference, gradient in zip(moved, gradients, strict=True):
        np.testing.assert_allclose(difference, gradient, atol=2e-5)


def written_out(model, x, beta=1.0, free_bits=0.0, importance_samples=1):
    """The loss of the first step and its gradients, in plain TensorFlow."""
    seeds = random.row_keys(model.seed, 0, 0, tf.range(8))
    noise = tf.math.ndtri(random.uniform(seeds, (importance_samples, 3), stream=2))
    with tf.GradientTape() as tape:
        loc, raw = tf.split(model.encoder(x)[:, None], 2, -1)
        scale = tf.math.log(1.0 + tf.exp(raw + 0.5413)) + 1e-4
        z = loc + scale * noise
        logits = tf.reshape(model.decoder(tf.reshape(z, (-1, 3))), (8, importance_samples, 12))
        sign = 2.0 * tf.reshape(x, (8, 1, 12)) - 1.0
        log_likelihood = -tf.reduce_sum(tf.math.log(1.0 + tf.exp(-sign * logits)), -1)
        if importance_samples > 1:
            log_ratio = tf.reduce_sum(-(z**2) / 2 + noise**2 / 2 + tf.math.log(scale), -1)
            weights = tf.exp(log_likelihood + log_ratio)
            loss = -tf.reduce_mean(tf.math.log(tf.reduce_mean(weights, -1)))
        else:
            kl = ((loc**2 + scale**2 - 1.0) / 2 - tf.math.log(scale))[:, 0]
            charged = tf.reduce_sum(tf.maximum(tf.reduce_mean(kl, 0), free_bits))
            loss = -tf.reduce_mean(log_likelihood) + beta * charged
    return float(loss), tape.gradient(loss, [*model.encoder.weights, *model.decoder.weights])


# ---- beta, warm-up, free bits, importance weights ----


def test_the_weight_of_the_divergence_rises_in_a_line_and_evaluation_has_it_whole():
    model, x = small(beta=2.0, kl_warmup_steps=4), images(8)
    logged = history(model, x, 7)
    weights = (np.array(logged["loss"]) - logged["reconstruction"]) / np.array(logged["kl"])
    np.testing.assert_allclose(weights, [0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0], atol=1e-4)
    fresh = small(beta=2.0, kl_warmup_steps=4)
    result = evaluated(fresh, x)
    assert result["loss"] == pytest.approx(result["reconstruction"] + 2 * result["kl"], rel=1e-5)
    assert int(fresh.step.numpy()) == 0


def test_free_bits_charge_each_latent_at_least_the_floor():
    x = images(8)
    means = divergence(small(), x).mean(0)
    floor = float(np.sort(means)[1])  # between the latents
    for free_bits in (0.0, floor, 50.0):
        result = evaluated(small(free_bits=free_bits), x)
        assert result["loss"] - result["reconstruction"] == pytest.approx(np.maximum(means, free_bits).sum(), rel=1e-3)
        assert result["kl"] == pytest.approx(means.sum(), rel=1e-4)  # the report is of the divergence itself


def test_the_importance_weighted_objective_is_the_bound():
    model, x = small(importance_samples=6, seed=3), images(8)
    seeds = random.row_keys(3, 1, tf.range(8)).numpy().tolist()  # the noise of an evaluation, by the row
    bound = model.log_prob_bound(x, 6, seed=seeds)
    result = evaluated(model, x)
    assert result["loss"] == pytest.approx(-bound.mean(), rel=1e-5)
    assert result["elbo"] <= -result["loss"]


def test_more_importance_samples_tighten_the_objective():
    losses = []
    for samples in (1, 5, 50):
        model, law = linear_model("rough", importance_samples=samples)
        model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
        losses.append(model.evaluate(law.draw(400), batch_size=400, verbose=0, return_dict=True)["loss"])
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"importance_samples": 5, "beta": 2.0}, "beta=2.0, kl_warmup_steps=0, free_bits=0.0, importance_samples=5"),
        ({"importance_samples": 5, "kl_warmup_steps": 10}, "kl_warmup_steps=10"),
        ({"importance_samples": 5, "free_bits": 0.1}, "free_bits=0.1"),
        ({"importance_samples": 0}, "importance_samples=0"),
        ({"beta": -1.0}, "beta=-1.0"),
        ({"beta": math.nan}, "beta=nan"),
        ({"free_bits": -0.1}, "free_bits=-0.1"),
        ({"kl_warmup_steps": -1}, "kl_warmup_steps=-1"),
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"latent_dim": 2.5}, "latent_dim=2.5"),
        ({"importance_samples": 2.5}, "importance_samples=2.5"),
        ({"beta": "2"}, "beta='2'"),
        ({"network": "transformer"}, "network='transformer'"),
        ({"likelihood": "gauss"}, "likelihood='gauss'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments, received):
    with pytest.raises(ValueError, match=f"Received: .*{received}"):
        small(**arguments)


# ---- training ----


@pytest.mark.parametrize(
    ("likelihood", "levels"),
    [("bernoulli", 2), ("discretized_logistic", 256), ("normal", 256), (Normal(levels=None), 256), ("categorical", 256)],
)
@pytest.mark.in_turn(every=3)
def test_every_likelihood_trains(likelihood, levels):
    model, x = small(likelihood=likelihood), images(16, levels)
    model.compile(keras.optimizers.Adam(0.02))
    before = evaluated(model, x)
    model.fit(tf.data.Dataset.from_tensors(x).repeat(), steps_per_epoch=60, verbose=0)
    after = evaluated(model, x)
    assert after["loss"] < before["loss"] - 1.0
    assert all(math.isfinite(value) for value in after.values())
    assert ("bits_per_dim" in after) == model.likelihood.discrete


def test_the_networks_learn_the_likelihood_of_a_linear_law():
    """Both terms weigh as much as they should: from a poor posterior, training the encoder alone finds the exact one."""
    model, law = linear_model("rough")
    x = law.draw(256)
    model.decoder.trainable = False
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(tf.data.Dataset.from_tensors(x).repeat(), steps_per_epoch=250, verbose=0)
    loc, scale = model.encode(x)
    expected = (x.reshape(len(x), -1) - 0.5 - law.bias) @ law.posterior_weights
    assert loc.shape == (256, LATENTS)
    np.testing.assert_allclose(scale.mean(0), np.sqrt(law.posterior_variance), rtol=0.08)
    assert np.sqrt(np.mean((loc - expected) ** 2)) < 0.15


def test_evaluation_does_not_depend_on_the_batch_size():
    model = tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4)
    model.compile()
    images = np.round(np.random.default_rng(0).uniform(size=(10, 4, 4, 1))).astype(np.float32)
    first, second = (model.evaluate(images, batch_size=size, verbose=0, return_dict=True) for size in (4, 10))
    assert first == pytest.approx(second, abs=1e-5)
