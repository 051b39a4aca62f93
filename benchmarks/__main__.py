"""Runs every benchmark in turn: `python -m benchmarks`, or `python -m benchmarks dcgan_step ...` for some of them."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import benchmarks


def names() -> list[str]:
    """Lists the modules of this package that have a `main`; a new file is found by being here."""
    helpers = {"__main__", "baselines", "common"}
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in helpers)


def main(arguments: list[str]) -> int:
    """Runs each benchmark in a process of its own, so that none starts with another's memory or settings."""
    unknown = sorted(set(arguments) - set(names()))
    if unknown:
        print(f"Expected names among {names()}. Received: {unknown}.", file=sys.stderr)
        return 2
    failures = 0
    for name in arguments or names():
        failures += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
