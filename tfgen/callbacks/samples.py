"""Pictures of the same seeds while training goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from tfgen import pictures
from tfgen.callbacks._extraction import draw
from tfgen.models.conditions import in_turn

__all__ = ["Samples"]


class Samples(keras.callbacks.Callback):
    """Draws a grid of samples of fixed seeds at the end of epochs, so that progress can be seen.

    Classes of a conditional model take turns, unless `labels` says which. Sound is drawn as `tfgen.pictures.envelopes`.

    Args:
      directory: where `epoch-0001.png` and its followers go; made if missing.
      n: images in the grid.
      seed: seed of the grid, the same each time.
      every_epochs: epochs between two pictures.
      labels: what the images are conditional on, rows that take turns, of what `fit` takes as `y`: classes, or features of
        sound, of which none can be chosen for you; None for all classes in turn.

    Raises:
      ValueError: `n` or `every_epochs` is less than 1; when training begins, labels that are missing or that the model cannot
        take.

    Example:
      >>> import numpy as np, os, tempfile, tfgen
      >>> model = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)
      >>> model.compile()
      >>> folder = tempfile.mkdtemp()
      >>> history = model.fit(np.zeros((8, 4, 4, 1)), verbose=0, callbacks=[tfgen.callbacks.Samples(folder, n=4)])
      >>> os.listdir(folder)
      ['epoch-0001.png']
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        n: int = 64,
        seed: int = 0,
        every_epochs: int = 1,
        labels: Any = None,
    ) -> None:
        super().__init__()
        if n < 1 or every_epochs < 1:
            raise ValueError(f"`n` and `every_epochs` must be at least 1. Received: n={n}, every_epochs={every_epochs}")
        self.directory = Path(directory).expanduser()
        self.n, self.seed, self.every_epochs, self.labels = n, seed, every_epochs, labels

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        condition = self.model.condition
        if self.labels is None and condition is not None and condition.turn(1) is None:
            raise ValueError(
                f"This model is conditional on {condition.name}, of which none can be chosen for you: expected `labels=`, rows of "
                "them. Received: Samples(labels=None)"
            )
        self.model.check_sampling(self.n, **in_turn(self.model, self.n, self.labels))  # now, not when an epoch is over

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        done = int(self.model.epoch.numpy())
        if done % self.every_epochs == 0:
            drawn = draw(self.model, self.n, self.seed, self.labels)
            drawn = pictures.envelopes(drawn) if self.model.medium == "audio" else drawn
            pictures.save_grid(drawn, self.directory / f"epoch-{done:04d}.png")
