"""The latent-variable family."""

from __future__ import annotations

from tfgen.models.latent.base import LatentVariableModel
from tfgen.models.latent.vae import VAE

__all__ = ["VAE", "LatentVariableModel"]
