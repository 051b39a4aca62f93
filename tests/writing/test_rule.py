"""Nobody in the library writes files past `tfgen.writing`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house import none_of, sources

_MOVES = {"os.replace", "os.rename", "os.renames", "os.link", "shutil.move", "os.fsync", "fcntl.flock"}
_TEMPORARY = {"mkstemp", "mkdtemp", "NamedTemporaryFile"}
_WRITERS = {"write_text", "write_bytes", "savez", "savez_compressed", "tofile", "savefig", "extractall", "TFRecordWriter"}
_FUNCTIONS_THAT_WRITE = {"np.save", "tf.saved_model.save", "tf.io.write_file"}
_OPENERS = {"open", "ZipFile"}
_TOLD = _TEMPORARY | _WRITERS | _OPENERS | {name.rpartition(".")[2] for name in _MOVES | _FUNCTIONS_THAT_WRITE}
_FREE_WRITERS = ("tfgen/writing/", "tfgen/testing/")  # the conformance suite writes into folders that it removes


def _opens_to_write(call: ast.Call) -> bool:
    values = [*call.args, *(word.value for word in call.keywords)]
    modes = [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return any(re.fullmatch("[rwaxbt+]{1,3}", mode) and set(mode) & set("wax+") for mode in modes)


def _writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields (line, call) of what moves files, and of what writes to anything that is called neither `aside` nor `memory`."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, (ast.Attribute, ast.Name)):
            continue
        last = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
        if last not in _TOLD:
            continue
        name, text = ast.unparse(call.func), ast.unparse(call)
        writes = last in _WRITERS or name in _FUNCTIONS_THAT_WRITE or (last in _OPENERS and _opens_to_write(call))
        elsewhere = writes and not name.startswith("writing.") and not re.search(r"\b(aside|memory)\b", text)
        if name in _MOVES or last in _TEMPORARY or elsewhere:
            yield call.lineno, text


def test_everything_is_written_in_one_way():
    bad = "os.replace(a, b); open(a, 'wb'); np.save(path, x); path.write_text(''); tempfile.mkstemp(); a.open(mode='a')"
    good = "aside.write_text(''); (aside / 'a').write_bytes(b''); np.save(aside, x); open(a); open(a, 'rb'); x.replace(a, b)"
    assert len(list(_writes(ast.parse(bad)))) == 6 and not list(_writes(ast.parse(good)))
    found = [
        f"{source.place}:{line} {call}"
        for source in sources("tfgen")
        if not source.place.startswith(_FREE_WRITERS)
        for line, call in _writes(source.tree)
    ]
    none_of(found, "Files are written by `tfgen.writing`: aside, flushed, renamed.")
    moved = [
        f"{source.place}:{line} {call}"
        for source in sources("tfgen/testing")
        for line, call in _writes(source.tree)
        if call.split("(")[0] in _MOVES
    ]
    none_of(moved, "Files are put into place by `tfgen.writing` alone.")
