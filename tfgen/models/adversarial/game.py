"""The rules of a game, and one round of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tfgen import checks
from tfgen.models.batch import Batch
from tfgen.objectives import AdversarialObjective, Head, Penalty, Stabilisers

__all__ = ["Game", "Judged", "Round"]


@dataclass(frozen=True)
class Game:
    """What the players of an adversarial model descend, and in which order they move.

    Args:
      objective: the pair of losses on the discriminator's score.
      penalty: of the discriminator, or None.
      critic_steps: moves of the others for one of the generator; each sees rows and latents of its own.
      heads: further parts of the discriminator's output vector, after the score, in order.
      stabilisers: noise on what the discriminator sees, and when averages begin.
      simultaneous: whether all players move at once, from one forward pass, and not one after the other.

    Raises:
      ValueError: `critic_steps` is below 1, a simultaneous game has several, or two heads have one name.

    Example:
      >>> import tfgen
      >>> from tfgen.models.adversarial import Game
      >>> Game(tfgen.objectives.get_objective("non_saturating"), critic_steps=5).num_outputs
      1
    """

    objective: AdversarialObjective
    penalty: Penalty | None = None
    critic_steps: int = 1
    heads: Sequence[Head] = ()
    stabilisers: Stabilisers = field(default_factory=Stabilisers)
    simultaneous: bool = False

    def __post_init__(self) -> None:
        checks.integer(self.critic_steps, "critic_steps", least=1)
        if self.simultaneous and self.critic_steps > 1:
            raise ValueError(
                f"Expected one critic step where all players move at once. Received: critic_steps={self.critic_steps}"
            )
        names = [head.name for head in self.heads]
        if len({*names}) < len(names):
            raise ValueError(f"Expected heads of different names. Received: heads={names}")

    @property
    def num_outputs(self) -> int:
        """How many numbers the discriminator returns for an image: the score, and what its heads take."""
        return 1 + sum(head.size for head in self.heads)


@dataclass(frozen=True)
class Judged:
    """What a discriminator says of images.

    Args:
      score: (batch,) float32, a logit or a critic's value.
      heads: (batch, size) float32 of each head, by name.
    """

    score: tf.Tensor
    heads: dict[str, tf.Tensor]


@dataclass
class Round:
    """One round: what the players see, and what has been computed of it so far.

    Args:
      batch: real rows with their condition, target and seeds.
      latents: (batch, latent_dim) float32 of the generated images.
      generated: (batch, *event_shape) float32.
      number: moves of the discriminator before this one, a scalar: what a lazy penalty counts in.
      known: what has been computed so far, by name.
    """

    batch: Batch
    latents: Any
    generated: tf.Tensor
    number: Any
    known: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Computes something that several terms share, the first time that one of them asks.

        Args:
          name: what it is called.
          compute: makes it.

        Returns:
          value: what `compute` returned the first time.
        """
        if name not in self.known:
            self.known[name] = compute()
        return self.known[name]

    def again(self) -> Round:
        """Begins the same round anew, for players who move after others have moved.

        Returns:
          round: the same rows and images, nothing computed of them.
        """
        return Round(self.batch, self.latents, self.generated, self.number)
