"""The Keras metrics against the plain functions: in parts, in `evaluate`, on replicas, saved and loaded."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.metrics import FrechetDistance, KernelDistance, frechet_distance, kernel_distance

GENERATOR = np.random.default_rng(0)
REAL = GENERATOR.normal(size=(64, 4)).astype(np.float32)
GENERATED = (1.5 * GENERATOR.normal(size=(64, 4)) + 0.5).astype(np.float32)


def fed(metric, *batches):
    for real, generated in batches:
        metric.update_state(real, generated)
    return float(metric.result())


def parts(*cuts: int):
    return list(zip(np.split(REAL, cuts), np.split(GENERATED, cuts), strict=True))


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.9), keras.layers.Dense(3, activation="tanh")])


@pytest.mark.parametrize("cuts", [(), (1,), (20, 40), tuple(range(1, 64))])
def test_frechet_in_parts_equals_the_function(cuts: tuple[int, ...]):
    assert fed(FrechetDistance(num_features=4), *parts(*cuts)) == pytest.approx(frechet_distance(REAL, GENERATED), rel=1e-6)


def test_frechet_of_few_rows_and_of_equal_rows():
    few = REAL[:3], GENERATED[:3]  # rank 2 of 4
    assert fed(FrechetDistance(num_features=4), few) == pytest.approx(frechet_distance(*few), rel=1e-6)
    assert 0.0 <= fed(FrechetDistance(num_features=4), (REAL, REAL)) < 1e-6


def test_sums_are_float64():
    rows = np.concatenate([np.full((1, 1), 1e8), np.ones((10_000, 1))]).astype(np.float32)  # float32 would stop at 1e8
    metric = FrechetDistance(num_features=1)
    metric.update_state(rows, rows + 1.0)
    assert {str(variable.dtype) for variable in metric.variables} == {"float64"}
    assert float(metric.variables[1].numpy()[0]) == 1e8 + 10_000


def test_frechet_is_infinite_until_both_sets_have_two_rows():
    metric = FrechetDistance(num_features=4)
    assert float(metric.result()) == np.inf
    metric.update_state(REAL[:1], GENERATED)
    assert float(metric.result()) == np.inf
    metric.update_state(REAL[1:2], GENERATED[:0])
    assert np.isfinite(float(metric.result()))


def test_kernel_averages_the_batches():
    def whole(real, generated):
        return kernel_distance(real, generated, subsets=1, subset_size=len(real)).value

    batches = parts(16, 40)
    expected = np.average([whole(*batch) for batch in batches], weights=[16, 24, 24])
    assert fed(KernelDistance(), *batches) == pytest.approx(expected, rel=1e-5)
    assert fed(KernelDistance(), (REAL, GENERATED)) == pytest.approx(whole(REAL, GENERATED), rel=1e-5)


def test_kernel_passes_over_batches_without_pairs():
    metric = KernelDistance()
    assert fed(metric, (REAL[:1], GENERATED[:1]), (REAL[:0], GENERATED[:0])) == np.inf
    expected = fed(KernelDistance(), (REAL, GENERATED))
    assert fed(metric, (REAL, GENERATED), (REAL[:1], GENERATED)) == pytest.approx(expected, rel=1e-6)


def test_kernel_takes_sets_of_different_sizes():
    def mean(x, y, same):
        kernel = (x.astype(np.float64) @ y.T.astype(np.float64) / 4 + 1) ** 3
        return kernel[~np.eye(len(x), dtype=bool)].mean() if same else kernel.mean()

    x, y = REAL[:10], GENERATED[:30]
    expected = mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)
    assert fed(KernelDistance(), (x, y)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [lambda: FrechetDistance(num_features=4), KernelDistance])
def test_a_reset_forgets(make):
    metric, fresh = make(), make()
    fed(metric, (GENERATED, REAL + 3.0))
    metric.reset_state()
    assert fed(metric, (REAL, GENERATED)) == fed(fresh, (REAL, GENERATED))


def test_a_network_extracts_without_dropout():
    extractor = network()
    features = [np.asarray(extractor(rows, training=False)) for rows in (REAL, GENERATED)]
    assert fed(FrechetDistance(extractor), *parts(30)) == pytest.approx(frechet_distance(*features), rel=1e-5)
    expected = kernel_distance(*features, subsets=1, subset_size=64).value
    assert fed(KernelDistance(extractor), (REAL, GENERATED)) == pytest.approx(expected, rel=1e-4)


def test_a_function_extracts():
    def halves(images):
        return tf.reshape(images, (tf.shape(images)[0], 4))[:, :2]

    images = [rows.reshape(64, 2, 2, 1) for rows in (REAL, GENERATED)]
    expected = frechet_distance(REAL[:, :2], GENERATED[:, :2])
    assert fed(FrechetDistance(halves, num_features=2), images) == pytest.approx(expected, rel=1e-6)


def identity() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])


def test_in_compile_and_evaluate():
    model = identity()
    model.compile(loss="mse", metrics=[FrechetDistance(num_features=4), KernelDistance()])
    found = model.evaluate(GENERATED, REAL, batch_size=24, return_dict=True, verbose=0)
    assert found["frechet_distance"] == pytest.approx(frechet_distance(REAL, GENERATED), rel=1e-5)
    assert found["kernel_distance"] == pytest.approx(fed(KernelDistance(), *parts(24, 48)), rel=1e-5)
    again = model.evaluate(GENERATED, REAL, batch_size=24, return_dict=True, verbose=0)
    assert again == found  # `evaluate` resets


def test_under_xla():
    metric = KernelDistance()
    tf.function(metric.update_state, jit_compile=True)(tf.constant(REAL), tf.constant(GENERATED))
    assert float(metric.result()) == pytest.approx(fed(KernelDistance(), (REAL, GENERATED)), rel=1e-6)


def test_replicas_add_up():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = identity()
        model.compile(loss="mse", metrics=[FrechetDistance(num_features=4)])
    found = model.evaluate(GENERATED, REAL, batch_size=32, return_dict=True, verbose=0)
    assert found["frechet_distance"] == pytest.approx(frechet_distance(REAL, GENERATED), rel=1e-5)


def test_they_are_saved_with_a_model(tmp_path):
    model = identity()
    model.compile(loss="mse", metrics=[FrechetDistance(network()), KernelDistance(name="mine")])
    expected = model.evaluate(GENERATED, REAL, return_dict=True, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").evaluate(GENERATED, REAL, return_dict=True, verbose=0)
    assert set(expected) == {"loss", "frechet_distance", "mine"} == set(loaded)
    assert loaded["mine"] == expected["mine"]
    copy = FrechetDistance.from_config(FrechetDistance(num_features=4, name="copied").get_config())
    assert (copy.name, copy.num_features, copy.features) == ("copied", 4, None)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: FrechetDistance(), ValueError, "Expected `num_features`.*Received: num_features=None"),
        (lambda: FrechetDistance(num_features=0), ValueError, "Received: num_features=0"),
        (lambda: KernelDistance("classifier"), TypeError, "`features` as a Keras model or a function.*'classifier'"),
        (
            lambda: FrechetDistance(num_features=4).update_state(REAL[:, :3], GENERATED[:, :3]),
            ValueError,
            "Expected 4 features per row.*Received: 3 features",
        ),
        (
            lambda: KernelDistance().update_state(REAL[:, :3], GENERATED),
            ValueError,
            "features of one size. Received: 3 and 4",
        ),
        (
            lambda: KernelDistance().update_state(REAL.reshape(64, 2, 2, 1), GENERATED),
            ValueError,
            r"of `real` of shape \(n, d\); pass an extractor.*Received: features of shape \(64, 2, 2, 1\)",
        ),
        (
            lambda: KernelDistance().update_state(REAL, GENERATED, sample_weight=np.ones(64)),
            ValueError,
            "takes no weights",
        ),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
