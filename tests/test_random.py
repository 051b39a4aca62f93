"""Seeds and noise: the same bits in plain Python, NumPy, eagerly, in graphs and under XLA."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfgen import random

GAMMA, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def mix(value: int) -> int:
    """The finalizer of SplitMix64, as its authors print it."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def row_seeds(seed: int, n: int) -> list[int]:
    base = mix((seed + GAMMA) & MASK)
    return [mix((base + (i + 1) * GAMMA) & MASK) >> 11 for i in range(n)]


def uniform(seed: int, size: int, stream: int) -> list[float]:
    key = mix((seed + GAMMA * (stream + 1)) & MASK)
    values = [np.float32((mix((key + (j + 1) * GAMMA) & MASK) >> 40) * 2.0**-24 + 2.0**-25) for j in range(size)]
    return [float(min(value, np.float32(1 - 2.0**-24))) for value in values]


def unmix(value: int) -> int:
    """The inverse of `mix`."""
    for shift, multiplier in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        guess = value
        for _ in range(3):  # x = y ^ (x >> s), solved from the top bits down
            guess = value ^ (guess >> shift)
        value = guess * pow(multiplier, -1, 2**64) & MASK
    return value


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**53 - 1, 2**64 - 1, -1, -(2**70)])
def test_row_seeds_equal_plain_integers(seed: int) -> None:
    assert random.row_seeds(seed, 20).tolist() == row_seeds(seed, 20)


def test_mix_is_splitmix64() -> None:
    # the first outputs of SplitMix64 seeded with 1234567, from Vigna's reference implementation
    outputs = [mix((1234567 + (i + 1) * GAMMA) & MASK) for i in range(3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_row_seeds_do_not_depend_on_n() -> None:
    assert random.row_seeds(5, 100)[:7].tolist() == random.row_seeds(5, 7).tolist()
    assert random.row_seeds(5, 0).shape == (0,)


def test_row_seeds_do_not_collide_and_fit_into_json() -> None:
    seeds = np.concatenate([random.row_seeds(seed, 2000) for seed in range(50)])
    assert len(np.unique(seeds)) == len(seeds)
    assert seeds.min() >= 0 and seeds.max() <= random.MAX_SEED
    assert (seeds.astype(np.float64).astype(np.int64) == seeds).all()


@pytest.mark.parametrize("seed", [0, 3, 2**53 - 1])
@pytest.mark.parametrize("stream", [0, 1, 7])
def test_uniform_equals_plain_integers(seed: int, stream: int) -> None:
    drawn = random.uniform(tf.constant([seed], tf.int64), (2, 3), stream)
    assert drawn.shape == (1, 2, 3)
    assert drawn.numpy().ravel().tolist() == uniform(seed, 6, stream)


@pytest.mark.parametrize(("bits", "value"), [(2**24 - 1, 1 - 2.0**-24), (0, 2.0**-25)])
def test_the_ends_stay_inside(bits: int, value: float) -> None:
    key = (unmix(bits << 40) - GAMMA) & MASK
    seed = (unmix(key) - GAMMA) & MASK
    seeds = tf.constant([seed - 2**64 if seed >= 2**63 else seed], tf.int64)
    assert mix(unmix(12345)) == 12345
    assert float(random.uniform(seeds, (1,))[0, 0]) == value
    assert np.isfinite(random.normal(seeds, (1,)).numpy()).all()


def test_row_keys_equal_plain_integers() -> None:
    def keys(*parts: int) -> int:
        key = 0
        for part in parts:
            key = mix((key + GAMMA + part) & MASK)
        return key >> 11

    drawn = random.row_keys(3, 2, tf.range(5)).numpy().tolist()
    assert drawn == [keys(3, 2, row) for row in range(5)]


def test_eager_graph_and_xla_give_the_same_bits() -> None:
    seeds = tf.constant(random.row_seeds(1, 33))
    for draw in (lambda s: random.uniform(s, (5, 3), 2), lambda s: random.row_keys(7, s)):
        eager = draw(seeds).numpy()
        graph = tf.function(draw, input_signature=[tf.TensorSpec([None], tf.int64)])(seeds).numpy()
        compiled = tf.function(draw, jit_compile=True)(seeds).numpy()
        assert eager.tobytes() == graph.tobytes() == compiled.tobytes()
    normal = [
        f(seeds).numpy()
        for f in (lambda s: random.normal(s, (9,)), tf.function(lambda s: random.normal(s, (9,)), jit_compile=True))
    ]
    np.testing.assert_allclose(normal[0], normal[1], rtol=1e-5, atol=1e-6)


def test_a_row_depends_on_its_seed_alone() -> None:
    seeds = random.row_seeds(0, 50)
    together = random.normal(tf.constant(seeds), (4,)).numpy()
    alone = [random.normal(tf.constant(seeds[i : i + 1]), (4,)).numpy()[0] for i in (0, 17, 49)]
    assert together[[0, 17, 49]].tobytes() == np.stack(alone).tobytes()
    longer = random.normal(tf.constant(seeds), (9,)).numpy()
    assert longer[:, :4].tobytes() == together.tobytes()


def test_uniform_is_uniform() -> None:
    u = random.uniform(tf.constant(random.row_seeds(2, 1000)), (200,)).numpy().astype(np.float64)
    n = u.size
    assert u.min() > 0 and u.max() < 1
    for power in (1, 2, 3, 4):  # moments within five standard errors
        error = np.sqrt(1 / (2 * power + 1) - 1 / (power + 1) ** 2) / np.sqrt(n)
        assert abs((u**power).mean() - 1 / (power + 1)) < 5 * error
    counts = np.histogram(u, 100, (0, 1))[0]
    assert ((counts - n / 100) ** 2 / (n / 100)).sum() < 99 + 5 * np.sqrt(2 * 99)


def test_rows_columns_and_streams_are_uncorrelated() -> None:
    u = random.uniform(tf.constant(np.arange(4000)), (50,)).numpy().astype(np.float64)  # neighbouring seeds, on purpose
    other = random.uniform(tf.constant(np.arange(4000)), (50,), stream=1).numpy().astype(np.float64)
    pairs = {
        "rows": (u[:-1], u[1:]),
        "columns": (u[:, :-1], u[:, 1:]),
        "streams": (u, other),
        "shift": (u[:, 1:], other[:, :-1]),
    }
    for what, (a, b) in pairs.items():
        correlation = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(a.size), what
    assert len(np.unique(np.concatenate([u, other]))) > 0.98 * min(2 * u.size, 2**24 * (1 - np.exp(-2 * u.size / 2**24)))


def test_normal_is_normal() -> None:
    z = random.normal(tf.constant(random.row_seeds(3, 1000)), (200,)).numpy().astype(np.float64)
    moments, errors = [0, 1, 0, 3], [1, 2, 15, 96]
    for power, (moment, variance) in enumerate(zip(moments, errors, strict=True), 1):
        assert abs((z**power).mean() - moment) < 5 * np.sqrt(variance / z.size)


@pytest.mark.parametrize(
    ("seed", "n", "error"),
    [
        (None, None, ValueError), (0, None, ValueError), ([1, 2], 3, ValueError), ([-1], None, ValueError), ([2**53], None, ValueError),
        ([0.5], None, TypeError), ([[1]], None, TypeError), (1.5, 2, TypeError), (True, 2, TypeError), (0, 1.5, TypeError),
        (0, -1, ValueError), ("a", 2, TypeError),
    ],
)  # fmt: skip
def test_bad_seeds_are_refused(seed: object, n: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="Received"):
        random.as_row_seeds(seed, n)  # type: ignore[arg-type]


def test_as_row_seeds() -> None:
    assert random.as_row_seeds([5, 6]).tolist() == [5, 6]
    assert random.as_row_seeds(np.array([], np.int64)).shape == (0,)
    assert random.as_row_seeds(4, 3).tolist() == row_seeds(4, 3)
    assert random.as_row_seeds(None, 3).tolist() != random.as_row_seeds(None, 3).tolist()
    assert 0 <= random.fresh_seed() <= random.MAX_SEED


def test_bytes_are_even_and_follow_their_rows():
    seeds = random.row_seeds(5, 40)
    drawn = random.byte_values(tf.constant(seeds), (3, 37), stream=2).numpy()
    assert drawn.shape == (40, 3, 37) and drawn.dtype == np.uint8
    counts = np.bincount(random.byte_values(tf.constant(seeds), (6400,)).numpy().ravel(), minlength=256)
    expected = counts.sum() / 256
    assert ((counts - expected) ** 2 / expected).sum() < 255 + 5 * np.sqrt(2 * 255)
    np.testing.assert_array_equal(random.byte_values(tf.constant(seeds[[7, 3]]), (3, 37), stream=2), drawn[[7, 3]])
    compiled = tf.function(lambda s: random.byte_values(s, (3, 37), stream=2), jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(seeds)), drawn)
    np.testing.assert_array_equal(
        random.byte_values(tf.constant(seeds), (3, 30), stream=2).numpy().ravel()[:90], drawn[0].ravel()[:90]
    )
