"""Deep generative models as ordinary Keras models: fit them, load them trained by name, serve them."""

from __future__ import annotations

from tfgen import (
    callbacks,
    data,
    distributions,
    export,
    layers,
    models,
    networks,
    objectives,
    paths,
    pictures,
    precision,
    random,
    serving,
    zoo,
)
from tfgen.models import (
    GAN,
    VAE,
    AdversarialModel,
    AutoregressiveModel,
    LatentVariableModel,
    PixelCNN,
)

__version__ = "0.1.0"

__all__ = [
    "GAN",
    "VAE",
    "AdversarialModel",
    "AutoregressiveModel",
    "LatentVariableModel",
    "PixelCNN",
    "callbacks",
    "data",
    "distributions",
    "export",
    "layers",
    "models",
    "networks",
    "objectives",
    "paths",
    "pictures",
    "precision",
    "random",
    "serving",
    "zoo",
]
