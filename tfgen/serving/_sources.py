"""Where models and their versions stand on disk, and which versions a policy wants served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfgen import checks
from tfgen.serving._loaded import MODEL_FILE
from tfgen.serving._tensors import serving_api
from tfgen.serving.errors import ServingError, invalid

MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class ModelSource:
    """A model's folder of versions and what to serve of it.

    Args:
      name: the model's name in requests.
      base_path: the folder that holds `<version>/saved_model.pb`.
      latest: how many of the newest versions to serve; None for all of them.
      specific: the only versions to serve; empty for no such limit.
      labels: version numbers by label.
    """

    name: str
    base_path: Path
    latest: int | None = 1
    specific: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self) -> dict[int, Path]:
        """The versions that are on disk and that the policy asks for, with their folders."""
        found = versions_on_disk(self.base_path)
        if self.specific:
            chosen: Sequence[int] = [version for version in self.specific if version in found]
        else:
            newest_first = sorted(found, reverse=True)
            chosen = newest_first if self.latest is None else newest_first[: self.latest]
        return {version: found[version] for version in chosen}


def versions_on_disk(base_path: Path) -> dict[int, Path]:
    """Folders whose name is a number and that hold a SavedModel. Every other name is someone's work in progress."""
    versions = {}
    try:
        for folder in base_path.iterdir():
            name = folder.name
            if name.isascii() and name.isdigit() and int(name) <= MAX_VERSION and (folder / MODEL_FILE).is_file():
                versions[int(name)] = folder
    except (FileNotFoundError, NotADirectoryError):
        return {}  # deleted between two looks
    return versions


def find_sources(directory: Path, name: str | None) -> list[ModelSource]:
    """The models of a folder: the folder itself when it holds versions, else its folder `name`, or each one that does."""
    if versions_on_disk(directory):
        return [ModelSource(name or directory.name, directory)]
    if name is not None:
        return [ModelSource(name, directory / name)] if versions_on_disk(directory / name) else []
    try:
        folders = sorted(folder for folder in directory.iterdir() if not folder.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [ModelSource(folder.name, folder) for folder in folders if versions_on_disk(folder)]


def check_directory(directory: Path, name: str | None) -> list[ModelSource]:
    """Finds the models of a folder, or says in one sentence why there are none."""
    expected = f"Expected a folder that holds <version>/{MODEL_FILE} or <model>/<version>/{MODEL_FILE}."
    if not directory.is_dir():
        raise ValueError(f"{expected} Received: directory={str(directory)!r}, which is not a folder.")
    checks.plain_path(directory, "directory")
    if (directory / MODEL_FILE).is_file():
        raise ValueError(
            f"{expected} Received: directory={str(directory)!r}, which is itself one version. Pass the folder above it, "
            "and let its name be a number."
        )
    sources = find_sources(directory, name)
    if not sources:
        raise ValueError(
            f"{expected} Received: directory={str(directory)!r}, name={name!r}, which holds none. "
            "Write one with `tfgen export NAME DIRECTORY` or `tfgen.export.saved_model(model, directory)`."
        )
    return sources


def read_config_file(file: Path, directory: Path) -> list[ModelSource]:
    """Reads a `models.config`."""
    text_format = serving_api("google.protobuf.text_format")
    config = serving_api("tensorflow_serving.config.model_server_config_pb2").ModelServerConfig()
    try:
        text_format.Parse(file.read_text(encoding="utf-8"), config)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ValueError(
            f"Expected a file with a model_config_list. Received: model_config_file={str(file)!r}: {error}"
        ) from error
    return sources_of_config(config, directory)


def sources_of_config(config: Any, directory: Path) -> list[ModelSource]:
    """Reads a `ModelServerConfig` message, refusing what TensorFlow Serving refuses."""
    if config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
        )
    sources: dict[str, ModelSource] = {}
    for model in config.model_config_list.config:
        if model.name in sources:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        if not Path(model.base_path).is_absolute():
            raise invalid(f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}")
        sources[model.name] = _source_of(model, directory)
    for source in sources.values():
        for version in source.labels.values():
            if version not in source.wanted():
                raise ServingError(
                    "FAILED_PRECONDITION",
                    f"Request to assign label to version {version} of model {source.name}, "
                    "which is not currently available for inference",
                )
    return list(sources.values())


def _source_of(model: Any, directory: Path) -> ModelSource:
    try:
        checks.plain_path(model.base_path, "base_path")
    except ValueError as error:
        raise invalid(str(error)) from error
    policy = model.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    latest = None if kind == "all" else max(policy.latest.num_versions, 1)
    return ModelSource(
        model.name,
        _local_path(Path(model.base_path), directory),
        latest,
        tuple(sorted(policy.specific.versions)) if kind == "specific" else (),
        dict(model.version_labels),
    )


def _local_path(base_path: Path, directory: Path) -> Path:
    """The folder that a configuration written for a container means here: `/models/vae` is `directory/vae` or `directory`."""
    if base_path.is_dir():
        return base_path
    if (directory / base_path.name).is_dir():
        return directory / base_path.name
    return directory if directory.name == base_path.name else base_path
