"""What is checked inside graphs is what Python checks, to the last value; tensors in Python need lie on no grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.small import build, examples
from tfgen.models import guards
from tfgen.random import MAX_SEED


def fails(check: Callable[[tf.Tensor], Any], values: Any, dtype: Any = tf.float32) -> str:
    """Runs a check in a graph; returns what the error says, or nothing."""

    @tf.function(autograph=False)
    def run(x: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([check(x)]):
            return tf.identity(x)

    try:
        run(tf.constant(values, dtype))
    except tf.errors.InvalidArgumentError as error:
        return str(error.message)
    return ""


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("check", "legal", "illegal", "told"),
    [
        (guards.require_finite, [0.0, -3e38], [NAN, INF, -INF], "Expected `x` of finite numbers"),
        (
            guards.require_positive,
            [1e-30, float(np.finfo(np.float32).max)],
            [0.0, -1.0, NAN, INF],
            "Expected `x` above 0, and finite",
        ),
        (guards.require_mask, [0.0, 0.5, 7.0], [-0.1, NAN, INF], "Expected `x` of finite numbers, above 0 where"),
    ],
)
def test_numbers(check: Any, legal: list[float], illegal: list[float], told: str) -> None:
    assert not fails(lambda x: check(x, "x"), legal)
    assert all(told in fails(lambda x: check(x, "x"), [*legal, value]) for value in illegal)


def test_seeds_are_those_that_json_carries() -> None:
    assert not fails(lambda x: guards.require_seeds(x, "seed"), [0, MAX_SEED], tf.int64)
    for seed in (-1, MAX_SEED + 1, -(2**63), 2**63 - 1):
        assert "Expected `seed` in [0, 2**53)" in fails(lambda x: guards.require_seeds(x, "seed"), [4, seed], tf.int64)


def test_rows_need_partners() -> None:
    def check(count: int) -> Callable[[tf.Tensor], Any]:
        return lambda x: guards.require_rows({"seed": x, "label": x[:count], "temperature": x})

    assert not fails(check(3), [1.0, 2.0, 3.0])
    assert "Expected as many rows of each of seed, label, temperature" in fails(check(1), [1.0, 2.0, 3.0])


MODELS = {
    "binary": lambda: tfgen.FVBN((1, 1, 1)),
    "4 levels": lambda: tfgen.FVBN((1, 1, 1), likelihood=tfgen.distributions.Categorical(4)),
    "bytes": lambda: tfgen.FVBN((1, 1, 1), likelihood="categorical"),
    "binary without a grid": lambda: tfgen.VAE((1, 1, 1), latent_dim=1, network="mlp", width=1),
    "dequantised": lambda: tfgen.VAE((1, 1, 1), latent_dim=1, network="mlp", width=1, likelihood="normal"),
    "sound": lambda: tfgen.WaveNet(1, dilations=(1,), blocks=1, filters=1, skip=1),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_takes_the_values_that_python_takes(name: str) -> None:
    model = MODELS[name]()
    grid = [k / 255 for k in (0, 1, 100, 254, 255)] + [1 / 3, 2 / 3]
    near = [value + step / 255 for value in (1 / 3, 100 / 255) for step in (0.01, -0.01, 0.1, 0.5)]
    beyond = [-2e-5, -5e-6, 1 + 5e-6, 1 + 2e-5, -1.0, 2.0, -1 - 5e-6, 255.0, NAN, INF, -INF]

    def python(value: float) -> bool:
        try:
            model.check_examples(np.full((1, *model.event_shape), value, np.float32))
        except ValueError:
            return False
        return True

    def graph(x: tf.Tensor) -> Any:
        return guards.require_values(x, model.medium, model.value_range, model.grid)

    taken = [value for value in [*grid, *near, *beyond] if python(value)]
    assert [value for value in [*grid, *near, *beyond] if not fails(graph, [value])] == taken
    assert 0 < len(taken) < len([*grid, *near, *beyond])


def test_a_server_refuses_what_gradients_need() -> None:
    model, x = build("pixelcnn"), examples(build("pixelcnn"), 2)
    log_prob = model.signatures()["log_prob"].function
    between = tf.constant(np.clip(x, 0.25, 0.75))
    np.testing.assert_allclose(log_prob(image=tf.constant(x))["log_prob"], model.log_prob(x), rtol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(between)
        values = model.log_prob(between)
    assert np.abs(tape.gradient(values, between)).max() > 1e-4
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected `image` to hold only 0 and 1"):
        log_prob(image=between)


def test_what_stands_at_missing_values_is_passed_over() -> None:
    model, x = build("pixelcnn"), examples(build("pixelcnn"), 2)
    mask = (np.arange(x.size) % 2).reshape(x.shape).astype(np.float32)
    given = {"seed": tf.constant([4, 5], tf.int64), "observed": tf.constant(mask)}
    complete = model.signatures()["complete"].function
    spoilt = np.where(mask > 0, x, np.nan)
    found = complete(image=tf.constant(spoilt), **given)["image"]
    np.testing.assert_array_equal(found, model.complete(spoilt, mask, seed=[4, 5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected `image` to hold only 0 and 1"):
        complete(image=tf.constant(np.where(mask > 0, 0.5, x)), **given)


def test_features_are_finite() -> None:
    condition = tfgen.models.conditions.FrameFeatures(2, hop=3, length=6)
    assert "Expected `features` of finite numbers" in fails(condition.tensor, np.full((1, 2, 2), NAN))
