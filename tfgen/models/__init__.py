"""The models, by family."""

from __future__ import annotations

from tfgen.models.adversarial import GAN, AdversarialModel
from tfgen.models.autoregressive import AutoregressiveModel, PixelCNN
from tfgen.models.latent import VAE, LatentVariableModel

__all__ = ["GAN", "VAE", "AdversarialModel", "AutoregressiveModel", "LatentVariableModel", "PixelCNN"]
