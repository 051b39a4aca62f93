"""Which tests run in one process, because they share costly preparations, and which of these groups starts first.

A plugin that `tests/conftest.py` loads. What a group is, `tests/ledger.py` says, which knows what each will take.
xdist's own marked groups will not do: it passes them on inside the names of tests, which pytest no longer lets it change.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import ledger


def dearest_first(groups: Mapping[str, int], known: Mapping[str, ledger.Spent]) -> list[str]:
    """Orders groups, given as name -> number of tests, by the seconds they will take: a dear one that starts last keeps others waiting."""
    return sorted(groups, key=lambda name: (-ledger.expected(name, groups[name], known), name))


class Groups(LoadScopeScheduling):
    """Hands each process whole groups, in the order in which the tests come."""

    def __init__(self, config: pytest.Config, log: Any, group_of_test: Mapping[str, str]) -> None:
        super().__init__(config, log)
        self.group_of_test = group_of_test

    def _split_scope(self, nodeid: str) -> str:
        return self.group_of_test[nodeid]


class Controller:
    """Hears from the processes that run tests, which alone collect them, what belongs together."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="groups-")
        self.group_of_test: dict[str, str] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["groups"] = str(Path(self.folder.name) / f"{node.gateway.id}.json")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        self.group_of_test.update(json.loads(Path(node.workerinput["groups"]).read_text()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Groups | None:
        return Groups(config, log, self.group_of_test) if config.getvalue("dist") == "loadscope" else None

    def pytest_unconfigure(self) -> None:
        self.folder.cleanup()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "group(name): runs in one process with the other tests of this group")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Controller(), "groups of tests")


@pytest.hookimpl(trylast=True)  # of what is left when others have left tests out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):  # one process needs no order
        return
    group_of_test = {item.nodeid: ledger.labels(item)["groups"] for item in items}
    sizes: dict[str, int] = {}
    for name in group_of_test.values():
        sizes[name] = sizes.get(name, 0) + 1
    place = {name: number for number, name in enumerate(dearest_first(sizes, ledger.read()["groups"]))}
    items.sort(key=lambda item: place[group_of_test[item.nodeid]])
    Path(config.workerinput["groups"]).write_text(json.dumps(group_of_test))
