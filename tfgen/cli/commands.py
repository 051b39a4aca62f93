"""The short commands of `tfgen`: each takes the parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tfgen import checks

__all__ = ["load_array", "load_model", "run_export", "run_list", "run_serve", "run_show", "run_verify"]


def run_list(options: argparse.Namespace) -> int:
    """Prints one line for each model of the zoo.

    Args:
      options: names.

    Returns:
      code: 0.
    """
    from tfgen import zoo
    from tfgen.cli.show import console, table
    from tfgen.zoo.cards import format_value

    if options.names:
        print("\n".join(zoo.names()))
        return 0
    rows = []
    for name in zoo.names():
        card = zoo.card(name)
        first = card["metrics"][0] if card["metrics"] else None
        number = f"{first['metric']} {format_value(first['value'])} {first['unit']}" if first else "not trained yet"
        size = f"{card['model']['parameters'] / 1e6:.2f} M" if card["model"] else ""
        rows.append([name, card["system"], size, number, card["description"]])
    console().print(table(["name", "system", "parameters", "number", "what it is"], rows))
    console().print("`tfgen show NAME` tells more; `tfgen sample NAME` draws pictures, or sound.")
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Prints a model's card.

    Args:
      options: name, json.

    Returns:
      code: 0.
    """
    from rich.markdown import Markdown

    from tfgen import zoo
    from tfgen.cli.show import console
    from tfgen.zoo.cards import render_card
    from tfgen.zoo.entries import locate

    card = zoo.card(options.name)
    if options.json:
        print(json.dumps(card, indent=2))
        return 0
    if card["model"] is None:
        paper = card["paper"]
        print(
            f"# {card['name']}\n\n{card['description']}\n\n{paper.get('authors')}, {paper.get('year')}, {paper.get('title')}\n"
        )
        print(f"Not trained yet: `tfgen train {options.name}` trains it.")
        return 0
    text = render_card(locate(options.name), card["name"])
    screen = console()
    if screen.is_terminal:
        screen.print(Markdown(text))
    else:
        print(text, end="")
    return 0


def load_model(name: str, *, draws: bool = True) -> Any:
    """Loads what a command was given.

    Args:
      name: a name of the zoo, an entry's folder, or a .keras file.
      draws: whether only a model that draws samples will do.

    Returns:
      model: a `GenerativeModel`; with `draws=False` also a `Classifier`.

    Raises:
      FileNotFoundError: nothing of this name.
      ValueError: a file that holds no model of tfgen, or an entry that holds no generative model.
    """
    import keras

    from tfgen import reading, zoo
    from tfgen.models.base import GenerativeModel

    if not name.endswith(".keras"):
        model = zoo.load(name)
        if draws and not isinstance(model, GenerativeModel):
            raise ValueError(
                f"Expected a generative model. Received: {name}, a {type(model).__name__}; see `tfgen show {name}`"
            )
        return model
    path = checks.path(name, "name")
    if not path.is_file():
        raise FileNotFoundError(f"Expected a .keras file. Received: {name}, which is not there")
    try:
        model = keras.saving.load_model(reading.check_archive(path))
    except Exception as error:
        raise ValueError(f"Expected a .keras file that a tfgen model was saved to. Received: {name}: {error}") from error
    if not isinstance(model, GenerativeModel):
        raise ValueError(f"Expected a model of tfgen. Received: {name}, which holds a {type(model).__name__}")
    return model


def load_array(name: str, what: str) -> Any:
    """Loads the numbers that a command was given.

    Args:
      name: a .npy file.
      what: what they are, for the message: "samples".

    Returns:
      array: a numpy array.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no .npy file of numbers.
    """
    import numpy as np

    path = checks.path(name, "name")
    if not path.is_file():
        raise FileNotFoundError(f"Expected a .npy file of {what}. Received: {name}, which is not there")
    try:
        array = np.load(path)
    except (ValueError, EOFError) as error:
        raise ValueError(f"Expected a .npy file of numbers. Received: {name}: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim == 0 or array.dtype.kind not in "biuf":
        raise ValueError(f"Expected a .npy file of numbers, one row or more. Received: {name}, which holds something else")
    return array


def run_verify(options: argparse.Namespace) -> int:
    """Computes a card's numbers again and prints which hold.

    Args:
      options: name, metrics, update.

    Returns:
      code: 0 if all hold, else 1.
    """
    from tfgen import zoo
    from tfgen.cli.show import Bar, console, table
    from tfgen.zoo.cards import format_value

    if options.update:
        with Bar() as bar:
            print(f"Wrote the numbers of {zoo.remeasure(options.name, metrics=options.metrics, progress=bar)}")
        return 0
    with Bar() as bar:
        results = zoo.verify(options.name, metrics=options.metrics, progress=bar)
    rows = []
    for result in results:
        expected, received = result["expected"], result["received"]
        shown = [format_value(value[0] if isinstance(value, list) else value, 7) for value in (expected, received)]
        shown = [f"{text}, ..." if isinstance(expected, list) else text for text in shown]
        verdict = "[green]holds[/green]" if result["holds"] else f"[red]does not hold[/red] {result['note']}"
        numbers = [*shown, f"{result['difference']:.1g}", f"{result['tolerance']:.1g}"]
        rows.append([result["metric"], *numbers, verdict])
    screen = console()
    screen.print(table(["metric", "on the card", "computed now", "difference", "tolerance", ""], rows))
    held = sum(result["holds"] for result in results)
    print(f"{options.name}: {held} of {len(results)} numbers hold.")
    return 0 if held == len(results) else 1


def run_export(options: argparse.Namespace) -> int:
    """Exports a model, with the serving kit unless it is not wanted.

    Args:
      options: name, directory, version, served_name, no_kit.

    Returns:
      code: 0.
    """
    from tfgen import checks, export

    checks.plain_path(options.directory, "directory")  # all that can be refused is refused before the slow part
    export.served_name(options.directory, options.served_name)
    folder = export.saved_model(load_model(options.name), options.directory, version=options.version)
    print(f"Wrote {folder}")
    if not options.no_kit:
        kit = export.serving_kit(options.directory, name=options.served_name)
        print(f"Wrote {kit}: `docker compose -f {kit}/compose.yaml up` starts TensorFlow Serving on it")
    print(f"`tfgen serve {options.directory}` serves it on this machine")
    return 0


def run_serve(options: argparse.Namespace) -> int:
    """Serves exported models until Ctrl-C.

    Args:
      options: directory, name, rest_port, grpc_port, host.

    Returns:
      code: 0.
    """
    from tfgen import serving

    serving.serve(
        options.directory,
        name=options.name,
        host=options.host,
        rest_port=options.rest_port,
        grpc_port=options.grpc_port,
    )
    return 0
