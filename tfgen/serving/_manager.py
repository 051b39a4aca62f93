"""Which versions of which models are loaded: polls folders, loads the new before it unloads the old."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tfgen.serving._loaded import LoadedModel
from tfgen.serving._sources import ModelSource
from tfgen.serving.errors import ServingError, invalid

logger = logging.getLogger("tfgen.serving")


@dataclass(frozen=True)
class VersionState:
    """What became of one version: START, LOADING, AVAILABLE, UNLOADING or END, and the error that ended it."""

    state: str
    error_code: str = "OK"
    error_message: str = ""


@dataclass
class _Model:
    """The versions of one model. `loaded` and `states` are replaced, never changed: readers take no lock."""

    source: ModelSource
    loaded: dict[int, LoadedModel] = field(default_factory=dict)
    states: dict[int, VersionState] = field(default_factory=dict)
    failed: dict[int, tuple] = field(default_factory=dict)

    def set_state(self, version: int, state: VersionState) -> None:
        self.states = {**self.states, version: state}


class ModelManager:
    """Keeps what is loaded in step with what is on disk.

    Args:
      find_sources: looks for the models to serve; called at every poll.
    """

    def __init__(self, find_sources: Callable[[], list[ModelSource]]):
        self._find_sources = find_sources
        self._models: dict[str, _Model] = {}
        self._changes = threading.Lock()  # one poll or reload at a time
        self._stopped = threading.Event()
        self._poller: threading.Thread | None = None

    def poll(self) -> None:
        """Looks once: loads what is new, unloads what is gone."""
        with self._changes:
            self._follow(self._find_sources())

    def reload(self, sources: list[ModelSource]) -> None:
        """Serves exactly these models from now on, and loads them before it returns."""
        with self._changes:
            self._find_sources = lambda: sources
            self._follow(sources)
        missing = [source.name for source in sources if not self._models[source.name].loaded]
        if missing:
            raise ServingError("UNKNOWN", f"{len(missing)} model(s) did not become available: {{{', '.join(missing)}}}")

    def start_polling(self, seconds: float) -> None:
        """Polls in a thread of its own until `stop`."""
        self._poller = threading.Thread(
            target=self._poll_until_stopped, args=(seconds,), name="tfgen-serving-poll", daemon=True
        )
        self._poller.start()

    def _poll_until_stopped(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            try:
                self.poll()
            except Exception:  # a poll that failed must not end the polling
                logger.exception("Could not look for new versions")

    def stop(self) -> None:
        """Ends the polling and unloads everything."""
        self._stopped.set()
        if self._poller is not None:
            self._poller.join()
        with self._changes:
            for model in self._models.values():
                self._unload(model, set(model.loaded))

    def _follow(self, sources: list[ModelSource]) -> None:
        listed = {source.name: source for source in sources}
        for name, source in listed.items():
            if name not in self._models:
                self._models = {**self._models, name: _Model(source)}
            self._models[name].source = source
        for name, model in self._models.items():
            wanted = model.source.wanted() if name in listed else {}
            for version, path in wanted.items():
                if version not in model.loaded:
                    self._load(model, version, path)
            # The old version answers until a new one can.
            if not wanted or any(version in model.loaded for version in wanted):
                self._unload(model, model.loaded.keys() - wanted.keys())

    def _load(self, model: _Model, version: int, path: Path) -> None:
        """Loads a version; one that cannot be loaded is tried again only when its files have changed."""
        fingerprint = _fingerprint(path)
        if model.failed.get(version) == fingerprint:
            return
        model.set_state(version, VersionState("LOADING"))
        try:
            loaded = LoadedModel(path)
        except Exception as error:  # any: a file on disk must not take the server down
            model.failed[version] = fingerprint
            code, message = (
                (error.code, error.message) if isinstance(error, ServingError) else ("UNKNOWN", str(error) or repr(error))
            )
            model.set_state(version, VersionState("END", code, message))
            logger.warning("Could not load version %d of model %s from %s: %s", version, model.source.name, path, message)
            return
        model.failed.pop(version, None)
        model.loaded = {**model.loaded, version: loaded}
        model.set_state(version, VersionState("AVAILABLE"))
        logger.info("Loaded version %d of model %s", version, model.source.name)

    def _unload(self, model: _Model, versions: set[int]) -> None:
        """Drops versions; requests that run hold their own reference and finish."""
        for version in versions:
            model.set_state(version, VersionState("UNLOADING"))
            model.loaded = {kept: loaded for kept, loaded in model.loaded.items() if kept != version}
            model.set_state(version, VersionState("END"))
            logger.info("Unloaded version %d of model %s", version, model.source.name)
        if versions:
            gc.collect()  # a SavedModel is full of reference cycles

    def find(self, name: str, version: int | None = None, label: str | None = None) -> tuple[LoadedModel, int]:
        """The loaded version that a request means, and its number."""
        if not name:
            raise invalid("ModelSpec has no name specified.")
        model = self._models.get(name)
        if label is not None:
            labels = model.source.labels if model else {}
            if label not in labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            version = labels[label]
        loaded = model.loaded if model else {}
        if version is None and loaded:
            version = max(loaded)
        if version is None or version not in loaded:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise ServingError("NOT_FOUND", f"Servable not found for request: {wanted}")
        return loaded[version], version

    def status(self, name: str, version: int | None = None) -> dict[int, VersionState]:
        """States of a model's versions, newest first."""
        states = self._models[name].states if name in self._models else {}
        if version is not None:
            if version not in states:
                raise ServingError("NOT_FOUND", f"Could not find version {version} of model {name}")
            return {version: states[version]}
        if not states:
            raise ServingError("NOT_FOUND", f"Could not find any versions of model {name}")
        return dict(sorted(states.items(), reverse=True))

    def available(self) -> dict[str, list[int]]:
        """Loaded version numbers by model name."""
        return {name: sorted(model.loaded) for name, model in sorted(self._models.items())}


def _fingerprint(path: Path) -> tuple:
    """Changes when a file of the folder does."""
    found = []
    for file in sorted(path.rglob("*")):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        found.append((str(file), status.st_size, status.st_mtime_ns))
    return tuple(found)
