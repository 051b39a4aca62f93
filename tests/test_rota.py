"""Whether ten turns run every slow test once, the same ones however a run is started."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import rota
from tests.runs import run, write_tests

NAMES = [f"tests/test_contract.py::test_contract[case-{case}-line-{line}]" for case in range(40) for line in range(25)]
SLOW = """
import pathlib, pytest
def test_fast():
    pathlib.Path("ran fast").touch()
@pytest.mark.slow
@pytest.mark.parametrize("number", range(30))
def test_slow(number):
    pathlib.Path(f"ran {number}").touch()
"""


def test_ten_turns_run_every_test_once():
    turns = [{name for name in NAMES if rota.is_due(name, turn)} for turn in range(7, 17)]
    assert Counter(name for chosen in turns for name in chosen) == Counter(NAMES)
    assert {name for name in NAMES if rota.is_due(name, 17)} == turns[0]
    # a tenth is about a tenth: six standard deviations of a binomial draw
    assert all(abs(len(chosen) - 100) < 6 * 9.5 for chosen in turns)


def test_a_test_that_comes_or_goes_moves_no_other():
    # by its name alone, whatever the process: these numbers were worked out once
    assert [rota.share(f"tests/test_a.py::test_{letter}") for letter in "abcdef"] == [9, 5, 2, 5, 1, 3]


def test_the_counter_moves_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    counter = tmp_path / "rota.json"
    counter.write_text('{"turn": 9}\n')
    assert rota.move_on(counter) == rota.read(counter) == 10
    assert counter.read_text() == '{"turn": 10}\n'
    assert rota.read() >= 0
    with pytest.raises(SystemExit, match="Expected nothing or `next`"):
        rota.main(["back"])
    rota.main([])
    assert capsys.readouterr().out == f"{rota.read()}\n"


def ran(folder: Path, *arguments: str) -> set[str]:
    """Runs pytest and says which tests of `SLOW` have left their mark."""
    printed = run(folder, *arguments)
    assert ("slow tests: turn 13, share 3 of 0 to 9" in printed) == ("--turn=13" in arguments)
    found = {path.name.removeprefix("ran ") for path in folder.glob("ran *")}
    for path in folder.glob("ran *"):
        path.unlink()
    return found


def test_a_run_adds_the_share_whose_turn_it_is(tmp_path: Path):
    write_tests(tmp_path, test_some=SLOW)
    due = {str(n) for n in range(30) if rota.is_due(f"small/test_some.py::test_slow[{n}]", 3)}
    assert 0 < len(due) < 30
    assert ran(tmp_path, "--turn=3", "-n", "0") == {"fast", *due}
    assert ran(tmp_path, "--turn=13", "-n", "2") == {"fast", *due}
    assert ran(tmp_path, "--turn=3", "-n", "0", "--rota") == due
    assert ran(tmp_path, "--turn=3", "-n", "2", "-m", "slow") == {str(n) for n in range(30)}
    assert ran(tmp_path, "--turn=3", "-n", "0", "-m", "not slow") == {"fast"}


IN_TURN = """
import pathlib, pytest
@pytest.mark.in_turn
@pytest.mark.parametrize("model", ["one", "two", "three"])
def test_of_several(model):
    pathlib.Path(f"ran {model}").touch()
"""


def test_a_test_in_turn_runs_over_the_next_parameter_and_its_share_of_the_others(tmp_path: Path):
    write_tests(tmp_path, test_in_turn=IN_TURN)
    names = ["one", "two", "three"]
    shares = [rota.share(f"small/test_in_turn.py::test_of_several[{name}]") for name in names]
    for turn in range(3):
        run(tmp_path, f"--turn={turn}")
        due = {name for name, share in zip(names, shares, strict=True) if share == turn}
        assert {path.name.removeprefix("ran ") for path in tmp_path.glob("ran *")} == due | {names[turn]}
        for path in tmp_path.glob("ran *"):
            path.unlink()
    run(tmp_path, "-m", "slow")
    assert len([*tmp_path.glob("ran *")]) == len(names)


class Marked(NamedTuple):
    """As much of a test as the rota looks at."""

    nodeid: str
    mark: Any

    def get_closest_marker(self, name: str) -> Any:
        return self.mark if name == "in_turn" else None


def test_every_third_of_a_name_comes_to_its_turn_once_in_three():
    mark = pytest.mark.in_turn(name="line", every=3).mark
    items: Any = [Marked(f"test[{case}]", mark) for case in range(10)]
    turns = [rota.next_ones(items, turn) for turn in (6, 7, 8)]
    assert [len(chosen) for chosen in turns] == [4, 3, 3]
    assert set.union(*turns) == {item.nodeid for item in items}
