"""`tfgen quickstart`: from a trained model to a server that draws the same pictures, with no network."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import checks

__all__ = ["run_quickstart"]

DATA = "fashion_mnist_small"
LEARNING_RATE = 2e-5  # small: the weights are trained already, and 2000 images teach them little
BATCH = 64
GRID = 64
ASKED = 16
SEED = 7
LARGEST_DIFFERENCE = 1e-5
_SUMMARY = "quickstart.json"


def run_quickstart(options: argparse.Namespace) -> int:
    """Loads, draws, fine-tunes, exports, serves, asks and compares, and writes what came of it.

    Args:
      options: directory, model.

    Returns:
      code: 0.

    Raises:
      ValueError: the directory holds other things than a quick start, or the server's pictures are not Python's.
    """
    from tfgen import pictures, writing, zoo

    start = time.monotonic()
    directory = checks.plain_path(options.directory, "directory")
    writing.check_free(directory, own=(directory / _SUMMARY).is_file(), what="a folder of the quick start")
    _say(1, f'tfgen.zoo.load("{options.model}"): a trained model by its name.')
    model = zoo.load(options.model)
    writing.write_json(directory / _SUMMARY, {"model": options.model})  # makes the folder the quick start's own
    _say(2, f"model.sample({GRID}, seed=0): pictures that it has never seen.")
    _wrote(pictures.save_grid(model.sample(GRID, seed=0), directory / "samples.png"))
    view = _view(model)
    images = _images("test", view)
    _wrote(_save_pairs(model, images, directory / "real.png"))
    tuned = _fine_tune(model, view, images)
    _wrote(pictures.save_grid(model.sample(GRID, seed=0), directory / "samples-fine-tuned.png"))
    folder = _export(model, directory / "model", Path(options.model).name)
    differences = _serve_and_compare(model, directory)
    summary = {
        "model": options.model,
        "parameters": int(model.count_params()),
        "fine_tuning": tuned,
        "export": folder.relative_to(directory).as_posix(),
        "seed": SEED,
        "largest_difference": differences,
        "seconds": round(time.monotonic() - start, 1),
    }
    writing.write_json(directory / _SUMMARY, summary)
    _wrote(directory / _SUMMARY)
    _say_what_next(options.model, directory, summary["seconds"])
    return 0


def _say(step: int, text: str) -> None:
    print(f"{step}/6  {text}", flush=True)


def _wrote(path: Path) -> None:
    print(f"     wrote {path}", flush=True)


def _view(model: Any) -> str:
    """The view of the data that the model can take."""
    likelihood = getattr(model, "likelihood", None)
    return "binarized" if likelihood is not None and likelihood.levels == 2 and hasattr(model, "complete") else "8bit"


def _images(split: str, view: str) -> np.ndarray:
    from tfgen import data

    return np.concatenate([batch.numpy() for batch in data.load(DATA, split, view=view, shuffle=False, batch_size=500)])


def _save_pairs(model: Any, images: np.ndarray, path: Path) -> Path:
    """Draws real images in one row, what the model makes of them in the next."""
    from tfgen import pictures

    shown = images[:: max(1, len(images) // 16)][:16]
    if hasattr(model, "reconstruct"):
        made = model.reconstruct(shown)
    elif hasattr(model, "complete"):
        upper_half = np.arange(shown.shape[1])[:, None, None] < shown.shape[1] // 2
        made = model.complete(shown, upper_half, seed=SEED)
    else:
        return pictures.save_grid(shown, path, columns=8)
    rows = [part for start in range(0, len(shown), 8) for part in (shown[start : start + 8], made[start : start + 8])]
    return pictures.save_grid(np.concatenate(rows), path, columns=8)


def _fine_tune(model: Any, view: str, held_out: np.ndarray) -> dict[str, Any]:
    """Trains one epoch on the real images that travel with the package."""
    import keras

    from tfgen import data, models
    from tfgen.cli.show import Bar

    _say(3, f"model.fit(...): one epoch on 2000 real images, measured on {len(held_out)} others.")
    if isinstance(model, models.AdversarialModel):
        makers = {
            f"{player}_optimizer": keras.optimizers.Adam(LEARNING_RATE, beta_1=0.5) for player in ("generator", "discriminator")
        }
    else:
        makers = {"optimizer": keras.optimizers.Adam(LEARNING_RATE)}
    model.compile(**makers)
    dataset = data.load(DATA, "train", view=view, batch_size=BATCH)
    before = model.evaluate(held_out, verbose=0, batch_size=250, return_dict=True)
    with Bar(lines=False) as bar:
        model.fit(dataset, verbose=0, callbacks=[_progress(bar, int(dataset.cardinality()))])
    after = model.evaluate(held_out, verbose=0, batch_size=250, return_dict=True)
    metric = next(name for name in ("elbo", "nll", "loss") if name in before)
    unit = "" if metric == "loss" else " nats an image"
    print(f"     {metric}: {before[metric]:.2f} before, {after[metric]:.2f} after{unit}", flush=True)
    print("     (it knew such images before, so little changes: your own data goes in the same way)", flush=True)
    return {"metric": metric, "before": float(before[metric]), "after": float(after[metric]), "images": 2000}


def _progress(bar: Any, steps: int) -> Any:
    """A callback that moves a bar with each step."""
    import keras

    def move(batch: int, logs: dict[str, Any]) -> None:
        bar("training", batch + 1, steps, "  ".join(f"{name} {float(value):.4g}" for name, value in logs.items()))

    return keras.callbacks.LambdaCallback(on_train_batch_end=move)


def _export(model: Any, directory: Path, name: str) -> Path:
    from tfgen import export

    _say(4, f'tfgen.export.saved_model(model, "{directory}"): a SavedModel for TensorFlow Serving.')
    folder = export.saved_model(model, directory)
    _wrote(folder)
    _wrote(export.serving_kit(directory, name=export.served_name(name)))
    return folder


def _serve_and_compare(model: Any, directory: Path) -> dict[str, float]:
    """Asks a server on this machine for the same seeds, over both protocols."""
    from tfgen import pictures
    from tfgen.serving import Client, Server

    _say(5, "tfgen.serving.Server: REST and gRPC on this machine, on free ports.")
    expected = model.sample(ASKED, seed=SEED)
    answers = {}
    with Server(directory / "model", rest_port=0, grpc_port=0, poll_seconds=60.0) as server:
        for protocol, port in (("rest", server.rest_port), ("grpc", server.grpc_port)):
            with Client("127.0.0.1", model="model", protocol=protocol, rest_port=port, grpc_port=port) as client:
                start = time.monotonic()
                answers[protocol] = client.sample(ASKED, seed=SEED)
                print(f"     {protocol}: {ASKED} pictures of seed {SEED} in {time.monotonic() - start:.2f} s", flush=True)
    _wrote(pictures.save_grid(answers["rest"], directory / "samples-over-rest.png"))
    _say(6, "Are they Python's own pictures?")
    differences = {protocol: float(np.abs(answer - expected).max()) for protocol, answer in answers.items()}
    for protocol, difference in differences.items():
        print(f"     largest difference over {protocol}: {difference:.1g}", flush=True)
    if max(differences.values()) > LARGEST_DIFFERENCE:
        raise ValueError(
            f"Expected the server to draw Python's own pictures, to within {LARGEST_DIFFERENCE}. "
            f"Received: differences {differences}"
        )
    return differences


def _say_what_next(name: str, directory: Path, seconds: float) -> None:
    commands = {
        f"tfgen serve {directory}/model": "serve what you have just exported",
        f"docker compose -f {directory}/model/serving/compose.yaml up": "the same behind TensorFlow Serving",
        "tfgen list": "the other models of the zoo",
        f"tfgen show {name}": "how this one was trained, and its numbers",
        f"tfgen train {name}": "train it again, from nothing",
    }
    width = max(map(len, commands))
    lines = [f"  {command:{width}}  {what}" for command, what in commands.items()]
    print(
        f"\nDone in {seconds:.0f} seconds. The pictures: samples.png, real.png (below each row, what the model makes of it), "
        f"samples-fine-tuned.png and samples-over-rest.png in {directory}.\n\nWhat next:\n"
        + "\n".join(lines)
        + "\n\nIn Python:\n"
        f'  import tfgen\n  model = tfgen.zoo.load("{name}")\n  images = model.sample(16, seed=0)'
    )
