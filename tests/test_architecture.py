"""Enforces the budgets of the house, who may import whom, and what may stand in a file."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import ledger
from tests.house import FUNCTIONS, ROOT, Source, heirs, is_abstract, modules, none_of, sources

MODULE_LINES, MEDIAN_LINES, BODY_LINES = 400, 200, 40
ARGUMENTS, MODEL_ARGUMENTS = 8, 16
MIB = 2**20
WEIGHTS_BYTES, FLAGSHIP_BYTES, ZOO_BYTES = 8 * MIB, 20 * MIB, 150 * MIB

# Who may import whom: a room imports rooms of lower floors only, and its own modules. `tfgen` itself stands above all.
FLOORS = (
    {"checks", "reading", "writing"},
    {"audio", "random", "paths", "precision", "pictures"},
    {"layers", "distributions"},
    {"networks", "objectives", "metrics", "data"},
    {"models"},
    {"callbacks"},
    {"testing"},  # the conformance suite tests the callbacks too
    {"zoo", "export", "serving"},
    {"cli"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# What `import tfgen` must not load beyond what TensorFlow and Keras load themselves: each costs time.
HEAVY = (
    "tensorflow_probability",
    "tf_keras",
    "tensorflow_datasets",
    "tensorflow_serving",
    "grpc",
    "matplotlib",
    "scipy",
    "asyncio",
    "yaml",
)

TREES = ("tfgen", "tests", "benchmarks")
EVERYTHING = [source for folder in TREES for source in sources(folder)] + [Source(ROOT / "setup.py")]
CARD_FILES = ("README.md", "recipe.yaml", "model.keras", "metrics.json", "history.csv", "samples.png")

# A test that silently stops being collected proves nothing any more. This is 0.97 of the real number, and follows it: more than a
# tenth above it is too many, so that a new room's tests are counted in.
FEWEST_TESTS = 4594


def test_modules_are_short():
    lines = {source.place: source.text.count("\n") for source in EVERYTHING}
    none_of(
        (f"{place}: {count}" for place, count in lines.items() if count > MODULE_LINES),
        f"A module has at most {MODULE_LINES} lines.",
    )
    ours = [count for place, count in lines.items() if place.startswith("tfgen/") and count > 0]
    assert statistics.median(ours) < MEDIAN_LINES


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Counts the lines of a body, its docstring off."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_function_bodies_are_short():
    found = [
        f"{source.place}:{function.lineno} {function.name}: {_body_lines(function)}"
        for source in EVERYTHING
        for function, _ in source.functions()
        if _body_lines(function) > BODY_LINES
    ]
    none_of(found, f"A function's body has at most {BODY_LINES} lines.")


def _is_final(cls: ast.ClassDef | None) -> bool:
    return cls is not None and any(ast.unparse(decorator) in ("final", "typing.final") for decorator in cls.decorator_list)


def test_functions_have_few_arguments():
    found = []
    for source in EVERYTHING:
        for function, cls in source.functions():
            given = function.args
            names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            constructs_model = function.name == "__init__" and _is_final(cls) and source.module.startswith("tfgen.models.")
            if count > (MODEL_ARGUMENTS if constructs_model else ARGUMENTS):
                found.append(f"{source.place}:{function.lineno} {function.name}: {count}")
    none_of(found, f"A function has at most {ARGUMENTS} arguments, a model's constructor {MODEL_ARGUMENTS}.")


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _is_upward(source: Source, target: str) -> bool:
    """Whether an import leaves a room for anything but a lower floor."""
    here, there = _room(source.module), _room(target)
    if not here or here == there:
        return False
    return not there or FLOOR_OF[there] >= FLOOR_OF[here]


def test_every_room_has_a_floor():
    assert {_room(source.module) for source in sources("tfgen")} - {""} <= set(FLOOR_OF)


def test_imports_run_downward():
    found = [
        f"{source.place} imports {target}"
        for source in sources("tfgen")
        for target in source.imports()
        if target.split(".")[0] == "tfgen" and _is_upward(source, target)
    ]
    none_of(found, "A room imports lower floors only.")


# A command imports what it needs when it needs it.
LATE_IMPORTS = ("tfgen/cli/",)


def _late_imports(source: Source, tree: ast.AST | None = None) -> set[str]:
    """Finds the modules of a source's own room that it imports inside functions."""
    functions = [node for node in ast.walk(tree or source.tree) if isinstance(node, FUNCTIONS)]
    found = {target for function in functions for target in source.imports(function)}
    return {target for target in found if target.split(".")[0] == "tfgen" and _room(target) == _room(source.module)}


def test_no_circle_of_imports_is_closed_inside_a_function():
    source = next(source for source in sources("tfgen") if source.module == "tfgen.data.memory")
    late = ast.parse(
        "import os\nfrom tfgen.data import idx\ndef f():\n    from tfgen.data import loading\n    from tfgen import audio"
    )
    assert _late_imports(source, late) == {"tfgen.data.loading"}
    found = [
        f"{source.place} imports {target}"
        for source in sources("tfgen")
        if not source.place.startswith(LATE_IMPORTS)
        for target in sorted(_late_imports(source))
    ]
    none_of(found, "Modules of one room import each other at the top, so that who is built on whom can be seen.")


def test_the_library_imports_neither_tests_nor_benchmarks():
    found = [
        f"{source.place} imports {target}"
        for source in sources("tfgen")
        for target in source.imports()
        if target.split(".")[0] in TREES[1:]
    ]
    none_of(found, "The library imports neither tests nor benchmarks.")


def test_private_modules_stay_in_their_room():
    found = []
    for source in sources("tfgen"):
        for target in source.imports():
            parts = target.split(".")
            private = next((number for number, part in enumerate(parts) if part.startswith("_") and number), None)
            if parts[0] == "tfgen" and private is not None and not source.module.startswith(".".join(parts[:private])):
                found.append(f"{source.place} imports {target}")
    none_of(found, "A module whose name begins with an underscore is imported in its own package only.")


def test_importing_tfgen_loads_nothing_heavy():
    rooms = sorted({f"tfgen.{_room(source.module)}" for source in sources("tfgen")} - {"tfgen."})
    code = (
        "import importlib, sys, json, tensorflow, keras; before = set(sys.modules); import tfgen\n"
        f"for room in {rooms}: importlib.import_module(room)\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert sorted(loaded & set(HEAVY)) == []


def test_every_file_says_what_it_is():
    silent = [source.place for source in EVERYTHING if source.text.strip() and ast.get_docstring(source.tree) is None]
    none_of(silent, "A file's first line says what it is.")
    ours = [
        source.place
        for source in sources("tfgen")
        if source.text.strip() and "from __future__ import annotations" not in source.text
    ]
    none_of(ours, "Every module of the library begins with `from __future__ import annotations`.")


def test_the_library_checks_by_exceptions_not_by_assert():
    found = [
        f"{source.place}:{node.lineno}"
        for source in sources("tfgen")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assert)
    ]
    none_of(found, "The library raises ValueError or TypeError; `assert` is for tests.")


def _identifiers(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                names.add(value)
    return names


def test_names_are_full_words():
    short = re.compile(r"(^|_)(mu(?!_law)|mus|logvar|log_var|recon|img|imgs|lbl|msk)(_|$)")
    found = [
        f"{source.place}: {name}" for source in EVERYTHING for name in sorted(_identifiers(source.tree)) if short.search(name)
    ]
    none_of(found, "Names are full words: loc, scale, log_scale, reconstruction, images.")


def _texts() -> list[Path]:
    """Lists every text file of the tree but the licence."""
    endings = {".py", ".md", ".yaml", ".toml", ".json", ".sh", ".mjs", ".config", ".csv"}
    found = [path for folder in (*TREES, "zoo", "export", ".ci") for path in (ROOT / folder).rglob("*")]
    found += [ROOT / name for name in ("README.md", "CHANGELOG.md", "setup.py", "pyproject.toml")]
    return [
        path
        for path in found
        if path.is_file() and (path.suffix in endings or path.parent.name == ".ci") and path != Path(__file__).resolve()
    ]


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("unfinished work", r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError\b(\(\))?$"),
        ("a path of one machine", r"(?<![\w.])/(work|home|root|tmp/\w|Users)\b(?!/app)"),
        ("a test that does not count", r"pytest\.(mark\.)?(skip|xfail|importorskip)|unittest\.skip"),
    ],
)
def test_no_file_holds(what: str, pattern: str):
    expression = re.compile(pattern, re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _texts()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if expression.search(line)
    ]
    none_of(found, f"No file holds {what}.")


def test_concrete_models_are_final_and_bases_are_abstract():
    from tfgen.models.base import GenerativeModel

    modules()
    concrete = [cls for cls in heirs(GenerativeModel) if not is_abstract(cls)]
    none_of((cls.__qualname__ for cls in concrete if not vars(cls).get("__final__")), "A concrete model is `typing.final`.")
    assert concrete
    assert is_abstract(GenerativeModel)


# Private names of other libraries that have no public way to the same thing.
FOREIGN_PRIVATE = {
    "_exit": "os: ends a child process at once, without handlers",
    "_flatten_layers": "Keras: layers inside layers; `layers` lists the outermost only",
    "_get_control_flow_context": "TensorFlow: whether an operation is built inside a loop",
    "_inbound_nodes": "Keras: which layer feeds which, to say where NaN came from",
    "_non_trainable_variables": "Keras: variables of a layer without those of its sublayers",
    "_seed_generators": "Keras: it does not save their states",
    "_trainable_variables": "Keras: variables of a layer without those of its sublayers",
}


def _private_names(tree: ast.AST) -> set[str]:
    """Names with an underscore that a file gives to functions, classes and attributes."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return {name for name in found if name.startswith("_")}


def _private_uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields (line, name) of every private attribute that a file asks of anything but `self`, `cls` and `super()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner, name = node.value, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr"):
            owner, name = node.args[0], node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
        else:
            continue
        if re.match(r"_(?!_)", str(name)) and ast.unparse(owner) not in ("self", "cls", "super()", "type(self)"):
            yield node.lineno, str(name)


def test_private_members_stay_in_their_room():
    own: dict[str, set[str]] = {}
    for source in sources("tfgen"):
        own.setdefault(_room(source.module), set()).update(_private_names(source.tree))
    uses = [(source, line, name) for source in sources("tfgen") for line, name in _private_uses(source.tree)]
    none_of(
        (
            f"{source.place}:{line} {name}"
            for source, line, name in uses
            if name not in own[_room(source.module)] and name not in FOREIGN_PRIVATE
        ),
        "A private member is used in its own room only: make it public, or ask for something public.",
    )
    assert set(FOREIGN_PRIVATE) <= {name for _, _, name in uses}


def _collected(config: pytest.Config) -> list[str]:
    """Names all tests: those that this run has collected, if it was not told what to run; or else those that such a run would."""
    if ledger.is_whole(config):
        return config.stash[ledger.COLLECTED]
    options = ["--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-m", "slow or not slow"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_every_test_file_is_collected(pytestconfig: pytest.Config):
    tests = _collected(pytestconfig)
    with_tests = {
        source.place
        for source in sources("tests")
        if any(isinstance(node, FUNCTIONS) and node.name.startswith("test_") for node in ast.walk(source.tree))
    }
    assert with_tests - {test.split("::")[0] for test in tests} == set()
    assert FEWEST_TESTS <= len(tests) <= 1.1 * FEWEST_TESTS, f"There are {len(tests)}: set FEWEST_TESTS to 0.97 of that."


def test_tests_are_packages():
    # two files of one name in two folders can only be told apart inside packages
    folders = {source.path.parent for source in sources("tests")}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


ENTRIES = sorted((ROOT / "zoo").glob("*/"))


@pytest.mark.parametrize("folder", ENTRIES, ids=lambda folder: folder.name)
def test_a_zoo_folder_is_whole(folder: Path):
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert recipe["name"] == folder.name
    weights = folder / "model.keras"
    if weights.exists():
        assert [name for name in CARD_FILES if not (folder / name).is_file()] == []
        assert (
            json.loads((folder / "metrics.json").read_text())["model"]["sha256"]
            == hashlib.sha256(weights.read_bytes()).hexdigest()
        )
        limit = FLAGSHIP_BYTES if "flagship" in recipe.get("tags", []) else WEIGHTS_BYTES
        assert weights.stat().st_size <= limit


def test_the_zoo_stays_small():
    assert sum(path.stat().st_size for path in (ROOT / "zoo").rglob("*") if path.is_file()) <= ZOO_BYTES
