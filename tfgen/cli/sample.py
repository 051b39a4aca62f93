"""`tfgen sample`: draws pictures or sounds from a trained model into a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfgen import checks

__all__ = ["run_sample"]

_ENDINGS = {"audio": (".wav", ".npy"), "image": (".png", ".npy")}  # by what a model draws; the first is the default's
_COUNTS = {"audio": 4, "image": 64}  # pictures are seen at once, sounds heard one after the other
_PAUSE_SECONDS = 0.5


def run_sample(options: argparse.Namespace) -> int:
    """Draws samples into a file.

    Args:
      options: name, n, seed, output, temperature, truncation, length, label, features.

    Returns:
      code: 0.
    """
    from tfgen.cli.commands import load_model

    if options.output is not None and Path(options.output).suffix not in (".png", ".wav", ".npy"):
        raise ValueError(f"Expected --output to end in .png, .wav or .npy. Received: --output {options.output}")
    model = load_model(options.name)
    kind = "audio" if model.medium == "audio" else "image"
    output = checks.path(options.output or f"samples{_ENDINGS[kind][0]}", "output")
    if output.suffix not in _ENDINGS[kind]:
        drawn = "sound" if kind == "audio" else "pictures"
        raise ValueError(
            f"Expected --output to end in {' or '.join(_ENDINGS[kind])}, because {options.name} draws {drawn}. Received: --output "
            f"{output}"
        )
    n, given = _asked(options, model, _COUNTS[kind])
    samples = model.sample(n, seed=options.seed, **given)
    _write(samples, output, model)
    print(f"Wrote {n} {'sounds' if kind == 'audio' else 'samples'} of seed {options.seed} to {output}")
    return 0


def _asked(options: argparse.Namespace, model: Any, count: int) -> tuple[int, dict[str, Any]]:
    """How many samples are wanted, and the keywords of `sample` that say which."""
    from tfgen.cli.commands import load_array
    from tfgen.models.conditions import in_turn

    given = {name: value for name in ("temperature", "truncation", "length") if (value := getattr(options, name)) is not None}
    if "length" in given and model.extent != "length":
        raise ValueError(f"Expected no --length: what {options.name} draws has one size. Received: --length {options.length}")
    condition = model.condition
    if options.features is not None and (condition is None or condition.name != "features"):
        raise ValueError(f"Expected no --features: {options.name} takes none. Received: --features {options.features}")
    if options.label is not None:
        n = options.n or (len(options.label) if len(options.label) > 1 else count)
        return n, {**given, "label": options.label if len(options.label) > 1 else options.label * n}
    if options.features is not None:
        features = load_array(options.features, "features")
        return options.n or len(features), {**given, "features": features}
    n = options.n or count
    if condition is not None and condition.turn(n) is None:
        raise ValueError(
            f"Expected --{condition.name} FILE, a .npy file (n, frames, channels), because {options.name} is "
            f"conditional on them. Received: no --{condition.name}"
        )
    return n, {**given, **in_turn(model, n)}


def _write(samples: Any, output: Path, model: Any) -> None:
    """Writes a grid of pictures, a row of sounds or the numbers."""
    import numpy as np

    from tfgen import audio, pictures, writing

    if output.suffix == ".png":
        pictures.save_grid(samples, output)
        return
    if output.suffix == ".wav":
        pause = np.zeros((round(_PAUSE_SECONDS * model.sample_rate), samples.shape[-1]), np.float32)
        parts = [part for sound in samples for part in (pause, sound)][1:]
        audio.write_wav(output, np.concatenate(parts), sample_rate=model.sample_rate)
        return
    with writing.whole_file(output) as aside:
        np.save(aside, samples)
