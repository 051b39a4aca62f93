"""Heads: what a discriminator says of an image beside its score, and what each player pays for it."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

from tfgen import checks
from tfgen.objectives.settings import Settings

__all__ = ["ClassHead", "Head"]


class Head(Settings, abc.ABC):
    """What every part of a discriminator's output vector, beside its score, offers; a subclass is a frozen dataclass.

    `name` is what metrics call it, `weight` what the model multiplies `losses` by.
    """

    name: ClassVar[str]
    weight: float

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many numbers of the discriminator's output vector are this head's."""

    @abc.abstractmethod
    def losses(
        self,
        player: str,
        real: tf.Tensor | None,
        generated: tf.Tensor,
        target: tf.Tensor | None,
        condition: tf.Tensor | None,
        latents: tf.Tensor | None,
    ) -> tf.Tensor | None:
        """Computes what a player pays for this head, before its weight.

        Args:
          player: "discriminator" or "generator".
          real: (batch, size) float32, this head's outputs of real images; None in the generator's move.
          generated: (batch, size) float32, its outputs of generated images.
          target: (batch, ...), what is true of the real images; None in the generator's move.
          condition: (batch, ...), what the generated images were made from; None without.
          latents: (batch, latent_dim), the latents they were made from; None without.

        Returns:
          losses: (batch,) nats, or None where the player pays nothing.
        """


def _cross_entropy(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(label, tf.int32), logits=logits)


@keras.saving.register_keras_serializable("tfgen")
@dataclass(frozen=True)
class ClassHead(Head):
    """The auxiliary classifier: both players want each image to show its class, `-log P(class | image)`.

    The discriminator pays for real images and for generated ones, the generator for generated ones alone.

    Args:
      num_classes: number of classes, at least 2.
      weight: factor of this head's losses, at least 0.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.objectives import ClassHead
      >>> losses = ClassHead(2).losses("generator", None, tf.zeros((1, 2)), None, tf.constant([1]), None)
      >>> round(float(losses[0]), 4)
      0.6931

    Reference: Odena, Olah, Shlens, 2017, Conditional image synthesis with auxiliary classifier GANs, arXiv 1610.09585,
      equations 2 and 3.
    """

    name: ClassVar[str] = "class"
    num_classes: int
    weight: float = 1.0

    def __post_init__(self) -> None:
        self._hold(num_classes=checks.integer(self.num_classes, "num_classes", least=2))
        self._hold(weight=checks.number(self.weight, "weight", least=0))

    @property
    def size(self) -> int:
        return self.num_classes

    def losses(
        self,
        player: str,
        real: tf.Tensor | None,
        generated: tf.Tensor,
        target: tf.Tensor | None,
        condition: tf.Tensor | None,
        latents: tf.Tensor | None,
    ) -> tf.Tensor | None:
        del latents
        checks.one_of(player, "player", ("discriminator", "generator"))
        if condition is None:
            raise ValueError("Expected `condition`, the classes that the images were generated from. Received: condition=None")
        losses = _cross_entropy(generated, condition)
        if player == "generator":
            return losses
        if real is None or target is None:
            raise ValueError(
                "Expected `real` and `target` in the discriminator's move, outputs of real images and their classes. "
                f"Received: real={real}, target={target}"
            )
        return _cross_entropy(real, target) + losses
