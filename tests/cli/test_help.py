"""Help that a newcomer understands, and arguments that cannot be understood."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Start
from tfgen.cli import main
from tfgen.cli.parser import make_parser

COMMANDS = ("list", "show", "sample", "evaluate", "verify", "scoreboard", "train", "export", "serve", "quickstart")


def test_help_lists_every_command_and_where_to_begin(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^    ([a-z]+)\b", shown, re.MULTILINE) == list(COMMANDS)
    assert "tfgen quickstart" in shown


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    assert "tfgen quickstart" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example_that_parses(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    example = shown.split("example:\n  ")[1].strip()
    for command in example.split(" && "):
        words = [word.strip("'") for word in command.split()]
        assert words[0] == "tfgen"
        assert make_parser().parse_args(words[1:]).run is not None
    options = set(re.findall(r"^  (-{1,2}[a-z-]+)", shown, re.MULTILINE))
    assert {"-h", "--debug"} <= options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quikstart"], "invalid choice: 'quikstart' (choose from"),
        (["sample"], "the following arguments are required: NAME"),
        (["sample", "a", "-n", "0"], "expected a whole number, at least 1. Received: 0"),
        (["sample", "a", "--seed", "x"], "invalid int value: 'x'"),
        (["train", "a", "--epochs", "many"], "Received: many"),
        (["serve", "a", "--rest-port", "http"], "invalid int value"),
        (["evaluate", "a", "--view", "colour"], "invalid choice: 'colour'"),
    ],
)
def test_arguments_that_cannot_be_understood(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_help_answers_without_tensorflow(start: Start):
    code = (
        "import sys; sys.argv[0] = 'tfgen'\n"
        "from tfgen.cli import main\n"
        "try: main(['sample', '--help'])\n"
        "except SystemExit as end: code = end.code\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
        "sys.exit(code)"
    )
    process = start("-c", code)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert "tfgen sample vae-fashion-mnist" in out
