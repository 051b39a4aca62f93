"""Units of likelihoods: nats, bits per dimension, and densities of dequantised data in bits."""

from __future__ import annotations

import math
from typing import Any

from tfgen import checks

__all__ = ["density_bits_per_dim", "nats_to_bits_per_dim"]


def nats_to_bits_per_dim(nats: Any, event_shape: tuple[int, ...]) -> Any:
    """Converts nats per example to bits per dimension: `nats / (D log 2)`.

    Args:
      nats: negative log-probabilities of discrete data.
      event_shape: shape of one example; D is its size.

    Returns:
      bits: of the shape of `nats`.

    Example:
      >>> import math, tfgen
      >>> tfgen.metrics.nats_to_bits_per_dim(math.log(2), (1,))
      1.0
    """
    return nats / (math.prod(event_shape) * math.log(2.0))


def density_bits_per_dim(log_density: Any, event_shape: tuple[int, ...], *, levels: int = 256, unit_range: bool = True) -> Any:
    """Converts log-densities of dequantised images to bits per dimension: `-log p(y) / (D log 2) + log2(levels)`.

    With k in {0, ..., levels - 1} the grey value and u uniform in [0, 1), y is `(k + u) / levels` where `unit_range`, and
    `k + u` otherwise, where the term `log2(levels)`, the price of the smaller unit, falls away. The mean over u (and over any
    other way of filling the cell of k) is an *upper bound* on the bits per dimension of the discrete image, for by Jensen's
    inequality `E_u log p(k + u) <= log( integral{ p(k + u) du } ) = log P(k)`. Images in [0, 1] that were not dequantised
    have no such bound: a density may be as high as it likes at values that always recur.

    Args:
      log_density: nats per example, summed over the event; with the log-determinant of every further change of variables.
      event_shape: shape of one example; D is its size.
      levels: number of grey values, at least 2.
      unit_range: whether y was scaled to [0, 1).

    Returns:
      bits: of the shape of `log_density`.

    Raises:
      ValueError: fewer than 2 levels.

    Example:
      >>> import tfgen
      >>> tfgen.metrics.density_bits_per_dim(0.0, (28, 28, 1))  # uniform noise
      8.0

    Reference: Theis, van den Oord, Bethge, 2016, A note on the evaluation of generative models, arXiv 1511.01844, section 3.1.
    """
    levels = checks.integer(levels, "levels", least=2)
    bits = nats_to_bits_per_dim(-log_density, event_shape)
    return bits + math.log2(levels) if unit_range else bits
