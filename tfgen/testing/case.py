"""What the conformance suite needs to know of a model, and the data it is run on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """One registration of a model with the conformance suite: how to build a tiny one, and what its data looks like.

    Networks should be as small as they can be made: the suite trains, saves and reloads them many times.

    Args:
      name: what reports call it.
      build: called as `build(**overrides)`, where overrides are `ema`, `seed` and `dtype`; returns an uncompiled model.
      levels: grey levels of the data on [0, 1]; None for continuous data.
      value_range: least and greatest value of the data: (-1, 1) for waveforms.
      num_classes: classes of a conditional model, None for an unconditional one.
      conditions: called as `conditions(n)`; returns (n, ...) features, where a model is conditional on those and not on labels.
      sizes: functions without arguments, each of which builds the model for another shape of data.
      own_networks: builds the model with networks of the user's own in place of the defaults.
      modules: what a new process imports before it loads the model's file; add the module that registers your own class.
      exempt: lines of the contract that this model does not keep -> the reason, one sentence each.

    Raises:
      ValueError: an exemption gives no reason, or a line cannot be run and is not exempted.

    Example:
      >>> import tfgen, tfgen.testing
      >>> small = lambda **overrides: tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, **overrides)
      >>> case = tfgen.testing.Case("mine", small, levels=2, exempt={
      ...     "sizes": "The example shows one size only.", "own_networks": "The example has no second network."})
      >>> case.examples((4, 4, 1), 3).shape
      (3, 4, 4, 1)
    """

    name: str
    build: Callable[..., Any]
    levels: int | None = 256
    value_range: tuple[float, float] = (0.0, 1.0)
    num_classes: int | None = None
    conditions: Callable[[int], np.ndarray] | None = None
    sizes: Sequence[Callable[[], Any]] = ()
    own_networks: Callable[[], Any] | None = None
    modules: Sequence[str] = ("tfgen",)
    exempt: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line, reason in self.exempt.items():
            if len(reason.split()) < 3:
                raise ValueError(f"Expected a sentence that says why {self.name} is exempt from `{line}`. Received: {reason!r}")
        for line, given in (("sizes", self.sizes), ("own_networks", self.own_networks)):
            if not given and line not in self.exempt:
                raise ValueError(f"Expected `{line}`, or an exemption from it with its reason. Received: {line}={given}")

    def examples(self, shape: Sequence[int], n: int) -> np.ndarray:
        """Makes data of the right kind, the same each time.

        Args:
          shape: shape of one example.
          n: number of examples.

        Returns:
          x: (n, *shape) float32 in `value_range`, on the grid of grey levels.
        """
        values = np.random.default_rng(5).random((n, *shape))
        # uneven colours over the image, so that no two pixels and no two rows are interchangeable
        values = values ** np.linspace(0.5, 2.0, int(np.prod(shape))).reshape(shape)
        if self.levels is not None:
            values = np.minimum(np.floor(values * self.levels), self.levels - 1) / (self.levels - 1)
        low, high = self.value_range
        return (low + (high - low) * values).astype(np.float32)

    @property
    def conditional(self) -> bool:
        """Whether `fit` and its like need `y`."""
        return self.num_classes is not None or self.conditions is not None

    def labels(self, n: int) -> np.ndarray:
        """Makes labels, or features: those of a conditional model, or three classes that an unconditional one passes over.

        Args:
          n: number of rows.

        Returns:
          y: (n,) int64, or what `conditions` returns.
        """
        if self.conditions is not None:
            return self.conditions(n)
        return np.arange(n, dtype=np.int64) % (self.num_classes or 3)
