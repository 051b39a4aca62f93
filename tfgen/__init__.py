"""Deep generative models as ordinary Keras models: fit them, load them trained by name, serve them."""

from __future__ import annotations

from tfgen import data, distributions, layers, models, networks, paths, pictures, precision, random
from tfgen.models import AutoregressiveModel, PixelCNN

__version__ = "0.1.0"

__all__ = [
    "AutoregressiveModel",
    "PixelCNN",
    "data",
    "distributions",
    "layers",
    "models",
    "networks",
    "paths",
    "pictures",
    "precision",
    "random",
]
