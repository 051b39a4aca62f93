"""The adversarial family."""

from __future__ import annotations

from tfgen.models.adversarial.base import AdversarialModel
from tfgen.models.adversarial.gan import GAN

__all__ = ["GAN", "AdversarialModel"]
