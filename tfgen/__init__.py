"""Deep generative models as ordinary Keras models: fit them, load them trained by name, serve them."""

from __future__ import annotations

import sys as _sys
from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING
from typing import Any as _Any

# The `tfgen` command imports what it needs when it needs it: `tfgen --help` answers at once, without TensorFlow. Everywhere
# else all models are imported here, so that Keras knows their names when it loads a file.
_IS_COMMAND = _Path((_sys.argv or [""])[0]).stem == "tfgen" or _sys.orig_argv[1:3] == ["-m", "tfgen.cli"]

if TYPE_CHECKING or not _IS_COMMAND:
    from tfgen import (
        audio,
        callbacks,
        data,
        distributions,
        export,
        layers,
        metrics,
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
        FVBN,
        GAN,
        MADE,
        NADE,
        VAE,
        AdversarialModel,
        AutoregressiveModel,
        Classifier,
        GatedPixelCNN,
        LatentVariableModel,
        PixelCNN,
        PixelRNN,
        WaveNet,
    )

__version__ = "0.1.0"

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
    "audio",
    "callbacks",
    "data",
    "distributions",
    "export",
    "layers",
    "metrics",
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


def __getattr__(name: str) -> _Any:
    """Imports a room or a model at its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'tfgen' has no attribute {name!r}")
    if name[0].islower():
        return _import_module(f"tfgen.{name}")
    return getattr(_import_module("tfgen.models"), name)
