"""`tfgen train`: trains by a recipe, resumably."""

from __future__ import annotations

import argparse

from tfgen import checks

__all__ = ["run_train"]


def run_train(options: argparse.Namespace) -> int:
    """Trains by a recipe and writes a whole entry.

    Args:
      options: recipe, directory, epochs, every_steps.

    Returns:
      code: 0.
    """
    from tfgen import zoo
    from tfgen.cli.show import Bar
    from tfgen.zoo.cards import format_value
    from tfgen.zoo.entries import CHECKPOINT, TRAINING, check_place

    recipe = zoo.read_recipe(options.recipe)
    directory = checks.path(options.directory or recipe["name"], "directory")
    check_place(directory, recipe.path)
    epochs = options.epochs or recipe["epochs"]
    begun = (directory / TRAINING / CHECKPOINT).exists()
    data = recipe["data"]
    print(
        f"{'Going on with' if begun else 'Training'} {recipe['name']}: {epochs} epochs of {data['name']} {data['split']}.",
        flush=True,
    )
    print(f"Ctrl-C stops it after the current step; checkpoints are in {directory / TRAINING}.", flush=True)
    with Bar() as bar:
        folder = zoo.train(recipe, directory, every_steps=options.every_steps, epochs=options.epochs, progress=bar)
    for number in zoo.card(folder)["metrics"]:
        if number["kind"] != "pinned":
            print(f"{number['metric']}: {format_value(number['value'])} {number['unit']}")
    print(f"Wrote {folder}. `tfgen sample {directory}` draws from it; `tfgen.zoo.load({str(directory)!r})` loads it in Python.")
    return 0
