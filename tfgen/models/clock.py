"""Tells the data where training stands, and counts batches and epochs in the model."""

from __future__ import annotations

from typing import Any

import keras

from tfgen import data

__all__ = ["Clock"]


class Clock(keras.callbacks.Callback):
    """Runs before every other callback of `fit`.

    Args:
      cumulative_steps: steps an epoch where one endless iterator serves all epochs, else None.
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, cumulative_steps: int | None) -> None:
        super().__init__()
        self._cumulative_steps = cumulative_steps
        self._skipped = self._first_step = 0
        self._fresh = True
        self._cut = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._fresh = True
        self.model.began = self.model.settings()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._skipped = int(self.model.batch.numpy())
        self._first_step = int(self.model.step.numpy())
        skip = self._skipped
        if self._cumulative_steps is not None:  # one endless iterator serves all epochs of a `fit`
            skip = skip + int(self.model.epoch.numpy()) * self._cumulative_steps if self._fresh else 0
        self._fresh = False
        # the data counts batches, of which a step may take several
        data.set_position(int(self.model.epoch.numpy()), skip * self.model.batches_per_step)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch == 0:  # what callbacks have set between epochs: layers frozen, networks exchanged
            self.model.make_train_function()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.batch.assign(self._skipped + batch + 1)
        # endless data does not end a resumed epoch where it should
        self._cut = self._cumulative_steps is not None and 0 < self._skipped == self._cumulative_steps - batch - 1
        if self._cut:
            self.model.stop_training = True

    def on_interrupt(self) -> None:
        """Counts the steps that were taken; `fit` calls it on Ctrl-C."""
        # Ctrl-C may come between a step and its callbacks: the step counter knows
        self.model.batch.assign(self._skipped + int(self.model.step.numpy()) - self._first_step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.end_epoch()
        self.model.batch.assign(0)
        self.model.epoch.assign_add(1)
        if self._cut:
            self._cut = self.model.stop_training = False
