"""Runs what the documentation shows: the README's Python blocks and commands, and the examples of all docstrings."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT, is_module, sources
from tfgen.zoo import scoreboard

README = (ROOT / "README.md").read_text()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WITH_EXAMPLES = [source.module for source in sources("tfgen") if ">>> " in source.text]
# the examples of one module share nothing with those of another
EXAMPLES = [pytest.param(name, id=name, marks=pytest.mark.group(f"examples of {name}")) for name in WITH_EXAMPLES]

# Runs the blocks one after another in one namespace, and says which one failed.
RUNNER = """
import json, sys, time, traceback
space = {"__name__": "__main__"}
for number, (line, code) in enumerate(json.load(sys.stdin), 1):
    start = time.time()
    try:
        exec(compile("\\n" * line + code, "README.md", "exec"), space)
    except BaseException:
        traceback.print_exc()
        sys.exit(f"Block {number} of README.md, line {line + 1}, failed:\\n{code}")
    print(f"block {number}: {time.time() - start:.1f} s", file=sys.stderr)
"""


def blocks(language: str) -> list[tuple[int, str]]:
    """Lists the fenced blocks of a language as (lines before it, text)."""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [(README[: match.start(1)].count("\n"), match.group(1)) for match in found]


def command(name: str) -> str:
    """Returns the command under the marker `<!-- command: name -->`."""
    (found,) = re.findall(rf"^<!-- command: {name} -->\n```sh\n(.+)\n```$", README, re.MULTILINE)
    return found


def test_the_readmes_python_runs(tmp_path: Path):
    shown = blocks("python")
    assert len(shown) >= 5
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "error::FutureWarning:tfgen",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(shown), cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]


def test_the_readmes_commands_exist(capsys: pytest.CaptureFixture[str]):
    from tfgen.cli import main

    shown = {match for _, text in blocks("sh") for match in re.findall(r"(?:^|/)tfgen ([a-z]+)", text, re.MULTILINE)}
    assert {"quickstart", "list", "serve", "train", "verify"} <= shown
    for name in sorted(shown):
        with pytest.raises(SystemExit) as end:
            main([name, "--help"])
        assert end.value.code in (0, None), name
        assert name in capsys.readouterr().out


def test_the_readme_never_installs_another_projects_package():
    assert re.search(r"pip install (-\S+ )*tfgen\b(?!-zoo)", README) is None


def test_the_two_commands_are_those_that_ci_runs():
    assert command("quickstart") == "python3 -m venv .venv && .venv/bin/pip install '.[serving]' && .venv/bin/tfgen quickstart"
    assert command("tests").endswith(" && .venv/bin/python -m pytest")
    script = (ROOT / ".ci" / "run").read_text()
    # CI takes the command out of the README by its marker and cuts it before the last step
    assert "<!-- command: tests -->" in script
    assert "pip install" not in script and "pytest" not in re.sub(r"^#.*$", "", script, flags=re.MULTILINE)


def test_the_scoreboard_shows_the_zoos_numbers():
    table = README.split(scoreboard.BEGIN)[1].split(scoreboard.END)[0].strip()
    assert table == scoreboard.render_scoreboard(), "Run `tfgen scoreboard --write README.md`."


def test_links_lead_somewhere():
    found = re.findall(r"\]\((?!https?://|#)([^)#]+)\)", README)
    assert [target for target in found if not (ROOT / target).exists()] == []
    assert found


def test_names_in_the_readme_exist():
    """Every `tfgen.x.y` that stands in backquotes is a name of the library."""
    import tfgen

    missing = []
    for name in sorted(set(re.findall(r"`(tfgen(?:\.[A-Za-z_]\w*)+)", README))):
        value = tfgen
        for depth, part in enumerate(name.split(".")[1:], 2):
            prefix = ".".join(name.split(".")[:depth])
            value = importlib.import_module(prefix) if is_module(prefix) else getattr(value, part, None)
        if value is None:
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)  # an example that writes files leaves none in the tree
    module = importlib.import_module(name)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
