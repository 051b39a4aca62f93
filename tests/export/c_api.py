"""Loads and runs a SavedModel through TensorFlow's C API alone: no Python of TensorFlow in this process.

Started by `loaders.run_through_c_api`: LIBRARY FOLDER NAMES GIVEN.npz ANSWER.npz
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

_NUMPY_TYPES = {1: np.float32, 9: np.int64}
_STRING = 7
_STRING_SIZE = 24  # sizeof(TF_TString)


class _Output(ctypes.Structure):
    _fields_ = [("oper", ctypes.c_void_p), ("index", ctypes.c_int)]


class _CApi:
    """The few functions needed; every pointer is void."""

    def __init__(self, library: str):
        # Kernels and their registry live in one of the two libraries each, so both must share their symbols.
        self._framework = ctypes.CDLL(str(Path(library).with_name("libtensorflow_framework.so.2")), ctypes.RTLD_GLOBAL)
        self._library = ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
        self.status = self.call("TF_NewStatus", ctypes.c_void_p)

    def call(self, name: str, returns, *arguments):
        function = getattr(self._library, name, None) or getattr(self._framework, name)
        function.restype = returns
        return function(*arguments)

    def check(self, what: str) -> None:
        code = self.call("TF_GetCode", ctypes.c_int, ctypes.c_void_p(self.status))
        if code:
            message = self.call("TF_Message", ctypes.c_char_p, ctypes.c_void_p(self.status))
            raise SystemExit(f"{what}: code {code}: {message.decode()}")

    def load(self, folder: str) -> tuple[int, int]:
        pointer = ctypes.c_void_p
        graph = self.call("TF_NewGraph", pointer)
        options = self.call("TF_NewSessionOptions", pointer)
        tags = (ctypes.c_char_p * 1)(b"serve")
        path = ctypes.c_char_p(folder.encode())
        arguments = (pointer(options), None, path, tags, ctypes.c_int(1), pointer(graph), None, pointer(self.status))
        session = self.call("TF_LoadSessionFromSavedModel", pointer, *arguments)
        self.check("TF_LoadSessionFromSavedModel")
        return graph, session

    def output(self, graph: int, name: str) -> _Output:
        operation, _, index = name.partition(":")
        pointer = ctypes.c_void_p
        found = self.call("TF_GraphOperationByName", pointer, pointer(graph), ctypes.c_char_p(operation.encode()))
        if not found:
            raise SystemExit(f"No operation {operation} in the graph")
        return _Output(found, int(index))

    def tensor(self, array: np.ndarray) -> int:
        kind = next(number for number, dtype in _NUMPY_TYPES.items() if array.dtype == dtype)
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        made = self.call("TF_AllocateTensor", ctypes.c_void_p, kind, shape, array.ndim, ctypes.c_size_t(array.nbytes))
        data = self.call("TF_TensorData", ctypes.c_void_p, ctypes.c_void_p(made))
        ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, array.nbytes)
        return made

    def array(self, tensor: int) -> np.ndarray:
        handle = ctypes.c_void_p(tensor)
        rank = self.call("TF_NumDims", ctypes.c_int, handle)
        shape = [self.call("TF_Dim", ctypes.c_int64, handle, ctypes.c_int(axis)) for axis in range(rank)]
        kind = self.call("TF_TensorType", ctypes.c_int, handle)
        data = self.call("TF_TensorData", ctypes.c_void_p, handle)
        if kind == _STRING:
            strings = [self._string(data + i * _STRING_SIZE) for i in range(int(np.prod(shape)))]
            return np.array(strings, dtype=object).reshape(shape)
        size = self.call("TF_TensorByteSize", ctypes.c_size_t, handle)
        return np.frombuffer(ctypes.string_at(data, size), _NUMPY_TYPES[kind]).reshape(shape)

    def _string(self, address: int) -> bytes:
        data = self.call("TF_StringGetDataPointer", ctypes.c_void_p, ctypes.c_void_p(address))
        return ctypes.string_at(data, self.call("TF_StringGetSize", ctypes.c_size_t, ctypes.c_void_p(address)))

    def run(self, graph: int, session: int, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
        pointer = ctypes.c_void_p
        sources = (_Output * len(feeds))(*(self.output(graph, name) for name in feeds))
        values = (pointer * len(feeds))(*(self.tensor(value) for value in feeds.values()))
        targets = (_Output * len(fetches))(*(self.output(graph, name) for name in fetches))
        results = (pointer * len(fetches))()
        given, wanted = (sources, values, ctypes.c_int(len(feeds))), (targets, results, ctypes.c_int(len(fetches)))
        end = (None, ctypes.c_int(0), None, pointer(self.status))
        self.call("TF_SessionRun", None, pointer(session), None, *given, *wanted, *end)
        self.check("TF_SessionRun")
        return [self.array(result) for result in results]


def main() -> None:
    library, folder, names, given, answer = sys.argv[1:]
    tensors = json.loads(names)
    api = _CApi(library)
    graph, session = api.load(folder)
    inputs = np.load(given)
    feeds = {tensors["inputs"][key]: inputs[key] for key in inputs.files}
    values = api.run(graph, session, feeds, list(tensors["outputs"].values()))
    np.savez(answer, **dict(zip(tensors["outputs"], values, strict=True)))


if __name__ == "__main__":
    main()
