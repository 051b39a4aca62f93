"""Models with a likelihood of their data: what autoregressive and latent-variable models share."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfgen import data
from tfgen.distributions import Likelihood
from tfgen.metrics.likelihood import nats_to_bits_per_dim
from tfgen.models.base import GenerativeModel

__all__ = ["LikelihoodModel", "nats_to_bits_per_dim"]


class LikelihoodModel(GenerativeModel, abc.ABC):
    """Abstract base of models that say how likely data are, exactly or by a bound."""

    likelihood_kind: ClassVar[str]  # "exact" or "bound"
    needs_zeros_and_ones: ClassVar[bool] = True  # whether a binary likelihood takes no grey values
    likelihood: Likelihood

    def with_bits(self, values: dict[str, tf.Tensor], nats: tf.Tensor) -> dict[str, tf.Tensor]:
        """Adds bits per dimension to the numbers of rows, where nats are those of discrete data.

        Args:
          values: the numbers by name.
          nats: (batch,) negative log-likelihoods, or bounds on them.

        Returns:
          values: with "bits_per_dim", or as they were.
        """
        return {**values, "bits_per_dim": nats_to_bits_per_dim(nats, self.event_shape)} if self.likelihood.discrete else values

    def check_values(self, x: np.ndarray, *, name: str = "x") -> None:
        if self.grid == 2:
            data.check_binary(x, name=name)
        elif self.grid is not None:
            _check_grid(x, self.grid, name)

    @property
    def grid(self) -> int | None:
        likelihood = self.likelihood
        if (
            self.value_range != (0.0, 1.0)
            or not likelihood.discrete
            or (likelihood.levels == 2 and not self.needs_zeros_and_ones)
        ):
            return None
        return likelihood.levels

    @property
    def is_binary(self) -> bool:
        """Whether images are of zeros and ones."""
        return self.value_range == (0.0, 1.0) and self.likelihood.levels == 2

    def facts(self) -> dict[str, Any]:
        return {"likelihood": type(self.likelihood).__name__}


def _check_grid(x: np.ndarray, levels: int, name: str) -> None:
    """Refuses values off the grid of grey levels, whose log-probability would silently be a neighbour's."""
    off = np.abs(x * (levels - 1) - np.round(x * (levels - 1)))
    if off.size and off.max() > 0.02:
        raise ValueError(
            f"Expected `{name}` on the grid of {levels} grey levels, k / {levels - 1}. Round it with "
            f"`np.round({name} * {levels - 1}) / {levels - 1}`. Received: a value {off.max():.3f} of a level off the grid"
        )
