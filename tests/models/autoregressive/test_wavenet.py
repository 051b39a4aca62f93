"""WaveNet: sums to one, causal before and after training, queues equal to the naive loop, longer draws, conditions."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import random
from tfgen.distributions import Bernoulli, MuLawCategorical, WaveformLogisticMixture
from tfgen.models.autoregressive import stream

from .small import traced_once


def wavenet(length: int = 20, **arguments) -> tfgen.WaveNet:
    """A small WaveNet whose weights are far from zero."""
    keras.utils.set_random_seed(2)
    model = tfgen.WaveNet(length, **{"dilations": (1, 2, 4), "blocks": 1, "filters": 4, "skip": 24, **arguments})
    rng = np.random.default_rng(0)
    model.network.set_weights([value + rng.normal(0.0, 0.3, value.shape) for value in model.network.get_weights()])
    return model


def clips(rows: int, length: int = 20) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.9, 0.9, (rows, length, 1)).astype(np.float32)


@pytest.mark.parametrize(("levels", "classes"), [(3, None), (4, 2)])
def test_all_clips_together_have_probability_one(levels, classes):
    model = wavenet(3, likelihood=MuLawCategorical(levels), num_classes=classes)
    values = np.asarray(tfgen.audio.mu_law_decode(np.arange(levels), levels=levels))
    x = np.array(list(itertools.product(values, repeat=3)))[..., None]
    for label in range(classes or 1):
        log_prob = model.log_prob(x, **({"label": label} if classes else {}))
        assert np.exp(log_prob.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-5)
        assert log_prob.std() > 0.1


def future_and_past(model: tfgen.WaveNet) -> tuple[float, float]:
    """The largest gradient of a conditional for samples that come later, the smallest for those within reach."""
    x = tf.tile(tf.constant(clips(1)), [20, 1, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = tf.linalg.diag_part(tf.reduce_sum(tf.square(model.network(x)), -1))  # row i at time i
    gradient = np.abs(tape.gradient(outputs, x).numpy()[:, :, 0])
    distance = np.subtract.outer(np.arange(20), np.arange(20))
    inside = (distance >= 1) & (distance <= model.receptive_field)
    return gradient[~inside].max(), gradient[inside].min()


def test_causal_before_and_after_training():
    model = wavenet(likelihood=WaveformLogisticMixture(2))
    assert model.receptive_field == 8
    future, past = future_and_past(model)
    assert future == 0.0 and past > 0.0
    model.compile()
    model.fit(clips(16), epochs=3, verbose=0)
    future, past = future_and_past(model)
    assert future == 0.0 and past > 0.0


def changed(model: tfgen.WaveNet) -> np.ndarray:
    """Which outputs are not bit for bit the same when the code of one sample is another: (sample, time of the outputs)."""
    run = traced_once(model, "outputs", lambda x: model.network(x))
    x, levels = clips(1), model.likelihood.levels
    before, codes, found = run(tf.constant(x)).numpy(), tfgen.audio.mu_law_encode(x[0, :, 0]).numpy(), []
    for time in range(20):
        other = x.copy()
        other[0, time] = tfgen.audio.mu_law_decode((codes[time] + levels // 2) % levels)
        found.append((run(tf.constant(other)).numpy() != before).any(-1)[0])
    return np.array(found)


def test_a_code_changes_what_follows_within_reach_and_nothing_else():
    """A code has no gradient, so codes are changed one at a time: in a model as it is built, and after two training steps."""
    keras.utils.set_random_seed(2)
    model = tfgen.WaveNet(20, dilations=(1, 2, 4), blocks=1, filters=4, skip=24)
    distance = np.arange(20) - np.arange(20)[:, None]
    expected = (distance >= 1) & (distance <= model.receptive_field)
    np.testing.assert_array_equal(changed(model), expected)
    model.compile()
    model.fit(clips(8), batch_size=4, verbose=0)
    assert int(model.step.numpy()) == 2
    np.testing.assert_array_equal(changed(model), expected)


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_receptive_field_is_the_formula(blocks):
    assert tfgen.WaveNet(8, blocks=blocks, filters=1, skip=1).receptive_field == 1 + 1023 * blocks


@pytest.mark.parametrize("likelihood", ["mu_law", "logistic_mixture"])
def test_queues_draw_what_the_naive_loop_draws(likelihood):
    model = wavenet(likelihood=likelihood)
    uniforms = random.uniform(tf.constant(random.row_seeds(7, 5)), (20, 1), stream=1)
    temperature = tf.constant([1.0, 1.0, 1.0, 0.7, 1.5])
    slow = tf.function(lambda u: stream.naive(model.network, model.likelihood.draw, u, temperature))(uniforms).numpy()
    fast = model.sample(5, seed=7, temperature=temperature.numpy())
    assert len(np.unique(fast)) > 20
    # a mixture of 65 536 levels rounds to a neighbour where a uniform lies at a boundary
    np.testing.assert_allclose(fast, slow, atol=1e-7 if likelihood == "mu_law" else 1e-3)


def test_steps_add_up_to_log_prob_of_what_was_drawn():
    model = wavenet()
    x = model.sample(3, seed=1)
    network, total = model.network, np.zeros(3)
    state, prepared, side = network.initial_state(tf.constant(3)), network.prepare_step(), network.beside(tf.constant(3))
    for time in range(20):
        outputs, state = network.step(state, tf.constant(time), prepared, side)
        total += model.likelihood.log_prob(outputs, x[:, time, 0]).numpy()
        state = network.push(tf.constant(x[:, time, 0]), state, prepared)
    np.testing.assert_allclose(total, model.log_prob(x), rtol=1e-5)


def test_a_longer_draw_begins_with_the_shorter():
    model = wavenet()
    longest = model.sample(3, seed=4, length=50)
    assert longest.shape == (3, 50, 1)
    for length in (1, 7, 20):
        np.testing.assert_array_equal(model.sample(3, seed=4, length=length), longest[:, :length])
    np.testing.assert_array_equal(model.sample(3, seed=4), longest[:, :20])
    assert model.sample(0, seed=4, length=9).shape == (0, 9, 1)
    for length in (0, -3, 2.5, True):
        with pytest.raises(ValueError, match="`length`"):
            model.sample(1, seed=0, length=length)


def test_a_graph_with_rows_of_known_number_draws_the_same_twice():
    model = wavenet()
    draw = tf.function(lambda: model.draw(tf.constant([1, 2], tf.int64), None, {}, None))
    first = draw().numpy()
    np.testing.assert_array_equal(draw(), first)  # queues are written in place, and begin empty each time
    np.testing.assert_array_equal(model.sample(seed=[1, 2]), first)


def test_completion_gives_the_past_and_leaves_the_future_out():
    model = wavenet()
    x, mask = clips(2), (np.arange(20) < 12)[:, None]
    drawn = model.complete(x, mask, seed=3)
    np.testing.assert_array_equal(drawn[:, :12], x[:, :12])
    uniforms = random.uniform(tf.constant(random.row_seeds(3, 2)), (20, 1), stream=1)
    known = tf.broadcast_to(tf.cast(mask, tf.float32), (2, 20, 1))
    slow = stream.naive(model.network, model.likelihood.draw, uniforms, tf.ones((2,)), audio=tf.constant(x), observed=known)
    np.testing.assert_allclose(drawn, slow, atol=1e-7)
    late = model.complete(x, ~mask, seed=3)
    np.testing.assert_array_equal(late[:, :12], model.sample(2, seed=3)[:, :12])


def test_values_between_levels_have_the_log_probability_of_the_level():
    model, x = wavenet(likelihood=WaveformLogisticMixture(2)), clips(2)
    levels = np.round(x * 32768) / 32768
    assert (levels != x).any()
    np.testing.assert_array_equal(model.log_prob(x), model.log_prob(levels))
    drawn = model.complete(x, (np.arange(20) < 12)[:, None], seed=3)
    np.testing.assert_array_equal(drawn[:, :12], x[:, :12])  # what is known stays as it is
    np.testing.assert_array_equal(drawn[:, 12:], model.complete(levels, (np.arange(20) < 12)[:, None], seed=3)[:, 12:])


@pytest.mark.parametrize("length", [7, 20, 33])
def test_clips_of_any_length_are_judged_and_completed(length):
    features = np.random.default_rng(1).normal(size=(2, -(-length // 4), 2)).astype(np.float32)
    for model, given in ((wavenet(), {}), (wavenet(local_channels=2, hop=4), {"features": features})):
        x = model.sample(2, seed=1, length=length, **given)
        longer = wavenet(36, **({"local_channels": 2, "hop": 4} if given else {}))  # the same network
        later = np.concatenate([x, np.zeros((2, 36 - length, 1), np.float32)], 1)
        frames = np.zeros((2, 9, 2), np.float32)
        frames[:, : features.shape[1]] = features
        outputs = longer.outputs_of(longer.network, tf.constant(later), tf.constant(frames) if given else None, False)
        steps = longer.likelihood.log_prob(longer.parameters_of(outputs), tf.constant(later))
        np.testing.assert_allclose(model.log_prob(x, **given), np.asarray(steps)[:, :length].sum((1, 2)), rtol=1e-5)
        start = (np.arange(length) < 5)[:, None]
        np.testing.assert_array_equal(model.complete(x, start, seed=1, **given), x)
    with pytest.raises(ValueError, match="features"):
        model.log_prob(x, features=features[:, 1:])
    with pytest.raises(ValueError, match=r"Expected `x` of shape \(batch, 20, 1\)"):
        wavenet().log_prob(x[:, :0])


def test_features_are_no_classes_to_weigh():
    model = wavenet(local_channels=2, hop=4)
    model.compile()
    with pytest.raises(ValueError, match="`class_weight` needs arrays with integer labels"):
        model.fit(np.zeros((4, 20, 1)), np.zeros((4, 5, 2)), class_weight={0: 2.0}, verbose=0)


def test_local_conditions():
    model = wavenet(local_channels=2, hop=4)
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3, 5, 2)).astype(np.float32)
    x = model.sample(3, seed=2, features=features)
    changed = features.copy()
    changed[:, 3] += 3.0  # from sample 12 on
    other = model.sample(3, seed=2, features=changed)
    np.testing.assert_array_equal(other[:, :12], x[:, :12])
    assert (other[:, 12:] != x[:, 12:]).any()
    uniforms = random.uniform(tf.constant(random.row_seeds(2, 3)), (20, 1), stream=1)
    slow = stream.naive(model.network, model.likelihood.draw, uniforms, tf.ones((3,)), conditions=tf.constant(features), hop=4)
    np.testing.assert_allclose(x, slow, atol=1e-7)
    longer = model.sample(3, seed=2, features=np.concatenate([features, features], 1), length=40)
    np.testing.assert_array_equal(longer[:, :20], x)
    assert (model.log_prob(x, features=features) != model.log_prob(x, features=changed)).all()
    model.compile()
    history = model.fit(x, features, epochs=2, validation_data=(x, features), verbose=0).history
    assert np.isfinite(history["val_nll"]).all()
    np.testing.assert_allclose(
        model.evaluate(x, features, verbose=0)[0], -model.log_prob(x, features=features).mean(), rtol=1e-5
    )
    assert model.predict(x, y=features, verbose=0).shape == x.shape
    assert model.signatures()["sample"].inputs[1].shape.as_list() == [None, 5, 2]
    np.testing.assert_array_equal(model.complete(x, True, seed=0, features=features), x)
    for wrong in (None, features[:, :4], features[:2], features * np.nan):
        with pytest.raises(ValueError, match="features"):
            model.sample(3, seed=0, features=wrong)
    for wrong in (None, features[:, :4]):
        with pytest.raises(ValueError, match=r"`y`|y=None"):
            model.fit(x, wrong, verbose=0)
    with pytest.raises(ValueError, match=r"takes no `features`.*`local_channels`.*Received: features of shape \(3, 5, 2\)"):
        wavenet().sample(3, seed=0, features=features)


def test_classes_change_what_is_drawn():
    model = wavenet(num_classes=2)
    each = [model.sample(4, seed=3, label=label) for label in (0, 1)]
    assert (each[0] != each[1]).any()
    np.testing.assert_array_equal(model.sample(4, seed=3, label=[0, 1, 0, 1])[1], each[1][1])


def test_signatures_name_audio_and_metadata_its_rate():
    model = wavenet()
    inputs = {spec.name for spec in model.signatures()["complete"].inputs}
    assert inputs == {"audio", "observed", "seed"} and model.export_metadata()["sample_rate"] == 8000
    assert set(model.signatures()["sample"].function(seed=tf.constant([1], tf.int64))) == {"audio"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"length": 0},
        {"hop": 3},
        {"blocks": 0},
        {"filters": 1.5},
        {"likelihood": "bernoulli"},
        {"likelihood": Bernoulli()},
        {"likelihood": "no such"},
        {"num_classes": 2, "local_channels": 1},
        {"dilations": ()},
        {"sample_rate": 0},
        {"local_channels": 1.5},
        {"local_channels": True},
        {"local_channels": -1},
        {"gated": 2.5},
        {"likelihood": None},
        {"likelihood": []},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=r"(Expected|must be)"):
        tfgen.WaveNet(**{"length": 20, **arguments})


def test_models_of_images_refuse_likelihoods_of_waveforms():
    with pytest.raises(ValueError, match="WaveNet"):
        tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, likelihood=MuLawCategorical(4))
