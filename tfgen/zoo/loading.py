"""Reading zoo entries: the trained model, the untrained one, and the card as data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from tfgen import precision as formats
from tfgen import reading, writing
from tfgen.zoo.classifiers import as_model
from tfgen.zoo.entries import FILES, locate, read_metrics, sha256_of
from tfgen.zoo.recipes import Recipe, read_recipe
from tfgen.zoo.saving import convert

__all__ = ["build", "card", "check_weights", "load"]


def load(name: str | os.PathLike[str], *, precision: str = "float32") -> Any:
    """Loads a trained model by its name.

    It is ready to sample, evaluate, fine-tune with `fit` and export, and compiled with fresh optimizers of its recipe. Its
    weights are the averaged ones where training kept an average, and no new average is kept: fine-tuning moves the weights
    that are sampled from. `step` and `epoch` go on counting from the training.

    Args:
      name: a zoo name, or the path of a folder that `tfgen.zoo.save` or `tfgen.zoo.train` wrote.
      precision: "float32", "mixed_bfloat16", "mixed_float16", or "auto" for what the processor trains fastest in.

    Returns:
      model: a concrete `GenerativeModel`, or a `Classifier`.

    Raises:
      FileNotFoundError: no such entry (the nearest name is suggested), or it has not been trained.
      ValueError: `model.keras` is not the file that the entry was written with, would fill the memory, or cannot be read.

    Example:
      >>> import tfgen
      >>> model = tfgen.zoo.load("vae-fashion-mnist")
      >>> model.sample(2, seed=0).shape
      (2, 28, 28, 1)
    """
    policy = formats.fastest_policy(precision)
    folder = locate(name)
    with writing.settled(folder):
        path = reading.check_archive(check_weights(folder))
        try:
            model: Any = keras.saving.load_model(path, compile=False)
        except Exception as error:
            raise ValueError(
                f"{path} has the right sha256 but cannot be read: it may need a newer tfgen, tensorflow or keras; the versions "
                f"that wrote it stand in metrics.json beside it. Received: {type(error).__name__}: {error}"
            ) from error
        recipe = read_recipe(folder) if (folder / "recipe.yaml").is_file() else None
    model = as_model(model, None if recipe is None else recipe.arguments)
    if policy != "float32":
        model = convert(model, precision=policy)
    optimizers = {} if recipe is None else recipe.optimizers()
    model.compile(**optimizers)
    return model


def check_weights(folder: Path) -> Path:
    """Compares `model.keras` with the sha256 in `metrics.json`.

    Args:
      folder: an entry.

    Returns:
      path: of `model.keras`.

    Raises:
      FileNotFoundError: one of the two files is missing.
      ValueError: they do not belong together.
    """
    expected = read_metrics(folder, check=False)["model"]["sha256"]
    path = folder / "model.keras"
    received = sha256_of(path)
    if received != expected:
        raise ValueError(
            f"{path} is not the file that {folder / 'metrics.json'} was written with: it was changed, cut short, or its "
            f"writing was interrupted. Restore both (`git checkout`, or install tfgen-zoo again), or write the entry again "
            f"with `tfgen.zoo.save`. Expected sha256 {expected}. Received: {received}"
        )
    return path


def build(name: str | os.PathLike[str] | Recipe, precision: str | None = None) -> Any:
    """Builds the untrained model of a recipe, compiled with the recipe's optimizers.

    Args:
      name: a zoo name, an entry's folder, a recipe's path, or a `Recipe`.
      precision: "auto", "float32", "mixed_bfloat16" or "mixed_float16"; None takes the recipe's.

    Returns:
      model: a concrete `GenerativeModel`, its initial weights fixed by the recipe's seed.

    Raises:
      FileNotFoundError: no such recipe; the nearest name is suggested.
      ValueError: the recipe is wrong.

    Example:
      >>> import tfgen
      >>> model = tfgen.zoo.build("vae-fashion-mnist")
      >>> int(model.step)
      0
    """
    recipe = name if isinstance(name, Recipe) else read_recipe(name)
    return recipe.build(precision=precision)


def card(name: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the card of a zoo model as data.

    Args:
      name: a zoo name or an entry's folder.

    Returns:
      card: name, system, description, paper, data, licence, limits and reference (None where there is no recipe);
        `model` (class, parameters, bytes, sha256), `training` and `metrics` (each number with its protocol), which are None and
        empty for an entry that has not been trained; `files`: name -> {bytes, sha256}.

    Raises:
      FileNotFoundError: no such entry; the nearest name is suggested.
      ValueError: its recipe or numbers cannot be read.

    Example:
      >>> import tfgen
      >>> tfgen.zoo.card("vae-fashion-mnist")["system"]
      'VAE'
    """
    folder = locate(name)
    with writing.settled(folder):
        return _read_card(folder)


def _read_card(folder: Path) -> dict[str, Any]:
    has_recipe = (folder / "recipe.yaml").is_file()
    recipe = read_recipe(folder).values if has_recipe else {"name": Path(os.path.abspath(folder)).name}
    told = ("name", "system", "description", "paper", "data", "batch_size", "epochs", "licence", "limits", "reference", "tags")
    trained = (folder / "metrics.json").is_file()
    if not trained and not has_recipe:
        read_metrics(folder)  # says that this is no entry
    numbers = read_metrics(folder) if trained else {"model": None, "training": None, "metrics": []}
    files = {
        file: {"bytes": (folder / file).stat().st_size, "sha256": sha256_of(folder / file)}
        for file in sorted(FILES)
        if (folder / file).is_file()
    }
    return {**{key: recipe.get(key) for key in told}, **numbers, "files": files}
