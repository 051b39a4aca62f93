"""The bounds of latent-variable models as objects: hand-made numbers, schedules, replicas, refusals."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.objectives import ELBO, Bound, ImportanceWeighted, Inference, free_bits, make_bound
from tfgen.testing import two_replicas

LOG_LIKELIHOOD = tf.constant([[-3.0], [-1.0]])
KL = tf.constant([[0.5, 1.0], [0.0, 2.5]])
DRAWS = np.random.default_rng(3).normal(-5.0, 2.0, (3, 2, 4)).astype(np.float32)  # three terms, two rows, four draws


def values(bound: Bound, *terms, step: int = 0, training: bool = True) -> dict[str, np.ndarray]:
    found = bound(*terms, step=tf.constant(step, tf.int64), training=training)
    assert list(found) == ["loss", "elbo", "reconstruction", "kl"]
    assert all(value.shape == (2,) for value in found.values())
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.parametrize(("beta", "loss"), [(1.0, [4.5, 3.5]), (4.0, [9.0, 11.0]), (0.0, [3.0, 1.0]), (2, [6.0, 6.0])])
def test_the_elbo_by_hand(beta: float, loss: list[float]) -> None:
    found = values(ELBO(beta), LOG_LIKELIHOOD, None, None, KL)
    np.testing.assert_allclose(found["loss"], loss)
    np.testing.assert_allclose(found["elbo"], [-4.5, -3.5])  # what is reported is the bound, whatever is trained
    np.testing.assert_allclose(found["reconstruction"], [3.0, 1.0])
    np.testing.assert_allclose(found["kl"], [1.5, 2.5])


@pytest.mark.parametrize(("step", "training", "weight"), [(0, True, 0.0), (5, True, 1.0), (30, True, 2.0), (0, False, 2.0)])
def test_the_weight_of_the_kl_rises_in_training_only(step: int, training: bool, weight: float) -> None:
    found = values(ELBO(2.0, warmup_steps=10), LOG_LIKELIHOOD, None, None, KL, step=step, training=training)
    np.testing.assert_allclose(found["loss"], [3.0 + weight * 1.5, 1.0 + weight * 2.5])
    np.testing.assert_allclose(found["elbo"], [-4.5, -3.5])


@pytest.mark.parametrize("training", [True, False])
def test_free_bits_are_charged_and_not_reported(training: bool) -> None:
    found = values(ELBO(2.0, free_bits=0.5), LOG_LIKELIHOOD, None, None, KL, training=training)
    # the means of the latents are 0.25 and 1.75: the first costs its floor, the second itself
    np.testing.assert_allclose(found["loss"], [3.0 + 2.0 * (0.5 + 1.0), 1.0 + 2.0 * (0.5 + 2.5)])
    np.testing.assert_allclose(found["elbo"], [-4.5, -3.5])
    np.testing.assert_allclose(found["kl"], [1.5, 2.5])


def test_free_bits_are_of_the_mean_over_all_replicas() -> None:
    strategy = two_replicas()
    rows = [np.array([[0.1, 2.0]], np.float32), np.array([[0.7, 0.2]], np.float32)]  # means of both: 0.4, 1.1
    kl = strategy.experimental_distribute_values_from_function(lambda ctx: tf.constant(rows[ctx.replica_id_in_sync_group]))
    bound = ELBO(free_bits=0.5)

    @tf.function
    def losses():
        return strategy.run(lambda part: bound(tf.zeros((1, 1)), None, None, part, step=0, training=True)["loss"], args=(kl,))

    found = tf.concat(strategy.experimental_local_results(losses()), 0)
    np.testing.assert_allclose(found, free_bits(tf.constant(np.concatenate(rows)), 0.5), rtol=1e-6)
    np.testing.assert_allclose(found, [0.5 + 2.0, 0.5 + 0.2], rtol=1e-6)  # alone, the second row's latents were 0.7 and 0.5


def test_a_drawn_kl_stands_in_where_none_is_closed() -> None:
    log_q, log_prior = tf.constant([[-1.0], [-2.0]]), tf.constant([[-1.5], [-1.0]])
    found = values(ELBO(3.0), LOG_LIKELIHOOD, log_q, log_prior, None)
    np.testing.assert_allclose(found["kl"], [0.5, -1.0])
    np.testing.assert_allclose(found["elbo"], [-3.5, 0.0])
    np.testing.assert_allclose(found["loss"], [3.0 + 3.0 * 0.5, 1.0 - 3.0])


def test_the_weighted_bound_by_slow_numpy() -> None:
    log_likelihood, log_q, log_prior = DRAWS.astype(np.float64)
    found = values(ImportanceWeighted(4), *(tf.constant(terms) for terms in DRAWS), None)
    weights = log_likelihood + log_prior - log_q
    expected = [-math.log(sum(math.exp(value) for value in row) / 4) for row in weights]
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["elbo"], weights.mean(1), rtol=1e-5)
    np.testing.assert_allclose(found["reconstruction"], -log_likelihood.mean(1), rtol=1e-5)
    np.testing.assert_allclose(found["kl"], (log_q - log_prior).mean(1), rtol=1e-4, atol=1e-5)
    assert (found["loss"] <= -found["elbo"]).all()  # a tighter bound than the mean of its draws


def test_one_draw_of_the_weighted_bound_is_the_elbo() -> None:
    terms = [tf.constant(each[:, :1]) for each in DRAWS]
    weighted, plain = values(ImportanceWeighted(1), *terms, None), values(ELBO(), *terms, None)
    for name in weighted:
        np.testing.assert_allclose(weighted[name], plain[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bound", [ELBO(), ELBO(4.0, 100, 0.25), ELBO(np.float32(0.5)), ImportanceWeighted(5)])
def test_configs(bound: Bound) -> None:
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(bound))
    assert twin == bound and hash(twin) == hash(bound)
    assert all(type(value) in (int, float) for value in bound.get_config().values())


def test_the_numbers_of_old_make_bounds() -> None:
    assert make_bound() == ELBO() and make_bound().num_samples == 1
    assert make_bound(beta=4, kl_warmup_steps=10, free_bits=0.1) == ELBO(4.0, 10, 0.1)
    assert make_bound(importance_samples=7) == ImportanceWeighted(7) and ImportanceWeighted(7).num_samples == 7


def test_an_inference_holds_one_draw_a_row() -> None:
    inference = Inference(tf.zeros((2, 3)), log_q=tf.zeros(2))
    assert inference.log_prior is None and inference.kl is None and inference.extra == {}
    assert Inference(tf.zeros((2, 3))).extra is not inference.extra


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ELBO(-1.0), "`beta` must be a number of at least 0. Received: beta=-1.0"),
        (lambda: ELBO(warmup_steps=1.5), "`warmup_steps` must be an integer of at least 0. Received: warmup_steps=1.5"),
        (lambda: ELBO(free_bits=math.nan), "`free_bits` must be a number of at least 0"),
        (lambda: ImportanceWeighted(0), "`num_samples` must be an integer of at least 1. Received: num_samples=0"),
        (lambda: make_bound(kl_warmup_steps=-1), "`kl_warmup_steps` must be an integer of at least 0"),
        (lambda: make_bound(importance_samples=0), "`importance_samples` must be an integer of at least 1"),
        (lambda: make_bound(beta=2.0, importance_samples=5), "no KL term to weigh.*beta=2.0, .*importance_samples=5"),
        (lambda: make_bound(kl_warmup_steps=3, importance_samples=5), "no KL term to weigh.*kl_warmup_steps=3"),
        (lambda: make_bound(free_bits=0.5, importance_samples=5), "no KL term to weigh.*free_bits=0.5"),
        (
            lambda: values(ELBO(free_bits=0.1), LOG_LIKELIHOOD, LOG_LIKELIHOOD, LOG_LIKELIHOOD, None),
            "Free bits are of each latent's KL.*Received: kl=None, free_bits=0.1",
        ),
        (lambda: values(ELBO(), LOG_LIKELIHOOD, None, None, None), "expected `kl`, or `log_q` and `log_prior`"),
        (lambda: values(ImportanceWeighted(1), LOG_LIKELIHOOD, None, LOG_LIKELIHOOD, None), "expected `log_q`.*log_q=None"),
    ],
)
def test_wrong_arguments_are_named(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()
