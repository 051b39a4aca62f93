"""Units of likelihoods, and the label that every published number carries."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

__all__ = ["KINDS", "Score", "density_bits_per_dim", "nats_to_bits_per_dim"]

KINDS = ("exact", "lower bound", "upper bound", "estimate")


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
    if levels < 2:
        raise ValueError(f"Expected `levels`, the number of grey values, of at least 2. Received: levels={levels}")
    bits = nats_to_bits_per_dim(-log_density, event_shape)
    return bits + math.log2(levels) if unit_range else bits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """A number with what it takes to repeat it: without its protocol a number says nothing.

    Args:
      metric: what was measured, "nll" or "frechet_distance".
      value: finite.
      unit: "nats", "bits/dim", "accuracy", ...
      kind: "exact" (a sum over the very rows), "lower bound" or "upper bound" on the quantity of that name, or "estimate"
        (from samples, with an error or a bias that depends on n).
      n: number of rows measured, at least 1.
      split: which rows, "fashion_mnist test, grey".
      seed: of everything drawn; None where nothing is.
      protocol: in one sentence, how it was computed: against what, in which feature space, with which constants.
      std: standard deviation, where one is known; the protocol says of what.

    Raises:
      ValueError: a text is empty, the kind is none of these, a number is not finite, or n is below 1.
      TypeError: a number is none.

    Example:
      >>> import tfgen
      >>> print(tfgen.metrics.Score(metric="nll", value=88.5, unit="nats", kind="exact", n=10_000, split="test", seed=None,
      ...                           protocol="mean of -log p(x)"))
      nll 88.5 nats (exact; n=10000, split=test, seed=none; mean of -log p(x))
    """

    metric: str
    value: float
    unit: str
    kind: str
    n: int
    split: str
    seed: int | None
    protocol: str
    std: float | None = None

    def __post_init__(self) -> None:
        for field in ("metric", "unit", "split", "protocol"):
            text = getattr(self, field)
            if not isinstance(text, str) or not text.strip():
                raise ValueError(
                    f"Expected `{field}` as a text that is not empty; a number without it cannot be repeated. "
                    f"Received: {field}={text!r}"
                )
        if self.kind not in KINDS:
            raise ValueError(f"Expected `kind` to be one of {', '.join(map(repr, KINDS))}. Received: kind={self.kind!r}")
        object.__setattr__(self, "value", self._finite("value"))
        if self.std is not None:
            object.__setattr__(self, "std", self._finite("std"))
        object.__setattr__(self, "n", self._integer("n"))
        if self.n < 1:
            raise ValueError(f"Expected `n`, the number of rows measured, of at least 1. Received: n={self.n}")
        if self.seed is not None:
            object.__setattr__(self, "seed", self._integer("seed"))

    def _finite(self, field: str) -> float:
        """Turns numpy's and TensorFlow's scalars into plain numbers, which JSON takes."""
        try:
            number = float(getattr(self, field))
        except (TypeError, ValueError) as error:
            raise TypeError(f"Expected `{field}` as one number. Received: {field}={getattr(self, field)!r}") from error
        if not math.isfinite(number):
            raise ValueError(
                f"Expected a finite `{field}` of {self.metric}; look for NaN in the samples or an untrained model. "
                f"Received: {field}={number}"
            )
        return number

    def _integer(self, field: str) -> int:
        number = getattr(self, field)
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise TypeError(f"Expected `{field}` as an integer. Received: {field}={number!r}")
        return int(number)

    def __str__(self) -> str:
        spread = "" if self.std is None else f" +- {self.std:.4g}"
        seed = "none" if self.seed is None else self.seed
        where = f"n={self.n}, split={self.split}, seed={seed}"
        return f"{self.metric} {self.value:.6g}{spread} {self.unit} ({self.kind}; {where}; {self.protocol})"
