"""What the conformance suite needs to know of a model, and the data it is run on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Case"]


@dataclass(frozen=True, eq=False)
class Case:
    """One registration of a model with the conformance suite: how to build a tiny one, and what its data looks like.

    Networks should be as small as they can be made: the suite trains, saves and reloads them many times.

    Args:
      name: what reports call it.
      build: called as `build(**overrides)`, where overrides are `ema`, `seed` and `dtype`; returns an uncompiled model.
      levels: grey levels of the data on [0, 1]; None for continuous data.
      value_range: least and greatest value of the data: (-1, 1) for waveforms.
      num_classes: classes of the labels that a model passes over, which takes none; three by default.
      conditions: called as `conditions(n)`; returns (n, ...) of what the model is conditional on, where its condition cannot choose
        for itself, as class labels can.
      targets: the same for what `fit` takes as `y`, where that is another thing.
      sizes: functions without arguments, each of which builds the model for another shape of data.
      own_networks: builds the model with networks of the user's own in place of the defaults.
      variant_of: another case of the same class, which gives `sizes` and `own_networks` for both.
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
    targets: Callable[[int], np.ndarray] | None = None
    sizes: Sequence[Callable[[], Any]] = ()
    own_networks: Callable[[], Any] | None = None
    variant_of: str | None = None
    modules: Sequence[str] = ("tfgen",)
    exempt: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line, reason in self.exempt.items():
            if len(reason.split()) < 3:
                raise ValueError(f"Expected a sentence that says why {self.name} is exempt from `{line}`. Received: {reason!r}")
        for line, given in (("sizes", self.sizes), ("own_networks", self.own_networks)):
            if not given and line not in self.exempt and self.variant_of is None:
                raise ValueError(
                    f"Expected `{line}`, or an exemption from it with its reason, or `variant_of`. Received: {line}={given}"
                )

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

    def rows_of(self, part: Any, n: int, *, target: bool = False) -> np.ndarray | None:
        """Makes rows of what a model is conditional on, or of what it is trained towards.

        Args:
          part: the model's `condition`, or its `target`.
          n: number of rows.
          target: whether it is a target and no condition.

        Returns:
          rows: what `conditions` or `targets` returns, or all classes in turn; None where the model has no such part.

        Raises:
          ValueError: the part cannot choose for itself, and the case does not say either.
        """
        if part is None:
            return None
        given = self.targets if target else self.conditions
        rows = part.turn(n) if given is None else given(n)
        if rows is None:
            name = "targets" if target else "conditions"
            raise ValueError(f"Expected `{name}` of {self.name}: `{part.name}` cannot be chosen in turn. Received: {name}=None")
        return rows

    def labels(self, n: int) -> np.ndarray:
        """Makes labels that an unconditional model passes over.

        Args:
          n: number of rows.

        Returns:
          labels: (n,) int64, all classes in turn.
        """
        return np.arange(n, dtype=np.int64) % (self.num_classes or 3)
