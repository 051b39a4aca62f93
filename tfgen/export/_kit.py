"""The serving kit: renders the templates of `export/` for one exported model."""

from __future__ import annotations

import os
import re
import string
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfgen import checks, paths, reading, writing
from tfgen.export._versions import existing_versions

__all__ = ["served_name", "serving_kit"]

_FOLDER = "serving"  # not an integer, so a server that polls the model's folder passes over it
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")  # a DNS label of Kubernetes, with room for a suffix
_IMAGE = re.compile(r"[\w.:/@-]+")
_CLIENT_OUTPUTS = (  # what the example clients ask for, the best first: signature, output, file name ending
    ("sample_png", "image_bytes", ".png"),
    ("sample_wav", "audio_bytes", ".wav"),
    ("sample", None, ".json"),
)


class _Template(string.Template):
    """`string.Template` with @{name}: the dollar belongs to shell and JavaScript."""

    delimiter = "@"


def serving_kit(
    directory: str | os.PathLike[str],
    *,
    name: str | None = None,
    image: str = "tensorflow/serving:2.20.0",
    rest_port: int = 8501,
    grpc_port: int = 8500,
    max_batch_size: int = 32,
    labels: Mapping[str, int] | None = None,
) -> Path:
    """Writes beside an exported model what starts the real TensorFlow Serving on the same folder.

    `directory/serving/` gets `compose.yaml`, `models.config`, `batching.config`, `monitoring.config`, `kubernetes.yaml`,
    `kserve.yaml`, a README, and example clients (Python over REST and gRPC, JavaScript, shell) for models that draw samples.
    Files of those names are replaced; others are left alone.

    Args:
      directory: a folder that `tfgen.export.saved_model` has written a version into.
      name: what the server calls the model: lower-case letters, digits and hyphens; None takes the folder's name.
      image: container image with its tag, the newest 2.x of at least 2.19. The official images are for amd64 only.
      rest_port: port of the host for REST.
      grpc_port: port of the host for gRPC.
      max_batch_size: rows that the server merges into one run at most, at least 1.
      labels: label -> version; the server then loads the labelled versions, and not the newest one.

    Returns:
      folder: `directory/serving`.

    Raises:
      TypeError: a port, size or version is not an integer.
      ValueError: no exported version in `directory`, or an argument out of its range.

    Example:
      >>> import tempfile
      >>> from tfgen.export import serving_kit
      >>> serving_kit(tempfile.mkdtemp())
      Traceback (most recent call last):
      ...
      ValueError: `directory` must hold a version written by `tfgen.export.saved_model`. Received: ...
    """
    directory = checks.plain_path(directory, "directory")
    description = _newest_description(directory)
    for argument, value in (("rest_port", rest_port), ("grpc_port", grpc_port), ("max_batch_size", max_batch_size)):
        _check_integer(argument, value, 65535)
    if not _IMAGE.fullmatch(image) or ":" not in image.rpartition("/")[2]:
        raise ValueError(f"`image` must be a container image with its tag. Received: image={image!r}")
    values: dict[str, Any] = {
        "name": served_name(directory, name),
        "image": image,
        "image_tag": image.rpartition(":")[2],
        "rest_port": rest_port,
        "grpc_port": grpc_port,
        "max_batch_size": max_batch_size,
        "allowed_batch_sizes": _allowed_batch_sizes(max_batch_size),
        "version_policy": _version_policy(directory, labels),
    }
    return _write(directory / _FOLDER, _rendered(values, _client_values(description["signatures"])))


def _newest_description(directory: Path) -> dict[str, Any]:
    """What the newest version says about itself."""
    versions = existing_versions(directory)
    path = directory / str(versions[-1] if versions else "1") / "assets.extra" / "tfgen.json"
    if not path.is_file():
        raise ValueError(
            "`directory` must hold a version written by `tfgen.export.saved_model`. Received: "
            f"directory={str(directory)!r} with versions {versions}"
        )
    return reading.read_json(path, "what `tfgen.export.saved_model` says of a version")


def _check_integer(argument: str, value: Any, largest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"`{argument}` must be an integer. Received: {argument}={value!r}")
    if not 1 <= value <= largest:
        raise ValueError(f"`{argument}` must lie in [1, {largest}]. Received: {argument}={value}")


def served_name(directory: str | os.PathLike[str], name: str | None = None) -> str:
    """Checks or chooses what a server calls a model.

    Args:
      directory: the folder of all its versions, which need not be there yet.
      name: lower-case letters, digits and hyphens; None makes such a name of the folder's.

    Returns:
      name: as Kubernetes takes it.

    Raises:
      ValueError: another name.

    Example:
      >>> from tfgen.export import served_name
      >>> served_name("models/My VAE")
      'my-vae'
    """
    if name is None:
        made = re.sub(r"[^a-z0-9]+", "-", Path(directory).resolve().name.lower()).strip("-")[:50].strip("-")
        name = made if made[:1].isalpha() else f"model-{made}".strip("-")
    if not _NAME.fullmatch(name):
        raise ValueError(
            "`name` must be at most 50 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen, "
            f"as Kubernetes asks. Received: name={name!r}"
        )
    return name


def _allowed_batch_sizes(max_batch_size: int) -> str:
    """Powers of two, and the largest size itself: a batch is padded to the next of them."""
    sizes = [2**power for power in range(max_batch_size.bit_length()) if 2**power < max_batch_size] + [max_batch_size]
    return "\n".join(f"allowed_batch_sizes: {size}" for size in sizes)


def _version_policy(directory: Path, labels: Mapping[str, int] | None) -> str:
    if not labels:
        return "model_version_policy { latest { num_versions: 1 } }"
    versions = existing_versions(directory)
    for label, version in labels.items():
        if not re.fullmatch(r"[\w.-]+", label) or version not in versions:
            raise ValueError(f"`labels` must map words to versions among {versions}. Received: labels={dict(labels)}")
    chosen = " ".join(f"versions: {version}" for version in sorted(set(labels.values())))
    lines = [f"model_version_policy {{ specific {{ {chosen} }} }}"]
    lines += [f'version_labels {{ key: "{label}" value: {version} }}' for label, version in labels.items()]
    return "\n    ".join(lines)


def _client_values(signatures: Mapping[str, Any]) -> dict[str, str] | None:
    """What the example clients ask for; None for a model that draws nothing from a seed and a label alone."""
    for signature, output, ending in _CLIENT_OUTPUTS:
        inputs = signatures.get(signature, {}).get("inputs", {})
        if "seed" in inputs and set(inputs) <= {"seed", "label"}:
            output = output or next(iter(signatures[signature]["outputs"]))
            takes_label = "yes" if "label" in inputs else "no"
            return {"signature": signature, "output": output, "ending": ending, "takes_label": takes_label}
    return None


def _rendered(values: dict[str, Any], client: dict[str, str] | None) -> dict[str, str]:
    """Fills every template: file name -> text. The Kubernetes manifest embeds the finished configuration files."""
    folder = paths.export_folder() / "templates"
    # an installer compiles the Python clients and leaves the result beside them
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    rendered: dict[str, str] = {}
    for name in sorted(names, key=lambda name: not name.endswith(".config")):
        if name.startswith("clients/") and client is None:
            continue
        embedded = {key.replace(".", "_"): textwrap.indent(text, "    ").rstrip() for key, text in rendered.items()}
        text = (folder / name).read_text(encoding="utf-8")
        rendered[name] = _Template(text).substitute({**embedded, **values, **(client or {})})
    return rendered


def _write(folder: Path, rendered: Mapping[str, str]) -> Path:
    """Writes all files; a running server has the folder mounted, so an old one stays the same folder."""
    with writing.whole_files(folder) as aside:
        for name, text in rendered.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_text(text, encoding="utf-8")
    return folder
