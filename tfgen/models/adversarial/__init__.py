"""The adversarial family."""

from __future__ import annotations

from tfgen.models.adversarial.base import AdversarialModel
from tfgen.models.adversarial.game import Game, Judged, Round
from tfgen.models.adversarial.gan import GAN

__all__ = ["GAN", "AdversarialModel", "Game", "Judged", "Round"]
