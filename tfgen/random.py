"""Seeds and noise: every random number of the library comes from here.

A *row seed* is one integer per example. Noise of a row is a pure function of its row seed and a stream number, computed with
integer arithmetic (SplitMix64, Steele, Lea and Flood 2014) that gives the same bits eagerly, in graphs, under XLA and on
every device. TensorFlow's own float generators do not: with one seed they draw different numbers with and without XLA.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

__all__ = [
    "MAX_SEED",
    "Purpose",
    "Stream",
    "as_row_seeds",
    "byte_values",
    "fresh_seed",
    "normal",
    "row_keys",
    "row_seeds",
    "row_seeds_in_graph",
    "uniform",
]

MAX_SEED = 2**53 - 1  # the largest integer that JSON and JavaScript carry exactly


class Stream(enum.IntEnum):
    """Which draw from one row seed is meant: two draws of one row must not repeat each other's numbers.

    The numbers are those that the zoo's samples hang on; two names share one where no model makes both draws.

    Example:
      >>> import tfgen
      >>> int(tfgen.random.Stream.PIXELS)
      1
    """

    LATENTS = 0
    PIXELS = 1  # and the samples of a waveform
    FEATURES = 1  # what a pinned pass of sound is conditional on
    POSTERIOR = 2
    ORDERING = 2  # a model with several orders has no posterior
    INSTANCE_NOISE = 3  # on what a discriminator sees
    PENALTY = 4  # where between real and generated a penalty looks
    CORRUPTION = 5  # of inputs that are to be restored
    DEQUANTISATION = 7
    MIRRORING = 8
    SHIFT = 9
    VIEW = 10  # whether an image is shown as zeros and ones
    BINARIZATION = 11


class Purpose(enum.IntEnum):
    """What row seeds are derived for, the first part after the model's seed in `row_keys`.

    Example:
      >>> import tfgen
      >>> int(tfgen.random.Purpose.EVALUATION)
      1
    """

    TRAINING = 0
    EVALUATION = 1  # must not depend on how far training has come
    ORDER = 2  # of the rows of arrays
    PROBE = 3


_GAMMA = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_MASK = 2**64 - 1


def _signed(value: int) -> int:
    """Reads 64 bits as a two's complement integer, the only 64-bit kind that every device multiplies."""
    return value - 2**64 if value >= 2**63 else value


def _mix_integer(value: int) -> int:
    """The SplitMix64 finalizer on a Python integer."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * _MULTIPLIERS[0]) & _MASK
    value = ((value ^ (value >> 27)) * _MULTIPLIERS[1]) & _MASK
    return value ^ (value >> 31)


def row_seeds(seed: int, n: int) -> np.ndarray:
    """Derives one seed per row from one seed for a whole call.

    `row_seeds(seed, n)[i] = mix(mix(seed + G) + (i + 1) * G) >> 11`, modulo 2**64, where `G = 0x9E3779B97F4A7C15` and
    `mix(v)` is `v ^= v >> 30; v *= 0xBF58476D1CE4E5B9; v ^= v >> 27; v *= 0x94D049BB133111EB; v ^= v >> 31`. Plain integers,
    so a client in any language can repeat it. Row i does not depend on n.

    Args:
      seed: any integer.
      n: number of rows, at least 0.

    Returns:
      seeds: (n,) int64 in [0, 2**53), so that JSON carries them exactly.

    Raises:
      TypeError: `seed` or `n` is not an integer.
      ValueError: `n` is negative.

    Example:
      >>> import tfgen
      >>> tfgen.random.row_seeds(0, 2).tolist() == tfgen.random.row_seeds(0, 5)[:2].tolist()
      True

    Reference: Steele, Lea, Flood, 2014, Fast splittable pseudorandom number generators, OOPSLA.
    """
    seed, n = _as_integer(seed, "seed"), _as_integer(n, "n")
    if n < 0:
        raise ValueError(f"`n` must be a number of rows, at least 0. Received: n={n}")
    base = np.uint64(_mix_integer(seed + _GAMMA))
    with np.errstate(over="ignore"):
        value = base + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_GAMMA)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(_MULTIPLIERS[0])
        value = (value ^ (value >> np.uint64(27))) * np.uint64(_MULTIPLIERS[1])
        value = value ^ (value >> np.uint64(31))
    return (value >> np.uint64(11)).astype(np.int64)


def row_seeds_in_graph(seed: int, n: tf.Tensor) -> tf.Tensor:
    """Computes `row_seeds(seed, n)` where the number of rows is known inside a graph only.

    Args:
      seed: any integer.
      n: number of rows, an integer scalar.

    Returns:
      seeds: (n,) int64 in [0, 2**53).

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.random.row_seeds_in_graph(7, tf.constant(3)).numpy().tolist() == tfgen.random.row_seeds(7, 3).tolist()
      True
    """
    base = tf.constant(_signed(_mix_integer(_as_integer(seed, "seed") + _GAMMA)), tf.int64)
    counters = tf.range(1, tf.cast(n, tf.int64) + 1, dtype=tf.int64) * tf.constant(_signed(_GAMMA), tf.int64)
    return _shift_right(_mix(base + counters), 11)


def fresh_seed() -> int:
    """Draws a seed from the operating system, for calls with `seed=None`.

    Returns:
      seed: an integer in [0, 2**53).

    Example:
      >>> import tfgen
      >>> 0 <= tfgen.random.fresh_seed() <= tfgen.random.MAX_SEED
      True
    """
    return int.from_bytes(os.urandom(8), "little") >> 11


def as_row_seeds(seed: int | Sequence[int] | np.ndarray | None, n: int | None = None) -> np.ndarray:
    """Turns what a caller passes as `seed` into one seed per row.

    Args:
      seed: None (a fresh seed), one integer (expanded by `row_seeds`), or one integer per row, each in [0, 2**53).
      n: number of rows; may be left out when `seed` lists one per row.

    Returns:
      seeds: (n,) int64.

    Raises:
      TypeError: a seed is not an integer.
      ValueError: the list's length differs from `n`, a seed is out of range, or neither fixes the number of rows.

    Example:
      >>> import tfgen
      >>> tfgen.random.as_row_seeds([7, 8]).tolist()
      [7, 8]
    """
    if n is not None:
        n = _as_integer(n, "n")
    if seed is None or np.ndim(seed) == 0:
        if n is None:
            raise ValueError(f"Expected `n`, or a list with one seed per row. Received: n=None, seed={seed}")
        return row_seeds(fresh_seed() if seed is None else seed, n)  # type: ignore[arg-type]
    seeds = np.asarray(seed)
    if seeds.size == 0:
        seeds = seeds.astype(np.int64)
    if seeds.ndim != 1 or seeds.dtype.kind not in "iu":
        raise TypeError(f"`seed` must be an integer or a list of integers, one per row. Received: seed={seed}")
    if n is not None and n != len(seeds):
        raise ValueError(f"A list of seeds fixes the number of rows. Expected {n} seeds. Received: {len(seeds)} seeds")
    if len(seeds) and not (seeds.min() >= 0 and seeds.max() <= MAX_SEED):
        raise ValueError(f"Row seeds must lie in [0, 2**53), which JSON carries exactly. Received: seed={seed}")
    return seeds.astype(np.int64)


def _as_integer(value: Any, name: str) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"`{name}` must be an integer. Received: {name}={value!r}")
    return int(value)


def _shift_right(bits: tf.Tensor, count: int) -> tf.Tensor:
    """Logical shift of int64: the arithmetic one, less the copies of the sign bit."""
    mask = tf.constant(2 ** (64 - count) - 1, tf.int64)
    return tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, tf.constant(count, tf.int64)), mask)


def _mix(bits: tf.Tensor) -> tf.Tensor:
    """The SplitMix64 finalizer on int64 tensors; products wrap modulo 2**64."""
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        bits = tf.bitwise.bitwise_xor(bits, _shift_right(bits, shift)) * tf.constant(_signed(multiplier), tf.int64)
    return tf.bitwise.bitwise_xor(bits, _shift_right(bits, 31))


def row_keys(*parts: Any) -> tf.Tensor:
    """Hashes integers into row seeds inside a graph: `h = mix(h + G + part)` for each part in turn, then `h >> 11`.

    Args:
      *parts: integer scalars or (batch,) integer tensors, for example seed, step and the row of the global batch.

    Returns:
      seeds: int64 in [0, 2**53), of the parts' broadcast shape.

    Example:
      >>> import tfgen, tensorflow as tf
      >>> tfgen.random.row_keys(0, 3, tf.range(4)).shape.as_list()
      [4]
    """
    key = tf.constant(0, tf.int64)
    for part in parts:
        key = _mix(key + tf.constant(_signed(_GAMMA), tf.int64) + tf.cast(part, tf.int64))
    return _shift_right(key, 11)


def uniform(seeds: tf.Tensor, shape: Sequence[int], stream: int = 0) -> tf.Tensor:
    """Draws uniform numbers, each row from its own seed alone.

    `u[b, j] = (mix(mix(seed_b + G * (stream + 1)) + (j + 1) * G) >> 40) * 2**-24 + 2**-25`, at most
    `1 - 2**-24`: 24 random bits, strictly inside (0, 1).

    Args:
      seeds: (batch,) int64, one seed per row.
      shape: shape of one row, static integers.
      stream: distinguishes several draws from one seed (latents 0, pixels 1, ...).

    Returns:
      values: (batch, *shape) float32 in (0, 1).

    Example:
      >>> import tfgen, tensorflow as tf
      >>> tfgen.random.uniform(tf.constant([7, 8], tf.int64), (3,)).shape.as_list()
      [2, 3]
    """
    size = int(np.prod(shape, dtype=np.int64))
    seeds = tf.cast(tf.convert_to_tensor(seeds), tf.int64)
    bits = _shift_right(_row_bits(seeds, size, stream), 40)
    # the largest of them rounds to 1 in float32, whose normal quantile is infinite
    values = tf.minimum(tf.cast(bits, tf.float32) * 2.0**-24 + 2.0**-25, 1.0 - 2.0**-24)
    return tf.reshape(values, tf.concat([tf.shape(seeds), tf.constant(list(shape), tf.int32)], 0))


def byte_values(seeds: tf.Tensor, shape: Sequence[int], stream: int = 0) -> tf.Tensor:
    """Draws random bytes, each row from its own seed alone: eight for the price of one number of `uniform`.

    The bytes of `mix(mix(seed_b + G * (stream + 1)) + (j + 1) * G)`, j = 0, 1, ..., the lowest first.

    Args:
      seeds: (batch,) int64, one seed per row.
      shape: shape of one row, static integers.
      stream: distinguishes several draws from one seed.

    Returns:
      values: (batch, *shape) uint8.

    Example:
      >>> import tfgen, tensorflow as tf
      >>> tfgen.random.byte_values(tf.constant([7, 8], tf.int64), (3,)).shape.as_list()
      [2, 3]
    """
    size = int(np.prod(shape, dtype=np.int64))
    seeds = tf.cast(tf.convert_to_tensor(seeds), tf.int64)
    words = tf.bitcast(_row_bits(seeds, -(-size // 8), stream), tf.uint8)
    values = tf.reshape(words, (-1, 8 * -(-size // 8)))[:, :size]
    return tf.reshape(values, tf.concat([tf.shape(seeds), tf.constant(list(shape), tf.int32)], 0))


def _row_bits(seeds: tf.Tensor, size: int, stream: int) -> tf.Tensor:
    """Draws (batch, size) words of 64 random bits."""
    key = _mix(seeds + tf.constant(_signed((_GAMMA * (stream + 1)) & _MASK), tf.int64))
    with np.errstate(over="ignore"):
        counters = (np.arange(1, size + 1, dtype=np.uint64) * np.uint64(_GAMMA)).view(np.int64)
    return _mix(key[:, None] + tf.constant(counters)[None, :])


def normal(seeds: tf.Tensor, shape: Sequence[int], stream: int = 0) -> tf.Tensor:
    """Draws standard normal numbers, each row from its own seed alone: `ndtri(uniform(seeds, shape, stream))`.

    Args:
      seeds: (batch,) int64, one seed per row.
      shape: shape of one row, static integers.
      stream: distinguishes several draws from one seed.

    Returns:
      values: (batch, *shape) float32, mean 0, variance 1, within [-5.5, 5.5].

    Example:
      >>> import tfgen, tensorflow as tf
      >>> tfgen.random.normal(tf.constant([7], tf.int64), (2, 2)).shape.as_list()
      [1, 2, 2]
    """
    return tf.math.ndtri(uniform(seeds, shape, stream))
