"""Divergences in nats, of probability vectors and of TensorFlow Probability's distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgen import random

__all__ = ["Estimate", "class_score", "cross_entropy", "entropy", "jensen_shannon_divergence", "kl_divergence"]

_TOLERANCE = 1e-4  # a softmax of many classes in float32 adds up to 1 within this


class Estimate(NamedTuple):
    """A value that may come from random draws.

    Attributes:
      value: nats; a number, or float64 of the distributions' batch shape.
      standard_error: of the value, of its shape; 0 where a closed form gave it.

    Example:
      >>> from tfgen.metrics import Estimate
      >>> Estimate(0.5, 0.01).standard_error
      0.01
    """

    value: Any
    standard_error: Any


def kl_divergence(p: Any, q: Any, *, num_samples: int | None = None, seed: int | None = None) -> Any:
    """Measures `KL(p || q) = E_p[log p(x) - log q(x)]`, at least 0, and another number with p and q changed round.

    For vectors it is `sum{ p_i log(p_i / q_i) : i }` with `0 log 0 = 0`; infinite where some `q_i = 0 < p_i`. For
    distributions it is the closed form that TFP has registered, or else the mean over draws from p.

    Args:
      p: (..., k) probabilities, each row adding up to 1, or a distribution of TFP.
      q: of the same kind and shape.
      num_samples: number of draws where no closed form is registered, at least 2; not used where one is.
      seed: of the draws; None for a fresh one.

    Returns:
      kl: of vectors float64 (...,), a plain number for one row; of distributions an `Estimate`.

    Raises:
      ValueError: no probabilities, shapes that differ, or no closed form and no `num_samples`.
      TypeError: a vector against a distribution.

    Example:
      >>> from tfgen.metrics import kl_divergence
      >>> round(kl_divergence([0.5, 0.5], [0.75, 0.25]), 4), round(kl_divergence([0.75, 0.25], [0.5, 0.5]), 4)
      (0.1438, 0.1308)

    Reference: Kullback, Leibler, 1951, On information and sufficiency.
    """
    if _are_distributions(p, q):
        return _closed_or_drawn(
            lambda: p.kl_divergence(q),
            lambda draws: p.log_prob(draws) - q.log_prob(draws),
            p,
            q,
            num_samples=num_samples,
            seed=seed,
        )
    first, second = _pair(p, q)
    return _plain(np.maximum(_expectation_of_log_ratio(first, second), 0.0))


def jensen_shannon_divergence(p: Any, q: Any, *, num_samples: int | None = None, seed: int | None = None) -> Any:
    """Measures `JS(p, q) = (KL(p || m) + KL(q || m)) / 2` with `m = (p + q) / 2`: symmetric, in [0, log 2].

    It is log 2 for disjoint supports, however far apart they are: this is why a saturated discriminator teaches nothing.
    No closed form exists for most distributions; they take draws from both.

    Args:
      p: (..., k) probabilities, each row adding up to 1, or a distribution of TFP.
      q: of the same kind and shape.
      num_samples: number of draws from each distribution, at least 2; vectors need none.
      seed: of the draws; None for a fresh one.

    Returns:
      js: of vectors float64 (...,), a plain number for one row; of distributions an `Estimate`.

    Raises:
      ValueError: no probabilities, shapes that differ, or distributions without `num_samples`.
      TypeError: a vector against a distribution.

    Example:
      >>> from tfgen.metrics import jensen_shannon_divergence
      >>> round(jensen_shannon_divergence([1.0, 0.0], [0.0, 1.0]), 4)
      0.6931

    Reference: Lin, 1991, Divergence measures based on the Shannon entropy.
    """
    if not _are_distributions(p, q):
        first, second = _pair(p, q)
        middle = (first + second) / 2.0
        halves = _expectation_of_log_ratio(first, middle) + _expectation_of_log_ratio(second, middle)
        return _plain(np.clip(halves / 2.0, 0.0, math.log(2.0)))
    seeds = random.row_seeds(random.fresh_seed() if seed is None else seed, 2)

    def against_middle(one: Any, other: Any, key: int) -> Estimate:
        # log(p / m) = log 2 - log(1 + q / p), finite wherever p draws
        def log_ratio(draws: Any) -> Any:
            return math.log(2.0) - tf.math.softplus(other.log_prob(draws) - one.log_prob(draws))

        return _drawn(log_ratio, one, other, num_samples, key)

    halves = against_middle(p, q, int(seeds[0])), against_middle(q, p, int(seeds[1]))
    error = np.hypot(halves[0].standard_error, halves[1].standard_error) / 2.0
    return Estimate(_plain((halves[0].value + halves[1].value) / 2.0), _plain(error))


def entropy(p: Any, *, num_samples: int | None = None, seed: int | None = None) -> Any:
    """Measures `H(p) = -E_p[log p(x)]`: of vectors in [0, log k]; of a density any number, which depends on the unit of x.

    Args:
      p: (..., k) probabilities, each row adding up to 1, or a distribution of TFP.
      num_samples: number of draws where TFP has no closed form, at least 2.
      seed: of the draws; None for a fresh one.

    Returns:
      entropy: of vectors float64 (...,), a plain number for one row; of a distribution an `Estimate`.

    Raises:
      ValueError: no probabilities, or no closed form and no `num_samples`.

    Example:
      >>> from tfgen.metrics import entropy
      >>> round(entropy([0.5, 0.5]), 4), entropy([1.0, 0.0])
      (0.6931, 0.0)

    Reference: Shannon, 1948, A mathematical theory of communication.
    """
    if _is_distribution(p):
        return _closed_or_drawn(p.entropy, lambda draws: -p.log_prob(draws), p, p, num_samples=num_samples, seed=seed)
    return _plain(np.maximum(-_expectation_of_log_ratio(_probabilities(p, "p"), np.float64(1.0)), 0.0))


def cross_entropy(p: Any, q: Any, *, num_samples: int | None = None, seed: int | None = None) -> Any:
    """Measures `H(p, q) = -E_p[log q(x)] = H(p) + KL(p || q)`: what data from p cost under the model q.

    Args:
      p: (..., k) probabilities, each row adding up to 1, or a distribution of TFP.
      q: of the same kind and shape.
      num_samples: number of draws where TFP has no closed form, at least 2.
      seed: of the draws; None for a fresh one.

    Returns:
      cross_entropy: of vectors float64 (...,), a plain number for one row; of distributions an `Estimate`.

    Raises:
      ValueError: no probabilities, shapes that differ, or no closed form and no `num_samples`.
      TypeError: a vector against a distribution.

    Example:
      >>> from tfgen.metrics import cross_entropy
      >>> round(cross_entropy([1.0, 0.0], [0.25, 0.75]), 4)
      1.3863
    """
    if _are_distributions(p, q):
        return _closed_or_drawn(
            lambda: p.cross_entropy(q), lambda draws: -q.log_prob(draws), p, q, num_samples=num_samples, seed=seed
        )
    first, second = _pair(p, q)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _plain(-np.where(first > 0, first * np.log(second), 0.0).sum(-1))


def class_score(probabilities: Any) -> float:
    """Measures `exp( mean{ KL(p(y | x_i) || p(y)) : i } )` with `p(y) = mean{ p(y | x_i) : i }`: sure of each, spread over all.

    With Inception's class probabilities it is the Inception score; with any other classifier it is not, and the two do not
    compare. It never looks at real images: one perfect image per class gets the best score.

    Args:
      probabilities: (n, classes), a classifier's probabilities for each generated row, adding up to 1.

    Returns:
      score: from 1 (no row tells more than the average) to the number of classes.

    Raises:
      ValueError: another shape, or no probabilities.

    Example:
      >>> from tfgen.metrics import class_score
      >>> round(class_score([[1.0, 0.0], [0.0, 1.0]]), 4), class_score([[0.5, 0.5], [0.5, 0.5]])
      (2.0, 1.0)

    Reference: Salimans et al., 2016, Improved techniques for training GANs, arXiv 1606.03498.
    """
    rows = _probabilities(probabilities, "probabilities")
    if rows.ndim != 2:
        raise ValueError(f"Expected `probabilities` of shape (n, classes). Received: probabilities of shape {rows.shape}")
    return math.exp(max(float(_expectation_of_log_ratio(rows, rows.mean(0)).mean()), 0.0))


def _is_distribution(value: Any) -> bool:
    """Asks for what is used of TFP, which need not be imported for that."""
    return hasattr(value, "log_prob") and hasattr(value, "sample")


def _are_distributions(p: Any, q: Any) -> bool:
    kinds = {_is_distribution(p), _is_distribution(q)}
    if len(kinds) == 2:
        raise TypeError(
            "Expected two probability vectors or two distributions, for example `tfd.Categorical(probs=...)`. "
            f"Received: {type(p).__name__} and {type(q).__name__}"
        )
    if kinds == {True} and p.event_shape != q.event_shape:
        raise ValueError(f"Expected distributions of one event shape. Received: {p.event_shape} and {q.event_shape}")
    return kinds == {True}


def _draws_fit(batch: tf.TensorShape, other: tf.TensorShape) -> bool:
    """Whether draws of one batch shape can be asked for their probability under the other."""
    try:
        return tf.broadcast_static_shape(batch, other) == batch
    except ValueError:
        return False


def _probabilities(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"Expected `{name}` of shape (..., k), with at least one row. Received: {name} of shape {array.shape}")
    sums = array.sum(-1)
    if not (array >= 0).all() or not (np.abs(sums - 1.0) <= _TOLERANCE).all():
        raise ValueError(
            f"Expected `{name}` to hold probabilities, at least 0 and adding up to 1 over the last axis; counts: "
            f"`{name} / {name}.sum(-1, keepdims=True)`. Received: least value {array.min()}, sums from {sums.min()} to "
            f"{sums.max()}"
        )
    return array


def _pair(p: Any, q: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = _probabilities(p, "p"), _probabilities(q, "q")
    if first.shape != second.shape:
        raise ValueError(f"Expected `p` and `q` of one shape. Received: {first.shape} and {second.shape}")
    return first, second


def _expectation_of_log_ratio(p: np.ndarray, q: np.ndarray | np.float64) -> np.ndarray:
    """Adds up `p log(p / q)` over the last axis, with 0 log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0).sum(-1)


def _closed_or_drawn(
    closed: Callable[[], Any], value: Callable[[Any], Any], p: Any, q: Any, *, num_samples: int | None, seed: int | None
) -> Estimate:
    """Takes the closed form, or the mean of a function over draws from p where TFP has registered none."""
    try:
        exact = np.asarray(closed(), np.float64)
    except NotImplementedError:
        return _drawn(value, p, q, num_samples, random.fresh_seed() if seed is None else seed)
    return Estimate(_plain(exact), _plain(np.zeros_like(exact)))


def _drawn(value: Callable[[Any], Any], p: Any, q: Any, num_samples: int | None, seed: int) -> Estimate:
    if num_samples is None or num_samples < 2:
        raise ValueError(
            "No closed form is registered for these distributions; pass `num_samples`, the number of draws, at least 2 (the "
            f"error falls with its square root). Received: num_samples={num_samples}, {type(p).__name__}"
        )
    if not _draws_fit(p.batch_shape, q.batch_shape):
        raise ValueError(
            "Expected two distributions of one batch shape, for each draws for the other; `tfd.BatchBroadcast` repeats one. "
            f"Received: batch shapes {p.batch_shape} and {q.batch_shape}"
        )
    key = int(random.row_seeds(seed, 1)[0])
    draws = p.sample(num_samples, seed=tf.constant([key >> 31 & 0x7FFFFFFF, key & 0x7FFFFFFF], tf.int32))
    values = np.asarray(value(draws), np.float64)
    if np.isnan(values).any():
        raise ValueError(
            "Expected log-probabilities of the draws that are numbers. Received: NaN, from parameters out of range"
        )
    with np.errstate(invalid="ignore"):
        errors = values.std(0, ddof=1) / math.sqrt(num_samples)
    mean = values.mean(0)
    return Estimate(_plain(mean), _plain(np.where(np.isfinite(mean), errors, np.inf)))


def _plain(values: Any) -> Any:
    return float(values) if np.ndim(values) == 0 else np.asarray(values)
