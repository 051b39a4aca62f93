"""Writes the files of a release: `python -m tests.stored VERSION`."""

import sys

from tests.stored import store

store(sys.argv[1])
