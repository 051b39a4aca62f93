"""The players of a training: each has networks of its own, an optimizer, and perhaps averages of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Player"]


@dataclass(frozen=True)
class Player:
    """Who descends a loss, with which networks.

    `compile(<name>_optimizer=...)`, the optimizers in files, averages and the `Doctor`'s gradients all follow from it.

    Args:
      name: for example "generator"; "" for the only player of a model, whose optimizer is called `optimizer`.
      networks: names of the model's attributes whose trainable variables it moves; empty for all that the model has.
      averaged: those among the model's attributes of which averages are kept where the model has `ema`.

    Example:
      >>> from tfgen.models.players import Player
      >>> Player("critic", networks=("discriminator",)).optimizer_name, Player("").optimizer_name
      ('critic_optimizer', 'optimizer')
    """

    name: str
    networks: tuple[str, ...] = ()
    averaged: tuple[str, ...] = ()

    @property
    def optimizer_name(self) -> str:
        """The keyword of `compile`, and the attribute that holds its optimizer."""
        return f"{self.name}_optimizer" if self.name else "optimizer"

    @property
    def prefix(self) -> str:
        """What the names of its numbers begin with."""
        return f"{self.name}_" if self.name else ""

    def variables(self, model: Any) -> list[Any]:
        """Lists what the player moves.

        Args:
          model: the model it plays in.

        Returns:
          variables: trainable ones, each once.
        """
        if not self.networks or not model.trainable:
            return model.trainable_variables
        found: dict[int, Any] = {}
        for name in self.networks:
            for variable in getattr(model, name).trainable_variables:
                found.setdefault(id(variable), variable)
        return list(found.values())
