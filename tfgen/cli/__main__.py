"""`python -m tfgen.cli`: the `tfgen` command where the console script is not installed."""

from __future__ import annotations

import sys

from tfgen.cli.command import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
