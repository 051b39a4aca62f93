"""The README's scoreboard, from the zoo's own numbers: `python -m tests.scoreboard` writes it there, a test compares it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.house import ROOT

BEGIN, END = "<!-- scoreboard -->", "<!-- end of scoreboard -->"
HEAD = ("| model | system | numbers | computed on | trained |", "| --- | --- | --- | --- | --- |")
DIGITS = {"nats": 2, "bits/dim": 4}


def _number(entry: dict[str, Any]) -> str:
    """Says one number with its unit and kind, for example `nll 228.31 nats (exact)`."""
    unit = f" {entry['unit']}" if entry["unit"] in DIGITS else ""
    return f"`{entry['metric']}` {entry['value']:.{DIGITS.get(entry['unit'], 4)}f}{unit} ({entry['kind']})"


def _data(numbers: list[dict[str, Any]]) -> str:
    """Says what the numbers were computed on: a split of a data set, or the model's own samples."""
    places = {f"{number['split'] or 'own samples'}, n = {number['n']:,}" for number in numbers}
    return "; ".join(sorted(places))


def row(folder: Path) -> str:
    """Renders the line of one zoo entry.

    Args:
      folder: an entry with `recipe.yaml` and `metrics.json`.

    Returns:
      line: of a Markdown table.
    """
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    content = json.loads((folder / "metrics.json").read_text())
    numbers = [number for number in content["metrics"] if number["kind"] != "pinned"]
    training, paper, parameters = content["training"], recipe["paper"], content["model"]["parameters"]
    trained = f"{training['steps']:,} steps, {training['minutes']:.0f} minutes, {training['hardware']}, {training['precision']}"
    cells = (
        f"[{folder.name}](zoo/{folder.name}/)",
        f"{recipe['system']}, {parameters / 1e6:.2f} M parameters ([arXiv {paper['arxiv']}](https://arxiv.org/abs/{paper['arxiv']}))",
        "; ".join(_number(number) for number in numbers),
        _data(numbers),
        trained,
    )
    return f"| {' | '.join(cells)} |"


def render() -> str:
    """Renders the whole table, one line for each trained model."""
    folders = sorted(path.parent for path in (ROOT / "zoo").glob("*/metrics.json"))
    return "\n".join([*HEAD, *(row(folder) for folder in folders)])


def split(readme: str) -> tuple[str, str, str]:
    """Cuts the README into what stands before the table, the table, and what stands after it."""
    before, rest = readme.split(BEGIN)
    table, after = rest.split(END)
    return before, table.strip(), after


if __name__ == "__main__":
    path = ROOT / "README.md"
    start, _, rest = split(path.read_text())
    path.write_text(f"{start}{BEGIN}\n{render()}\n{END}{rest}")
    print(render())
