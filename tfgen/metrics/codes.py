"""What simple models make of sequences of codes: the marks that a model of the whole past must beat."""

from __future__ import annotations

import numpy as np

from tfgen import checks

__all__ = ["code_entropy", "order_1_nll"]


def code_entropy(codes: np.ndarray, *, levels: int = 256) -> float:
    """Computes the entropy of codes, whatever their order: `-sum{ q[k] log q[k] : k }`, q the share of each code.

    No model that predicts each code without its past has fewer nats a code on these very codes.

    Args:
      codes: integers of any shape, in [0, levels).
      levels: number of codes.

    Returns:
      entropy: nats a code.

    Raises:
      ValueError: there is no code, or one out of range.

    Example:
      >>> import numpy as np, tfgen
      >>> round(tfgen.metrics.code_entropy(np.array([0, 1, 1, 0]), levels=2), 4)
      0.6931
    """
    shares = np.bincount(_check_codes(codes, levels).ravel(), minlength=levels) / np.size(codes)
    return float(-np.sum(shares * np.log(np.where(shares > 0, shares, 1.0))))


def order_1_nll(training: np.ndarray, held_out: np.ndarray, *, levels: int = 256, smoothing: float = 10.0) -> float:
    """Computes what a table of each code given the one before, counted in training, gives held-out sequences.

    `p(k | j) = (count(j, k) + s q[k]) / (count(j) + s)` with `q[k] = (count(k) + 1) / (count + levels)`; a sequence's first
    code has q.

    Args:
      training: (n, time) integers in [0, levels).
      held_out: (m, time) integers in [0, levels).
      levels: number of codes.
      smoothing: s, positive: how many observations the shares of the codes weigh as much as.

    Returns:
      nll: mean of `-log p`, nats a code.

    Raises:
      ValueError: there is no code, one out of range, or `smoothing` is not positive.

    Example:
      >>> import numpy as np, tfgen
      >>> turns = np.tile([0, 1], (4, 50))
      >>> tfgen.metrics.order_1_nll(turns, turns, levels=2) < 0.1
      True
    """
    smoothing = checks.number(smoothing, "smoothing", above=0)
    training, held_out = (np.atleast_2d(_check_codes(codes, levels)) for codes in (training, held_out))
    marginal = (np.bincount(training.ravel(), minlength=levels) + 1.0) / (training.size + levels)
    pairs = training[:, :-1] * levels + training[:, 1:]
    counts = np.bincount(pairs.ravel(), minlength=levels**2).reshape(levels, levels).astype(np.float64)
    table = (counts + smoothing * marginal) / (counts.sum(1, keepdims=True) + smoothing)
    nats = -np.log(marginal[held_out[:, 0]]).sum() - np.log(table[held_out[:, :-1], held_out[:, 1:]]).sum()
    return float(nats / held_out.size)


def _check_codes(codes: np.ndarray, levels: int) -> np.ndarray:
    codes = np.asarray(codes)
    if not codes.size or codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= levels:
        raise ValueError(f"Expected integers in [0, {levels}), at least one. Received: {codes.dtype} of shape {codes.shape}")
    return codes.astype(np.int64)
