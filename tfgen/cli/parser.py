"""The arguments of the `tfgen` command. Nothing here imports TensorFlow, so that `--help` answers at once."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["make_parser"]

_ABOUT = """Deep generative models, trained and ready: look at them, draw from them, train them, serve them.

New here? `tfgen quickstart` shows the whole way from a trained model to a server in about a minute.
"""
_MODEL = "a name of the zoo (`tfgen list`), a folder that `tfgen train` wrote, or a .keras file"
_ENTRY = "a name of the zoo (`tfgen list`), or a folder that `tfgen train` wrote"


def make_parser() -> argparse.ArgumentParser:
    """Builds the parser of all commands.

    Returns:
      parser: its results have `command`, `run` ("module:function", None without a command), `debug` and
        `after_interrupt` (what to say after Ctrl-C, a function of the results).

    Example:
      >>> from tfgen.cli.parser import make_parser
      >>> make_parser().parse_args(["sample", "vae-fashion-mnist", "-n", "4"]).n
      4
    """
    parser = argparse.ArgumentParser(prog="tfgen", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=None, debug=False, command="")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for add in (_list, _show, _sample, _evaluate, _verify, _scoreboard, _train, _export, _serve, _quickstart):
        add(commands)
    return parser


def _add(commands: Any, name: str, summary: str, more: str, example: str) -> argparse.ArgumentParser:
    """Adds one command, which `tfgen.cli.commands.run_<name>` runs."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {more}",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    own = ("evaluate", "quickstart", "sample", "scoreboard", "train")
    run = f"tfgen.cli.{name}:run_{name}" if name in own else f"tfgen.cli.commands:run_{name}"
    parser.set_defaults(run=run, after_interrupt=lambda options: "Nothing was left half done.")
    return parser


def _count(text: str) -> int:
    """A positive number."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1. Received: {text}")
    return number


def _list(commands: Any) -> None:
    parser = _add(commands, "list", "list the models of the zoo", "One line a model.", "tfgen list")
    parser.add_argument("--names", action="store_true", help="print the names alone, one a line")


def _show(commands: Any) -> None:
    more = "What it is, its numbers and how they were computed, how it was trained."
    parser = _add(commands, "show", "show a model's card", more, "tfgen show vae-fashion-mnist")
    parser.add_argument("name", metavar="NAME", help=_ENTRY)
    parser.add_argument("--json", action="store_true", help="print the card as JSON")


def _sample(commands: Any) -> None:
    more = (
        "The same seed draws the same pictures or sounds, here, in Python and from a server. Sounds stand one after the other in "
        "the file, with half a second of silence between them."
    )
    example = "tfgen sample vae-fashion-mnist -n 100 --seed 7 --output pictures.png"
    parser = _add(commands, "sample", "draw pictures or sound from a trained model", more, example)
    parser.add_argument("name", metavar="NAME", help=_MODEL)
    count = "number of samples (default: one for each label or row of features, else 64 pictures or 4 sounds)"
    parser.add_argument("-n", type=_count, help=count)
    parser.add_argument("--seed", type=int, default=0, help="a whole number that fixes the samples (default: 0)")
    output = "a .png file for a grid of pictures, .wav for sound, .npy for numbers (default: samples.png or samples.wav)"
    parser.add_argument("--output", metavar="FILE", help=output)
    parser.add_argument("--temperature", type=float, help="below 1 draws likelier samples; not every model has it")
    parser.add_argument("--truncation", type=float, help="bounds the latents' magnitude; not every model has it")
    length = "samples of each sound, sample_rate of them a second (default: as many as it was trained on)"
    parser.add_argument("--length", type=_count, help=length)
    parser.add_argument(
        "--label",
        type=int,
        nargs="+",
        help="the class of each sample, or one for all (default: all in turn); conditional models",
    )
    features = "a .npy file (n, frames, channels) of what a model with local conditions is given, a row for each sound"
    parser.add_argument("--features", metavar="FILE", help=features)


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", help="name of a data set (default: the recipe's, else fashion_mnist)")
    parser.add_argument("--split", help='a split or a slice of it, "test" or "test[:500]" (default: the recipe\'s, else test)')
    parser.add_argument("--view", choices=("8bit", "binarized"), help="grey levels, or pixels drawn as 0 and 1")
    parser.add_argument(
        "--num-samples", type=_count, help="K of the importance-weighted bound (default: the recipe's, else 100)"
    )
    parser.add_argument("--seed", type=int, help="seed of the samples and of the bounds' noise (default: the recipe's, else 0)")


def _evaluate(commands: Any) -> None:
    more = (
        "Likelihoods in nats and bits per dimension, and how good the samples are: Frechet and kernel distance, precision, recall, "
        "density, coverage, copying of training images. Every number is printed with how it was computed."
    )
    example = "tfgen evaluate vae-fashion-mnist --metrics frechet_distance precision recall --n 10000 --seed 0"
    parser = _add(commands, "evaluate", "measure a model on a data set", more, example)
    what = f"{_MODEL}, or a .npy file of samples (n, height, width, channels)"
    parser.add_argument("name", metavar="NAME|FILE", help=what)
    parser.add_argument("--metrics", nargs="+", metavar="METRIC", help="only these numbers (default: all that the model has)")
    parser.add_argument("--n", type=_count, help="how many samples are measured (default: the recipe's, else 10000)")
    _data(parser)
    space = "'inception', or a .keras file: another feature space than the bundled classifier's; measures samples alone"
    parser.add_argument("--extractor", metavar="NAME|FILE", help=space)
    picture = "draw samples beside their nearest training images into this .png; measures samples alone"
    parser.add_argument("--neighbours", metavar="FILE", help=picture)


def _verify(commands: Any) -> None:
    more = "Every number is computed again by its whole protocol. The exit code is 1 if one does not hold."
    example = "tfgen verify pixelcnn-binary-fashion-mnist --metrics nll"
    parser = _add(commands, "verify", "compute a card's numbers again from the weights", more, example)
    parser.add_argument("name", metavar="NAME", help=_ENTRY)
    parser.add_argument("--metrics", nargs="+", metavar="METRIC", help="only these numbers (default: all on the card)")
    parser.add_argument("--update", action="store_true", help="write what is computed now to the card, whatever stood there")


def _scoreboard(commands: Any) -> None:
    more = "It is made from the numbers on the cards; a number without its protocol is refused."
    parser = _add(commands, "scoreboard", "print the table of all models", more, "tfgen scoreboard --write README.md")
    parser.add_argument("--write", metavar="FILE", help="replace the scoreboard of this Markdown file")
    frames = "first measure the rows that frame the table: training images, and noise"
    parser.add_argument("--frames", action="store_true", help=frames)


def _train(commands: Any) -> None:
    more = (
        "Writes a folder with weights, numbers, history, picture and card, which the other commands take in place of a name. "
        "Ctrl-C leaves a checkpoint; the same command goes on from there and ends with the same weights."
    )
    example = "tfgen train vae-fashion-mnist --directory my-vae --epochs 2"
    parser = _add(commands, "train", "train a model by a recipe", more, example)
    parser.add_argument("recipe", metavar="RECIPE", help="a name of the zoo, or a recipe's .yaml file")
    parser.add_argument("--directory", help="where the model goes (default: a folder of the recipe's name)")
    parser.add_argument("--epochs", type=_count, help="epochs in place of the recipe's, for a trial")
    parser.add_argument("--every-steps", type=_count, default=500, help="steps between checkpoints (default: 500)")
    parser.set_defaults(after_interrupt=_resume)


def _resume(options: argparse.Namespace) -> str:
    parts = ["tfgen train", options.recipe]
    parts += ["--directory", options.directory] if options.directory else []
    parts += ["--epochs", str(options.epochs)] if options.epochs else []
    return f"`{' '.join(parts)}` goes on from the last checkpoint."


def _export(commands: Any) -> None:
    more = (
        "Writes DIR/1, DIR/2, ... for TensorFlow Serving, and beside them DIR/serving with files for Docker, Kubernetes and "
        "KServe."
    )
    example = "tfgen export vae-fashion-mnist models/vae && tfgen serve models/vae"
    parser = _add(commands, "export", "export a model as a SavedModel", more, example)
    parser.add_argument("name", metavar="NAME", help=_MODEL)
    parser.add_argument("directory", metavar="DIR", help="the folder of all versions of this model")
    parser.add_argument("--version", type=_count, help="number of the version (default: the next free one)")
    parser.add_argument("--name", dest="served_name", metavar="NAME", help="what the server calls it (default: DIR's name)")
    parser.add_argument("--no-kit", action="store_true", help="write the SavedModel alone, without DIR/serving")


def _serve(commands: Any) -> None:
    more = "Speaks TensorFlow Serving's own REST and gRPC. A new version in DIR is taken up by itself. Ctrl-C stops it."
    example = "tfgen serve models/vae --rest-port 8501 --grpc-port 8500"
    parser = _add(commands, "serve", "serve exported models on this machine", more, example)
    parser.add_argument("directory", metavar="DIR", help="a folder that `tfgen export` wrote, or a folder of such folders")
    parser.add_argument("--name", help="what the server calls the model (default: DIR's name)")
    parser.add_argument("--rest-port", type=int, default=8501, help="port for REST, 0 for a free one (default: 8501)")
    parser.add_argument("--grpc-port", type=int, default=8500, help="port for gRPC, 0 for a free one (default: 8500)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, 0.0.0.0 for all (default: 127.0.0.1)")


def _quickstart(commands: Any) -> None:
    more = (
        "Loads a trained model by its name, draws pictures, trains it a little further on real images, exports it, serves it "
        "on this machine, and asks the server over REST and gRPC for the same pictures. Needs no network."
    )
    parser = _add(commands, "quickstart", "see the whole way from a trained model to a server", more, "tfgen quickstart")
    parser.add_argument("--directory", default="quickstart", help="where pictures and the SavedModel go (default: quickstart)")
    parser.add_argument("--model", default="vae-fashion-mnist", help=f"{_ENTRY} (default: vae-fashion-mnist)")
    parser.set_defaults(after_interrupt=lambda options: "`tfgen quickstart` starts over.")
