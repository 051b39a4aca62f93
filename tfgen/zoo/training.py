"""Training a zoo model by its recipe, resumably."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from tfgen.zoo.recipes import Recipe, read_recipe

__all__ = ["fit_recipe", "hardware"]

_LOG = "run.json"


def fit_recipe(
    source: str | os.PathLike[str] | Recipe, directory: str | os.PathLike[str], *, every_steps: int = 500, epochs: int | None = None
) -> Any:
    """Trains by a recipe; started again on the same folder after a kill, it goes on where the last checkpoint stands.

    Args:
      source: a zoo name, a recipe's path, or a `Recipe`.
      directory: where `checkpoint.keras`, `history.csv`, `samples/` and `run.json` (minutes, processor) go.
      every_steps: steps between checkpoints.
      epochs: epochs instead of the recipe's, for a trial.

    Returns:
      model: the trained model, with its optimizers.

    Raises:
      FileNotFoundError: no such recipe, or the data is nowhere.
      ValueError: the recipe is wrong.
    """
    import keras

    from tfgen import callbacks, data

    recipe = source if isinstance(source, Recipe) else read_recipe(source)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model = recipe.build()
    settings = dict(recipe["data"])
    dataset = data.load(settings.pop("name"), settings.pop("split"), batch_size=recipe["batch_size"], seed=recipe["seed"], shuffle=True, **settings)
    steps = int(dataset.cardinality())
    epochs = epochs or recipe["epochs"]
    resumed = (directory / "checkpoint.keras").exists()
    model.fit(
        dataset,
        epochs=epochs,
        verbose=0,
        callbacks=[
            callbacks.Checkpoint(directory, every_steps=every_steps),
            callbacks.Progress(steps * epochs),
            callbacks.Samples(directory / "samples", every_epochs=max(1, epochs // 10)),
            keras.callbacks.CSVLogger(str(directory / "history.csv"), append=resumed),
            keras.callbacks.TerminateOnNaN(),
            _Stopwatch(directory, resumed),
        ],
    )
    return model


def _stopwatch_class() -> Any:
    import keras

    class Stopwatch(keras.callbacks.Callback):
        """Adds up the minutes of all runs on a folder, and notes the processor and the precision."""

        def __init__(self, directory: Path, resumed: bool) -> None:
            super().__init__()
            self.path = directory / _LOG
            self.before = json.loads(self.path.read_text())["minutes"] if resumed and self.path.exists() else 0.0
            self.start = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            record = {
                "minutes": round(self.before + (time.monotonic() - self.start) / 60, 2),
                "steps": int(self.model.step.numpy()),
                "epochs": int(self.model.epoch.numpy()),
                "precision": self.model.dtype_policy.name,
                "hardware": hardware(),
            }
            aside = self.path.with_suffix(".tmp")
            aside.write_text(json.dumps(record, indent=2) + "\n")
            os.replace(aside, self.path)

    return Stopwatch


def _Stopwatch(directory: Path, resumed: bool) -> Any:
    return _stopwatch_class()(directory, resumed)


def hardware() -> str:
    """Names the processor, its cores and the instruction sets that matter for training.

    Returns:
      hardware: for example "AMD EPYC, 2 cores, avx512_bf16".
    """
    from tfgen import precision

    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = found[0] if found else model
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f") if flag in precision.processor_flags()]
    return f"{model}, {os.cpu_count()} cores, {flags[0] if flags else 'no AVX512'}"
