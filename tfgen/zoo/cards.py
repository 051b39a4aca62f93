"""The README of a zoo entry, made from its other files: no number on a card is typed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfgen.zoo.abilities import find_model_class, get_medium
from tfgen.zoo.entries import FILES, read_metrics, sha256_of
from tfgen.zoo.frames import FRAMES, read_frames
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.recipes import read_recipe

__all__ = ["format_value", "render_card"]

_EXAMPLES = {"audio": "clips", "image": "images"}  # what a batch holds, by what the model draws
_WHAT = {
    "model.keras": "float32 weights and configuration, no optimizers",
    "metrics.json": "every number with its protocol",
    "recipe.yaml": "what training it again takes",
    "history.csv": "the training log, one line an epoch",
    "samples.png": "the picture above",
    "samples.wav": "what seed 0 draws, to be heard",
}


def format_value(value: Any, digits: int = 5) -> str:
    """Writes a number, or the numbers of a list, for people.

    Args:
      value: a number or a list of numbers.
      digits: significant digits before the fixed part: 230.12, 3.1416, 0.00012.

    Returns:
      text: for example "228.31" or "0.1234, 0.5".

    Example:
      >>> from tfgen.zoo.cards import format_value
      >>> format_value(228.30912), format_value([0.25, 1 / 3])
      ('228.31', '0.25, 0.33333')
    """
    if isinstance(value, list):
        return ", ".join(format_value(number, digits) for number in value)
    return f"{value:.{digits}g}"


def _kind(model_class: str) -> str:
    """What a model of this class draws: "image", "audio"; a class of somebody else's is taken for one of images."""
    return get_medium(find_model_class(model_class))


def _classifies(model_class: str) -> bool:
    """Whether a model of this class finds classes and draws nothing."""
    cls = find_model_class(model_class)
    return hasattr(cls, "classify") and not hasattr(cls, "sample")


def render_card(folder: Path, name: str) -> str:
    """Renders an entry's README.md from its recipe, numbers and files.

    Args:
      folder: the entry; `metrics.json` and `model.keras` must be there.
      name: the model's name.

    Returns:
      text: Markdown.

    Raises:
      FileNotFoundError: the entry has not been trained.
      ValueError: its recipe or numbers cannot be read.

    Example:
      >>> import tfgen
      >>> from tfgen.zoo.cards import render_card
      >>> folder = tfgen.paths.zoo_folder() / "vae-fashion-mnist"
      >>> render_card(folder, "vae-fashion-mnist").splitlines()[0]
      '# vae-fashion-mnist'
    """
    numbers = read_metrics(folder)
    recipe = read_recipe(folder).values if (folder / "recipe.yaml").is_file() else {}
    sections = [
        f"# {name}",
        recipe.get("description", f"A {numbers['model']['class']}."),
        _picture(recipe) if (folder / "samples.png").is_file() else "",
        _about(recipe, numbers["model"]),
        _numbers(numbers["metrics"]),
        _framed(numbers["metrics"]),
        _reference(recipe.get("reference")),
        _use(name, recipe, numbers["model"]),
        _training(recipe, numbers),
        "## Limits\n\n" + "\n".join(f"* {limit}" for limit in recipe["limits"]) if recipe.get("limits") else "",
        f"## Licence\n\n{recipe['licence']}" if recipe.get("licence") else "",
        _files(folder),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _picture(recipe: dict[str, Any]) -> str:
    told = "What seed 0 draws."
    if recipe and _classifies(recipe["model"]["class"]):
        told = "Test images, one row for each class that it finds in them."
    return f"![samples](samples.png)\n\n{told}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _about(recipe: dict[str, Any], model: dict[str, Any]) -> str:
    rows = []
    if recipe:
        paper, data = recipe["paper"], recipe["data"]
        reference = ", ".join(str(paper[key]) for key in ("authors", "year", "title") if key in paper)
        if paper.get("arxiv"):
            reference += f", [arXiv {paper['arxiv']}](https://arxiv.org/abs/{paper['arxiv']})"
        rows += [["system", recipe["system"]], ["paper", reference]]
        rows += [["data", Protocol(data=data["name"], split=data["split"], view=data.get("view", "8bit")).place]]
    rows += [["class", f"`tfgen.{model['class']}`"], ["parameters", f"{model['parameters']:,}"]]
    return _table(["", ""], rows)


def _numbers(metrics: list[dict[str, Any]]) -> str:
    rows, protocols = [], []
    for number in metrics:
        if number["kind"] == "pinned":
            continue
        if number["protocol"] not in protocols:
            protocols.append(number["protocol"])
        where = number["split"] or "-"
        mark = f"[{protocols.index(number['protocol']) + 1}]"
        shown = format_value(number["value"])
        if number.get("std") is not None:
            shown += f" ± {format_value(number['std'], 2)}"
        value = [number["metric"], shown, number["unit"], f"{number['kind']} {mark}"]
        seed = "-" if number["seed"] is None else str(number["seed"])
        rows.append([*value, where, str(number["n"]), seed, format_value(number["tolerance"])])
    pinned = sum(number["kind"] == "pinned" for number in metrics)
    if not rows:
        return f"## Numbers\n\n{pinned} pinned forward passes in `metrics.json`."
    table = _table(["metric", "value", "unit", "kind", "data", "n", "seed", "tolerance"], rows)
    draws = {number["protocol"]: number["data_sha256"] for number in metrics if number["data_sha256"]}
    protocols = [f"{how}; sha256 of the data `{draws[how]}`" if how in draws else how for how in protocols]
    notes = "\n".join(f"* [{place + 1}] {protocol}" for place, protocol in enumerate(protocols))
    last = metrics[0]
    where = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    return (
        f"## Numbers\n\n{table}\n\n{notes}\n\nComputed from `model.keras` on {last['hardware']} with {where}; {pinned} pinned "
        f"forward passes stand in `metrics.json`. `tfgen verify` computes all of them again."
    )


def _framed(metrics: list[dict[str, Any]]) -> str:
    """Shows the measures of samples between those of training images and of noise."""
    measured = [number for number in metrics if number.get("extractor")]
    if not measured:
        return ""
    view = measured[0]["split"].rsplit(", ", 1)[-1]
    found = {frame: {number["metric"]: number for number in numbers} for frame, numbers in read_frames()[view].items()}
    rows = []
    for number in measured:
        frames = [frame for frame in (found[name].get(number["metric"]) for name in FRAMES) if frame is not None]
        if len(frames) == len(FRAMES) and all(
            frame["split"] == number["split"] and frame["n"] == number["n"] for frame in frames
        ):
            first, last = (format_value(frame["value"], 4) for frame in frames)
            rows.append([number["metric"], first, format_value(number["value"], 4), last])
    extractor = measured[0]["extractor"]
    told = f"Measured in the feature space of {extractor['name']}, sha256 `{extractor['sha256']}`; between what they lie:"
    return f"{told}\n\n{_table(['metric', FRAMES['floor'], 'this model', FRAMES['ceiling']], rows)}" if rows else ""


def _reference(reference: list[dict[str, Any]] | None) -> str:
    if not reference:
        return ""
    rows = [[str(entry.get(key, "")) for key in ("what", "value", "source")] for entry in reference]
    return "Beside them:\n\n" + _table(["what", "value", "source"], rows)


def _use(name: str, recipe: dict[str, Any], model: dict[str, Any]) -> str:
    path = name if recipe else f"path/to/{name}"
    if _classifies(model["class"]):
        lines = "extractor = tfgen.metrics.load_extractor()\nfeatures = extractor.features(images)"
        return f"## Use\n\n```python\nimport tfgen\n\n{lines}  # images (n, 28, 28, 1) in [0, 1]\n```"
    sounds = _kind(model["class"]) == "audio"
    num_classes = recipe["model"]["arguments"].get("num_classes") if recipe else None
    what = f"label=range({num_classes}), seed=0" if num_classes else f"{1 if sounds else 16}, seed=0"
    lines = f"images = model.sample({what})"
    if sounds:
        drawn = f"sound = model.sample({what}, length=4 * model.sample_rate)"
        if "features" in model.get("conditional_on", []):
            drawn = "sound = model.sample(features=features, seed=0)  # features (n, frames, channels)"
        lines = f'{drawn}\ntfgen.audio.write_wav("sample.wav", sound[0], sample_rate=model.sample_rate)'
    return f'## Use\n\n```python\nimport tfgen\n\nmodel = tfgen.zoo.load("{path}")\n{lines}\n```'


def _training(recipe: dict[str, Any], numbers: dict[str, Any]) -> str:
    training = numbers["training"]
    if not training:
        return ""
    examples = _EXAMPLES.get(_kind(numbers["model"]["class"]), "examples")
    told = {
        "steps": f"{training['steps']:,} of {recipe['batch_size']} {examples}" if recipe else f"{training['steps']:,}",
        "epochs": str(training["epochs"]),
        "minutes": format_value(training["minutes"], 3),
        "processor": training["hardware"],
        "precision": training["precision"],
        "command": f"`{training['command']}`" if training.get("command") else "",
    }
    return "## Training\n\n" + _table(["", ""], [[key, value] for key, value in told.items() if value])


def _files(folder: Path) -> str:
    rows = []
    for name in FILES:
        path = folder / name
        if path.is_file() and name != "README.md":
            rows.append([f"`{name}`", _WHAT[name], f"{path.stat().st_size:,}", f"`{sha256_of(path)}`"])
    return "## Files\n\n" + _table(["file", "what", "bytes", "sha256"], rows)
