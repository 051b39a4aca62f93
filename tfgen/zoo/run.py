"""One run of measures: a model beside the data of its protocol. What several measures need is read and computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from tfgen import random
from tfgen.models import inputs
from tfgen.zoo.abilities import condition_name, conditions_in_turn
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.quality import Quality
from tfgen.zoo.reference import Reference
from tfgen.zoo.table import Progress, tell_nobody

__all__ = ["Run"]

_ROWS = 250  # a whole batch, often enough for a bar


class Run:
    """What the rows of `tfgen.zoo.measures.MEASURES` take.

    Args:
      model: a `GenerativeModel` in float32, or a classifier.
      protocol: the data, the number of samples and the seed; None where no row reads data.
      progress: called as `progress(what, done, total)`.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.run import Run
      >>> model = tfgen.PixelCNN((28, 28, 1), filters=2, blocks=1)
      >>> protocol = tfgen.zoo.Protocol(data="fashion_mnist_small", split="test[:7]", view="binarized")
      >>> run = Run(model, protocol=protocol)
      >>> run.log_probs.shape
      (7,)
    """

    def __init__(self, model: Any, *, protocol: Protocol | None = None, progress: Progress | None = None) -> None:
        self.model, self.progress = model, progress or tell_nobody
        self.protocol: Any = protocol
        self._bounds: dict[str, np.ndarray] = {}

    @cached_property
    def reference(self) -> Reference:
        """The data of the protocol, sound at the model's own rate."""
        inputs.check_rate(self.model, self.protocol.sample_rate)
        return Reference(self.protocol, progress=self.progress)

    @cached_property
    def quality(self) -> Quality:
        """The model's samples beside the data."""
        return Quality(self.reference, samples=self.model)

    @property
    def is_conditional(self) -> bool:
        """Whether likelihoods are those given a class."""
        return condition_name(self.model) is not None

    @property
    def place(self) -> dict[str, Any]:
        """Says in the fields of a number which data it was computed on."""
        return {"split": self.protocol.place, "n": len(self.reference.images), "data_sha256": self.reference.sha256}

    def over(self, rows: int, what: str, compute: Callable[[slice], Any]) -> np.ndarray:
        """Computes numbers of every row, in parts, telling how far it has come.

        Args:
          rows: how many there are.
          what: what `progress` is told.
          compute: maps a slice of the rows to their numbers, (rows of the slice, ...).

        Returns:
          numbers: (rows, ...) float64.
        """
        parts = []
        for start in range(0, rows, _ROWS):
            self.progress(what, start, rows)
            parts.append(np.asarray(compute(slice(start, min(start + _ROWS, rows))), np.float64))
        self.progress(what, rows, rows)
        return np.concatenate(parts)

    # ---- likelihoods, which are told in several units ----

    @cached_property
    def _conditions(self) -> dict[str, np.ndarray]:
        """What the rows of the split are conditional on."""
        if conditions_in_turn(self.model, 1) is None:
            name = condition_name(self.model)
            raise ValueError(
                f"Expected a data set with the {name} that the model is conditional on, of which there is none: take the mean of "
                f"`model.log_prob(x, {name}=...)` over your own. Received: data={self.protocol.data!r}"
            )
        return {"label": self.reference.labels} if self.is_conditional else {}

    def _over_split(self, what: str, compute: Callable[..., Any]) -> np.ndarray:
        """Computes numbers of the split's rows; `compute` takes a slice, images and the keywords of conditions."""
        conditions, images = self._conditions, self.reference.images

        def of_rows(rows: slice) -> Any:
            return compute(rows, images[rows], **{name: values[rows] for name, values in conditions.items()})

        return self.over(len(images), what, of_rows)

    @cached_property
    def log_probs(self) -> np.ndarray:
        """(n,) nats: the exact log-probability of each row of the split."""
        return self._over_split("nll", lambda rows, x, **given: self.model.log_prob(x, **given))

    def bound(self, name: str, **options: Any) -> np.ndarray:
        """Computes a lower bound of each row of the split, once for each bound.

        Args:
          name: of the model's method: "elbo" or "log_prob_bound".
          **options: its keywords.

        Returns:
          bounds: (n,) nats; the noise of row i is keyed by `row_seeds(seed, n)[i]`.
        """
        if name not in self._bounds:
            seeds, method = random.row_seeds(self.protocol.seed, len(self.reference.images)), getattr(self.model, name)
            self._bounds[name] = self._over_split(
                name, lambda rows, x, **given: method(x, seed=seeds[rows], **options, **given)
            )
        return self._bounds[name]
