"""The model of a user's own that the README shows, as a module that a new process can import."""

from __future__ import annotations

import re

import keras

import tfgen
from tests.house import ROOT

__all__ = ["OneConvolution"]

_BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
_SPACE = {"__name__": __name__, "keras": keras, "tfgen": tfgen}
exec(next(block for block in _BLOCKS if "class OneConvolution" in block).partition("\nmine = ")[0], _SPACE)
OneConvolution = _SPACE["OneConvolution"]
