"""One scoreboard for every family, made from the zoo's `metrics.json` files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tfgen import checks, metrics, paths, reading, writing
from tfgen.zoo.entries import read_metrics
from tfgen.zoo.frames import FRAMES, VIEWS, read_frames
from tfgen.zoo.recipes import read_recipe

__all__ = ["BEGIN", "END", "render_scoreboard", "write_scoreboard"]

BEGIN, END = "<!-- scoreboard -->", "<!-- end of scoreboard -->"
"""Between these two lines of a Markdown file stands the scoreboard."""

_TITLES = {"8bit": "8-bit images", "binarized": "Binarized images"}
_LIKELIHOODS = {  # the first of each list that a model has
    "-log p(x), nats": (("nll", 1.0), ("log_prob_bound", -1.0)),
    "bits/dim": (("bits_per_dim", 1.0), ("log_prob_bound_bits_per_dim", 1.0)),
}
_QUALITY = {
    "Frechet": ("frechet_distance", "{:.3f}"),
    "KID": ("kernel_distance", "{:.4f}"),
    "precision": ("precision", "{:.3f}"),
    "recall": ("recall", "{:.3f}"),
    "density": ("density", "{:.3f}"),
    "coverage": ("coverage", "{:.3f}"),
    "C_T": ("data_copying", "{:.1f}"),
}
_SOUND = {
    "-log p(x), nats a sample": "nll_per_sample",
    "table of codes by the code before": "order_1_nll",
    "entropy of the codes": "marginal_entropy",
}
_DIGITS = {"nats": 2, "bits/dim": 4}


def _likelihood(numbers: dict[str, dict[str, Any]], choices: tuple[tuple[str, float], ...]) -> str:
    for metric, sign in choices:
        if metric in numbers:
            number = numbers[metric]
            kind = "exact" if number["kind"] == "exact" else f"bound, K = {number['num_samples']}"
            return f"{sign * number['value']:.{_DIGITS[number['unit']]}f} ({kind})"
    return ""


def _quality(numbers: dict[str, dict[str, Any]]) -> list[str]:
    cells = []
    for metric, form in _QUALITY.values():
        if metric not in numbers:
            cells.append("")
            continue
        number = numbers[metric]
        deviation = f" ± {form.format(number['std'])}" if number.get("std") is not None else ""
        cells.append(form.format(number["value"]) + deviation)
    return cells


def _view_of(numbers: list[dict[str, Any]]) -> str | None:
    views = {number["split"].rsplit(", ", 1)[-1] for number in numbers if number["split"]}
    return next((view for view in VIEWS if view in views), None)


def _row(folder: Path, content: dict[str, Any], cells: list[str]) -> str:
    recipe, training = read_recipe(folder).values, content["training"]
    paper, parameters = recipe["paper"], content["model"]["parameters"]
    cited = f"[{paper['arxiv']}](https://arxiv.org/abs/{paper['arxiv']})" if paper.get("arxiv") else str(paper.get("year", ""))
    system = f"{recipe['system']} ({cited})" if cited else recipe["system"]
    trained = f"{training['steps']:,} steps, {training['minutes']:.0f} min" if training else ""
    return f"| {' | '.join([f'[{folder.name}](zoo/{folder.name}/)', system, f'{parameters / 1e6:.2f} M', *cells, trained])} |"


def _image_row(folder: Path, content: dict[str, Any]) -> str:
    numbers = {number["metric"]: number for number in content["metrics"]}
    likelihoods = [_likelihood(numbers, choices) for choices in _LIKELIHOODS.values()]
    return _row(folder, content, [*likelihoods, *_quality(numbers)])


def _sound_table(entries: list[tuple[Path, dict[str, Any]]]) -> str:
    rows, splits = [], set()
    for folder, content in entries:
        numbers = {number["metric"]: number for number in content["metrics"]}
        splits.add(numbers["nll_per_sample"]["split"])
        rows.append(_row(folder, content, [f"{numbers[metric]['value']:.3f}" for metric in _SOUND.values()]))
    return f"**Sound.** Exact, {', '.join(sorted(splits))}.\n\n" + "\n".join([*_header(list(_SOUND)), *rows])


def _header(columns: list[str]) -> list[str]:
    header = ["model", "system", "parameters", *columns, "trained"]
    return [f"| {' | '.join(header)} |", f"| {' | '.join(['---'] * len(header))} |"]


def _is_sound(content: dict[str, Any]) -> bool:
    return any(number["metric"] == "nll_per_sample" for number in content["metrics"])


def _frame(title: str, numbers: list[dict[str, Any]]) -> str:
    found = {number["metric"]: number for number in numbers}
    return f"| {' | '.join([f'*{title}*', '', '', *[''] * len(_LIKELIHOODS), *_quality(found), ''])} |"


def _protocol(numbers: list[dict[str, Any]]) -> str:
    places = sorted({f"{number['n']:,} samples of seed {number['seed']} against {number['split']}" for number in numbers})
    return "; ".join(places)


def render_scoreboard(zoo: str | os.PathLike[str] | None = None) -> str:
    """Renders the scoreboard: a table for each view of the images, framed by real ones and by noise, and one of sound.

    Args:
      zoo: the folder of entries; None for the zoo.

    Returns:
      text: Markdown.

    Raises:
      FileNotFoundError: the frames have not been measured.
      ValueError: a number without its protocol, or of another feature space than the frozen one.
    """
    root = checks.path(zoo, "zoo") if zoo is not None else paths.zoo_folder()
    frames = read_frames(root / "frames.json")
    entries = [(path.parent, read_metrics(path.parent)) for path in sorted(root.glob("*/metrics.json"))]
    entries = [entry for entry in entries if hasattr(read_recipe(entry[0]).model_class, "sample")]
    sounds = [entry for entry in entries if _is_sound(entry[1])]
    images = [entry for entry in entries if not _is_sound(entry[1])]
    tables = []
    for view in VIEWS:
        members = [entry for entry in images if _view_of(entry[1]["metrics"]) == view]
        if not members:
            continue
        rows = [_image_row(*member) for member in members]
        measured = [number for _, content in members for number in content["metrics"] if number["metric"] == "frechet_distance"]
        first, last = (_frame(FRAMES[frame], frames[view][frame]) for frame in FRAMES)
        lines = [*_header([*_LIKELIHOODS, *_QUALITY]), first, *rows, last]
        tables.append(f"**{_TITLES[view]}.** {_protocol(measured)}.\n\n" + "\n".join(lines))
    note = (
        f"Frechet, KID (mean and standard deviation over subsets), precision and recall (k = 3), density and coverage (k = 5) and "
        f"C_T (far below 0: copies of training images) are measured in the feature space of [{metrics.CLASSIFIER}]"
        f"(zoo/{metrics.CLASSIFIER}/), sha256 `{metrics.CLASSIFIER_SHA256[:12]}...`; they compare with each other within a table, "
        f"never with a published FID."
    )
    return "\n\n".join([*tables, note, *([_sound_table(sounds)] if sounds else [])])


def write_scoreboard(path: str | os.PathLike[str], zoo: str | os.PathLike[str] | None = None) -> bool:
    """Replaces the scoreboard of a Markdown file.

    Args:
      path: a file with the two marks `BEGIN` and `END`, each on a line of its own.
      zoo: the folder of entries; None for the zoo.

    Returns:
      changed: whether the file was not up to date.

    Raises:
      ValueError: the file has no marks.
      FileNotFoundError: there is no such file, or the frames have not been measured.
    """
    target = checks.path(path)
    text = reading.read_text(target, "a Markdown file")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"Expected the lines {BEGIN} and {END}, once each. Received: {target}")
    before, rest = text.split(BEGIN)
    new = f"{before}{BEGIN}\n{render_scoreboard(zoo)}\n{END}{rest.split(END)[1]}"
    if new == text:
        return False
    writing.write_text(target, new)
    return True
