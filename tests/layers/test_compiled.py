"""Gates and residual sums against their formulas, compiled and not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers import gate, residual_relu

SHAPES = [[(3, 5, 4, 12), (12,)], [(3, 5, 4, 12), (3, 5, 4, 12), (12,), (3, 1, 1, 12)], [(3, 7, 8), (8,), (3, 1, 8)], [(2, 6)]]


def terms_of(shapes: list[tuple[int, ...]], dtype: tf.DType) -> list[tf.Tensor]:
    noise = np.random.default_rng(0)
    return [tf.cast(tf.constant(noise.normal(size=shape)), dtype) for shape in shapes]


def by_numpy(terms: list[tf.Tensor]) -> np.ndarray:
    features, gates = np.split(sum(np.asarray(tf.cast(term, tf.float64)) for term in terms), 2, axis=-1)
    return np.tanh(features) / (1.0 + np.exp(-gates))


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("training", [False, True])
def test_the_formula(shapes: list[tuple[int, ...]], training: bool) -> None:
    for dtype, tolerance in ((tf.float32, 1e-6), (tf.bfloat16, 2e-2)):
        terms = terms_of(shapes, dtype)
        found = gate(*terms, training=training)
        assert found.dtype == dtype
        np.testing.assert_allclose(tf.cast(found, tf.float64), by_numpy(terms), atol=tolerance)


@pytest.mark.parametrize("shapes", SHAPES)
def test_compiled_gradients_are_those_of_the_formula(shapes: list[tuple[int, ...]]) -> None:
    terms = terms_of(shapes, tf.bfloat16)
    wide = [tf.cast(term, tf.float64) for term in terms]
    upstream = tf.cast(terms_of([(*shapes[0][:-1], shapes[0][-1] // 2)], tf.bfloat16)[0], tf.float64)
    found = []
    for arguments, training in ((terms, True), (wide, False)):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            y = gate(*arguments, training=training)
        found.append(tape.gradient(y, arguments, output_gradients=tf.cast(upstream, y.dtype)))
    for term, ours, exact in zip(terms, *found, strict=True):
        assert ours.dtype == tf.bfloat16 and ours.shape == term.shape
        np.testing.assert_allclose(tf.cast(ours, tf.float64), exact, atol=1e-2 * float(tf.reduce_max(tf.abs(exact))))


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_a_residual_sum_and_its_gradient(dtype: tf.DType) -> None:
    x, y, towards_total, towards_rectified = terms_of([(3, 4, 5, 6)] * 4, dtype)
    with tf.GradientTape() as tape:
        tape.watch((x, y))
        found = residual_relu(x, y, training=True)
    gradients = tape.gradient(found, (x, y), output_gradients=(towards_total, towards_rectified))
    total, rectified = x + y, tf.nn.relu(x + y)
    exact = towards_total + tf.where(total > 0, towards_rectified, tf.zeros([], dtype))
    for ours, theirs in zip((*found, *gradients), (total, rectified, exact, exact), strict=True):
        np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(theirs, tf.float32))


def compiled_functions(training: bool, dtype: tf.DType) -> list[str]:
    def both(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return gate(x, training=training), *residual_relu(x, x, training=training)

    function = tf.function(both).get_concrete_function(tf.TensorSpec((None, 6), dtype))
    library = function.graph.as_graph_def().library.function
    return [entry.signature.name for entry in library if entry.attr["_XlaMustCompile"].b]


def test_only_bfloat16_training_compiles() -> None:
    assert len(compiled_functions(True, tf.bfloat16)) == 2
    for training, dtype in ((False, tf.bfloat16), (True, tf.float32), (True, tf.float16)):
        assert not compiled_functions(training, dtype), f"a served model cannot hold what XLA compiles: {training}, {dtype}"


def test_a_batch_of_another_size_needs_no_new_graph() -> None:
    function = tf.function(lambda x: gate(x, tf.ones(6, tf.bfloat16), training=True))
    specification = tf.TensorSpec((None, 6), tf.bfloat16)
    concrete = function.get_concrete_function(specification)
    for rows in (1, 5):
        x = tf.ones((rows, 6), tf.bfloat16)
        np.testing.assert_array_equal(
            tf.cast(concrete(x), tf.float32), tf.cast(gate(x, tf.ones(6, tf.bfloat16), training=True), tf.float32)
        )
