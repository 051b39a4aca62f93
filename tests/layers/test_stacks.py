"""Stacked tensors come back as they were, and a loop carries one tensor for all of a shape."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfgen.layers.stacks import stacked


def test_what_was_stacked_comes_back():
    rng = np.random.default_rng(0)
    draw = lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)  # noqa: E731
    values = {
        "kernels": [(draw(4, 16), draw(16)), (draw(4, 16), draw(16)), (draw(4, 16), draw(16))],
        "odd": [draw(3), draw(3)],  # 12 bytes: these would be copied, so they stay alone
        "codes": tf.range(16),
        "scalar": draw(),
    }
    stacks, restored = stacked(values)
    assert sorted(stack.shape.as_list() for stack in stacks) == [[], [3], [3], [3, 4, 16], [3, 16], [16]]
    tf.nest.map_structure(np.testing.assert_array_equal, restored(stacks), values)


def test_tensors_of_unknown_shape_and_none_at_all_pass():
    @tf.function(input_signature=[tf.TensorSpec((None, 16)), tf.TensorSpec((None, 16))])
    def passed(first, second):
        stacks, restored = stacked([first, second])
        return restored(stacks)

    first, second = passed(tf.ones((2, 16)), tf.zeros((3, 16)))
    assert (first.shape, second.shape) == ((2, 16), (3, 16))
    stacks, restored = stacked({})
    assert (stacks, restored(stacks)) == ([], {})


def test_a_loop_gives_what_it_gives_without():
    kernels = [tf.random.stateless_normal((16, 16), (0, i), stddev=0.3) for i in range(5)]

    @tf.function
    def looped():
        stacks, restored = stacked(kernels)

        def body(i, x):
            for kernel in restored(stacks):
                x = tf.tanh(tf.matmul(x, kernel))
            return i + 1, x

        return tf.while_loop(lambda i, _: i < 3, body, (0, tf.ones((2, 16))))[1]

    expected = tf.ones((2, 16))
    for _ in range(3):
        for kernel in kernels:
            expected = tf.tanh(tf.matmul(expected, kernel))
    np.testing.assert_allclose(looped(), expected, atol=1e-6)
