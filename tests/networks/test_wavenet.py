"""WaveNet's network: what each output depends on, the formula of the receptive field, and steps equal to the pass."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.audio import mu_law_edges
from tfgen.layers import GatedBlock1D
from tfgen.networks import WaveNetNetwork

LENGTH = 14


def network(**arguments) -> WaveNetNetwork:
    keras.utils.set_random_seed(3)
    made = WaveNetNetwork(5, **{"codes": 0, "dilations": (1, 2, 4), "filters": 4, "gated": 3, "skip": 24, **arguments})
    made.build((None, None, 1))
    rng = np.random.default_rng(0)
    made.set_weights([value + rng.normal(0.0, 0.3, value.shape) for value in made.get_weights()])
    return made


def waveform(rows: int = 2, length: int = LENGTH) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).uniform(-0.8, 0.8, (rows, length, 1)), tf.float32)


@pytest.mark.parametrize("dilations", [(1,), (1, 2, 4), (2, 3), (1, 2, 1, 2)])
def test_outputs_depend_on_every_sample_of_the_receptive_field_and_on_no_other(dilations):
    made, x = network(dilations=dilations), tf.tile(waveform(1), [LENGTH, 1, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = tf.linalg.diag_part(tf.reduce_sum(tf.square(made(x)), -1))  # row i at time i
    gradient = tape.gradient(outputs, x).numpy()[:, :, 0]
    place, source = np.indices((LENGTH, LENGTH))
    reach = {0}
    for dilation in dilations:
        reach |= {distance + dilation for distance in reach}
    expected = np.isin(place - 1 - source, sorted(reach))
    np.testing.assert_array_equal(gradient != 0.0, expected)
    assert made.receptive_field == 1 + sum(dilations) == max(reach) + 1
    if dilations == (1, 2, 4):  # doubling dilations leave no gap
        assert reach == set(range(made.receptive_field))


@pytest.mark.parametrize("codes", [0, 16])
@pytest.mark.parametrize("conditions", [0, 2])
def test_steps_give_what_the_pass_gives(codes, conditions):
    made, x = network(codes=codes, conditions=conditions), waveform()
    features = tf.constant(np.random.default_rng(2).normal(size=(2, conditions)), tf.float32)
    expected = made(x, conditions=features) if conditions else made(x)
    side = made.beside(tf.constant(2), features)
    state, prepared, outputs = made.initial_state(tf.constant(2)), made.prepare_step(), []
    assert state["queue"].shape == (sum(made.dilations), 2, made.filters)
    for time in range(LENGTH):
        out, state = made.step(state, tf.constant(time), prepared, side)
        outputs.append(out)
        state = made.push(x[:, time, 0], state, prepared)
    np.testing.assert_allclose(tf.stack(outputs, 1), expected, atol=2e-5)


def test_a_block_is_the_formula():
    rng = np.random.default_rng(4)
    block = GatedBlock1D(3, gated=2, skip=4, dilation=2, conditions=2)
    h, c = rng.normal(size=(1, 6, 3)).astype(np.float32), rng.normal(size=(1, 6, 2)).astype(np.float32)
    block.build((None, None, 3))
    block.set_weights([rng.normal(size=value.shape) for value in block.get_weights()])
    new, units = block(tf.constant(h), conditions=tf.constant(c))
    kernel, bias, side, out, _ = block.get_weights()
    for time in range(6):
        before = h[0, time - 2] if time >= 2 else np.zeros(3)
        pre = h[0, time] @ kernel[:3] + before @ kernel[3:] + c[0, time] @ side + bias
        m = np.tanh(pre[:2]) / (1 + np.exp(-pre[2:]))
        np.testing.assert_allclose(new[0, time], h[0, time] + m @ out, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(units[0, time], m, rtol=1e-4, atol=1e-5)


def test_local_conditions_act_at_their_own_time_and_later():
    made, x = network(conditions=2), waveform(1)
    features = np.zeros((1, LENGTH, 2), np.float32)
    changed = features.copy()
    changed[0, 5] = 1.0
    moved = np.abs(made(x, conditions=tf.constant(changed)) - made(x, conditions=tf.constant(features))).max(-1)[0] > 0
    assert moved.tolist() == [time - 5 in (0, 2, 4, 6) for time in range(LENGTH)]  # the first block has no tap behind it


def test_half_precision_keeps_quiet_samples_apart():
    made = network(codes=256, dtype="mixed_bfloat16")
    edge = mu_law_edges()[200]
    x = tf.constant([[[edge], [0.5]], [[edge * 0.9999], [0.5]]])  # two codes; bfloat16 would round the values together
    outputs = made(x)
    assert outputs.dtype == tf.float32 and float(tf.reduce_max(tf.abs(outputs[0, 1] - outputs[1, 1]))) > 1e-3


@pytest.mark.parametrize(
    "arguments", [{"dilations": ()}, {"codes": 1}, {"filters": 0}, {"dilations": (0,)}, {"conditions": -1}]
)
def test_arguments_out_of_range_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=rf"Received: {name}="):
        WaveNetNetwork(5, **arguments)


def test_two_channels_are_refused():
    with pytest.raises(ValueError, match="one channel"):
        WaveNetNetwork(5).build((None, None, 2))
