"""A progress bar over a whole training, with losses and the time left."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

__all__ = ["Progress"]


class Progress(keras.callbacks.Callback):
    """Shows one bar for all epochs: steps done, losses, time left. Where output is no terminal, one line an epoch.

    Args:
      total_steps: steps of the whole training, counted from the model's first step.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 4, 4, 1)), verbose=0, callbacks=[tfgen.callbacks.Progress(1)])  # doctest: +ELLIPSIS
      epoch 1 ...
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, total_steps: int) -> None:
        super().__init__()
        self.total_steps = total_steps
        self._bar: Any = None

    def _steps(self) -> int:
        # any Keras model counts its steps in its optimizer; ours may have two
        return int((self.model.step if hasattr(self.model, "step") else self.model.optimizer.iterations).numpy())

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console()
        if not console.is_terminal:
            return
        columns = (TextColumn("[bold]training"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, TextColumn("{task.fields[losses]}"), console=console)
        self._bar.start()
        self._task = self._bar.add_task("training", total=self.total_steps, losses="", completed=self._steps())

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=self._steps(), losses=_losses(logs))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._bar is None:
            print(f"epoch {epoch + 1} (step {self._steps()} of {self.total_steps}): {_losses(logs)}", flush=True)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._stop()

    def on_interrupt(self) -> None:
        """Leaves the terminal in order; `fit` calls it on Ctrl-C."""
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _losses(logs: dict[str, Any] | None) -> str:
    return "  ".join(f"{name} {float(np.asarray(value)):.4g}" for name, value in (logs or {}).items())
