"""Small files saved by a release, and how they were made: `python -m tests.stored VERSION` writes those of the present one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfgen
from tfgen.distributions import MuLawCategorical

FOLDER = Path(__file__).parent
BUILDERS: dict[str, Any] = {
    "fvbn": lambda: tfgen.FVBN((5, 4, 1), ordering="random", seed=3),
    "nade": lambda: tfgen.NADE((5, 4, 1), hidden=3, seed=3),
    "made": lambda: tfgen.MADE((5, 4, 1), hidden=(4, 3), ordering="random", num_masks=2, ema=0.9, seed=3),
    "pixelcnn": lambda: tfgen.PixelCNN((5, 4, 1), filters=2, blocks=2, dilations=[1, 2], ema=0.9, seed=3),
    "gated-pixelcnn": lambda: tfgen.GatedPixelCNN(
        (5, 4, 1), num_classes=2, filters=2, blocks=1, kernel_size=3, dropout=0.25, seed=3
    ),
    "pixel-rnn-row-lstm": lambda: tfgen.PixelRNN(
        (5, 4, 1), cell="row_lstm", num_classes=2, filters=2, blocks=1, kernel_size=3, seed=3
    ),
    "pixel-rnn-diagonal-bilstm": lambda: tfgen.PixelRNN(
        (5, 4, 1), cell="diagonal_bilstm", num_classes=2, filters=2, blocks=1, kernel_size=3, seed=3
    ),
    "wavenet": lambda: tfgen.WaveNet(
        12, likelihood=MuLawCategorical(8), num_classes=2, dilations=(1, 2), blocks=1, filters=2, skip=3, seed=3
    ),
    "vae": lambda: tfgen.VAE((5, 4, 1), latent_dim=2, width=2, likelihood="discretized_logistic", seed=3),
    "gan": lambda: tfgen.GAN((5, 4, 1), latent_dim=2, width=2, ema=0.9, seed=3),
}


def examples(model: Any, n: int) -> tuple[np.ndarray, ...]:
    """Makes n examples to train a model on, zeros and ones in turn, with their labels where it takes any."""
    x = np.resize(np.asarray([0.0, 1.0], np.float32), (n, *model.event_shape))
    return (x,) if model.num_classes is None else (x, np.arange(n) % model.num_classes)


def draw(model: Any) -> np.ndarray:
    """Draws what is stored beside the model."""
    return model.sample(4, seed=5, label=None if model.num_classes is None else [0, 1, 1, 0])


def store(version: str) -> None:
    """Trains each model for two steps and stores it with its samples, as `VERSION-name.keras` and `.npy`.

    A file that is there stays: it is what the release wrote, and a later tree may write another.

    Args:
      version: the release that the files are of.
    """
    for name, build in BUILDERS.items():
        path = FOLDER / f"{version}-{name}.keras"
        if path.exists():
            continue
        keras.utils.set_random_seed(0)
        model = build()
        model.compile()
        model.fit(*examples(model, 8), batch_size=4, verbose=0)
        model.save(path)
        np.save(path.with_suffix(".npy"), draw(model))
