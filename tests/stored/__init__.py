"""Small files saved by a release, and how they were made: `python -m tests.stored VERSION` writes those of the present one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfgen

FOLDER = Path(__file__).parent
BUILDERS: dict[str, Any] = {
    "pixelcnn": lambda: tfgen.PixelCNN((5, 4, 1), filters=2, blocks=2, dilations=[1, 2], ema=0.9, seed=3),
    "vae": lambda: tfgen.VAE((5, 4, 1), latent_dim=2, width=2, likelihood="discretized_logistic", seed=3),
    "gan": lambda: tfgen.GAN((5, 4, 1), latent_dim=2, width=2, ema=0.9, seed=3),
}


def store(version: str) -> None:
    """Trains each model for two steps and stores it with its samples, as `VERSION-name.keras` and `.npy`.

    Args:
      version: the release that the files are of.
    """
    images = np.tile(np.asarray([0.0, 1.0], np.float32), (8, 5, 2))[..., None]
    for name, build in BUILDERS.items():
        keras.utils.set_random_seed(0)
        model = build()
        model.compile()
        model.fit(images, batch_size=4, verbose=0)
        model.save(FOLDER / f"{version}-{name}.keras")
        np.save(FOLDER / f"{version}-{name}.npy", model.sample(4, seed=5))
