"""The models, by family."""

from __future__ import annotations

from tfgen.models.adversarial import GAN, AdversarialModel
from tfgen.models.autoregressive import FVBN, MADE, NADE, AutoregressiveModel, GatedPixelCNN, PixelCNN, PixelRNN, WaveNet
from tfgen.models.classifier import Classifier
from tfgen.models.latent import VAE, LatentVariableModel

__all__ = [
    "FVBN",
    "GAN",
    "MADE",
    "NADE",
    "VAE",
    "AdversarialModel",
    "AutoregressiveModel",
    "Classifier",
    "GatedPixelCNN",
    "LatentVariableModel",
    "PixelCNN",
    "PixelRNN",
    "WaveNet",
]
