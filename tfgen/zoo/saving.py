"""Writing zoo entries: averaged float32 weights, their sha256, numbers, picture and card."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgen import audio, checks, pictures, reading, writing
from tfgen.models.base import GenerativeModel
from tfgen.models.configuration import with_precision
from tfgen.zoo.abilities import condition_name, conditions_in_turn, get_averages, get_medium
from tfgen.zoo.cards import render_card
from tfgen.zoo.classifiers import draw_classes
from tfgen.zoo.entries import CHECKPOINT, FILES, RUN, check_place, locate, read_run, sha256_of
from tfgen.zoo.measures import measure
from tfgen.zoo.recipes import Recipe, read_recipe
from tfgen.zoo.table import Progress

__all__ = ["add_commands", "convert", "pack", "save", "write_card"]

_SAMPLES = 100  # a 10x10 grid
_CLIPS, _SECONDS = 12, 4  # of sound; the first is heard, all are seen
_LOOKED_AT = 400  # images of which a classifier's picture takes ten of each class


def convert(model: Any, *, precision: str = "float32") -> Any:
    """Copies a model into another number format, with its averaged weights in place of the raw ones.

    Args:
      model: a `GenerativeModel`, with or without `ema`.
      precision: the copy's dtype policy.

    Returns:
      copy: the same class and arguments, but for `ema=None`; the counters `step` and `epoch` are the model's. Not compiled.

    Raises:
      ValueError: the model cannot be rebuilt from its config.

    Example:
      >>> import numpy as np, tfgen
      >>> from tfgen.zoo.saving import convert
      >>> model = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1, ema=0.9)
      >>> convert(model).ema is None
      True
    """
    copy = type(model).from_config({**with_precision(model.get_config(), precision), "ema": None})
    pairs = get_averages(model)
    averages = {id(network): average for network, average in pairs}
    copies = {id(average) for _, average in pairs}
    sources = [layer for layer in model.layers if id(layer) not in copies]
    for target, source in zip(copy.layers, sources, strict=True):
        target.set_weights(averages.get(id(source), source).get_weights())
    own = [owner._trainable_variables + owner._non_trainable_variables for owner in (copy, model)]
    for variable, source in zip(*own, strict=True):
        variable.assign(source)
    copy.batch.assign(0)
    return copy


def save(
    model: Any,
    directory: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str] | Recipe | None = None,
    training: dict[str, Any] | None = None,
    history: str | os.PathLike[str] | None = None,
    metrics: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Writes a model as a folder that `tfgen.zoo.load` reads: weights, numbers, picture, card.

    `model.keras` holds the averaged weights in float32, every network, and no optimizers. A kill at any moment leaves the old
    entry or the new one. A model conditional on features has no picture and no sound: none can be chosen for it.

    Args:
      model: a trained `GenerativeModel`.
      directory: the entry; made if missing. The files of an older entry are replaced; other files are not written among.
      recipe: what it was trained by: a zoo name, a recipe's path or a `Recipe`; None for a model trained otherwise.
      training: what the card says of the training: `steps`, `epochs`, `minutes`, `hardware`, `precision`, `command`.
      history: a training log to copy.
      metrics: also compute the numbers of the recipe's evaluation, besides the pinned ones.
      progress: called as `progress(what, done, total)` while numbers are computed.

    Returns:
      directory: the entry.

    Raises:
      ValueError: `directory` is a file, or holds things that are no entry; the model cannot be rebuilt from its config, or a weight
        is not finite.
      OSError: the entry cannot be written.
      FileNotFoundError: the recipe, or with `metrics` the evaluation data, is nowhere.

    Example:
      >>> import os, tempfile, tfgen
      >>> model = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)
      >>> folder = tfgen.zoo.save(model, os.path.join(tempfile.mkdtemp(), "tiny"))
      >>> tfgen.zoo.load(folder).event_shape
      (4, 4, 1)
    """
    directory = checks.path(directory, "directory")
    recipe = read_recipe(recipe) if isinstance(recipe, (str, os.PathLike)) else recipe
    entry = check_place(directory, recipe.path if recipe else None)
    plain = convert(model)
    _check_finite(plain)
    numbers = measure(plain, recipe.protocol() if recipe and metrics else None, progress=progress)
    title = recipe["name"] if recipe else entry.name
    numbers = add_commands(numbers, title)
    text = _recipe_text(recipe, training) if recipe else None  # read now: the recipe may be one of the files to replace
    log = checks.path(history, "history").read_bytes() if history is not None else None

    with writing.whole_files(entry, FILES) as aside:
        plain.save(aside / "model.keras")
        content = {"model": _describe(plain, aside / "model.keras"), "training": training, "metrics": numbers}
        writing.write_json(aside / "metrics.json", content)
        if text is not None:
            (aside / "recipe.yaml").write_text(text, encoding="utf-8")
        if log is not None:
            (aside / "history.csv").write_bytes(log)
        _draw(plain, recipe, aside / "samples.png")
        (aside / "README.md").write_text(render_card(aside, title), encoding="utf-8")
    return entry


def add_commands(numbers: list[dict[str, Any]], title: str) -> list[dict[str, Any]]:
    """Writes beside each number the command that computes it again.

    Args:
      numbers: as `measure` returns them.
      title: the entry's name.

    Returns:
      numbers: each with `command`.
    """
    return [{**number, "command": f"tfgen verify {title} --metrics {number['metric']}"} for number in numbers]


def _draw(model: Any, recipe: Recipe | None, path: Path) -> None:
    if isinstance(model, GenerativeModel):
        turn = conditions_in_turn(model, _SAMPLES)
        if turn is None:
            return  # nobody can choose them
        if pictures.can_draw(model.event_shape):
            pictures.save_grid(model.sample(_SAMPLES, seed=0, **turn), path)
        elif get_medium(model) == "audio":
            turn = {name: rows[:_CLIPS] for name, rows in turn.items()}
            heard = model.sample(_CLIPS, seed=0, length=_SECONDS * model.sample_rate, **turn)
            pictures.save_grid(pictures.envelopes(heard), path)
            audio.write_wav(path.with_suffix(".wav"), heard[0], sample_rate=model.sample_rate)
    elif recipe is not None and pictures.can_draw(model.event_shape):
        draw_classes(model, recipe.protocol().read()[0][:_LOOKED_AT], path)


def _check_finite(model: Any) -> None:
    for variable in model.weights:
        if not np.isfinite(variable.numpy()).all():
            raise ValueError(
                f"Expected a trained model. Its training diverged: go back to an earlier checkpoint, or train again with a "
                f"smaller learning rate. Received: NaN or infinity in {variable.path}"
            )


def _describe(model: Any, path: Path) -> dict[str, Any]:
    """What `metrics.json` says of the weights."""
    parameters = int(sum(np.prod(variable.shape) for layer in model.layers for variable in layer.weights))
    size = path.stat().st_size
    described = {"class": type(model).__name__, "parameters": parameters, "bytes": size, "sha256": sha256_of(path)}
    condition = condition_name(model)
    return described if condition is None else {**described, "conditional_on": [condition]}


def _recipe_text(recipe: Recipe, training: dict[str, Any] | None) -> str:
    """The recipe's own text, with the number of epochs that were in fact trained."""
    text = reading.read_text(recipe.path, "a recipe")
    if training and training.get("epochs", recipe["epochs"]) != recipe["epochs"]:
        text = re.sub(r"(?m)^epochs:.*$", f"epochs: {training['epochs']}", text)
    return text


def write_card(name: str | os.PathLike[str]) -> Path:
    """Writes an entry's README.md again from its other files, for example after its recipe's text was edited.

    Args:
      name: a zoo name or an entry's folder.

    Returns:
      path: the README.

    Raises:
      FileNotFoundError: there is no such entry, or no trained model in it.

    Example:
      >>> import os, tempfile, tfgen
      >>> model = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)
      >>> folder = tfgen.zoo.save(model, os.path.join(tempfile.mkdtemp(), "tiny"))
      >>> tfgen.zoo.write_card(folder).name
      'README.md'
    """
    folder = locate(name)
    title = read_recipe(folder)["name"] if (folder / "recipe.yaml").is_file() else Path(os.path.abspath(folder)).name
    writing.write_text(folder / "README.md", render_card(folder, title))
    return folder / "README.md"


def pack(
    source: str | os.PathLike[str] | Recipe,
    training: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> Path:
    """Turns what `fit_recipe` left into a whole zoo entry, its numbers computed from the packed weights.

    Args:
      source: the recipe: a zoo name, a path or a `Recipe`.
      training: the folder with `checkpoint.keras`, `history.csv` and `run.json`.
      directory: the entry.
      progress: called as `progress(what, done, total)` while numbers are computed.

    Returns:
      directory: the entry.

    Raises:
      FileNotFoundError: the training left no checkpoint, or the evaluation data is nowhere.
      ValueError: the checkpoint is of another class than the recipe's, or its epochs are not finished.

    Example:
      >>> import tempfile, tfgen
      >>> tfgen.zoo.pack("vae-fashion-mnist", tempfile.mkdtemp(), "vae-fashion-mnist")
      Traceback (most recent call last):
      ...
      FileNotFoundError: Expected the folder of a finished training. Received: ... without checkpoint.keras
    """
    recipe = source if isinstance(source, Recipe) else read_recipe(source)
    training = checks.path(training, "training")
    for name in (CHECKPOINT, RUN, "history.csv"):
        if not (training / name).is_file():
            raise FileNotFoundError(f"Expected the folder of a finished training. Received: {training} without {name}")
    model: Any = keras.saving.load_model(reading.check_archive(training / CHECKPOINT), compile=False)
    wanted, found = recipe.model_class.__name__, type(model).__name__
    if found != wanted:
        raise ValueError(f"Expected a checkpoint of {wanted}, as {recipe.path} says. Received: {found}")
    run = read_run(training)
    if int(model.batch.numpy()) or int(model.epoch.numpy()) != run["epochs"]:
        raise ValueError(
            f"Expected a training that is finished; start it again to go on. Received: {training}, stopped inside epoch "
            f"{int(model.epoch.numpy()) + 1}"
        )
    run["command"] = f"tfgen train {recipe['name']}"
    return save(
        model, directory, recipe=recipe, training=run, history=training / "history.csv", metrics=True, progress=progress
    )
