"""What `import tfgen` costs over `import tensorflow`, in fresh processes, in turns."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.common import print_machine, print_table

_PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module: str) -> float:
    """Imports a module in a fresh process."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Prints the table."""
    print("## Import\n")
    print_machine()
    best = {"tensorflow": float("inf"), "tfgen": float("inf")}
    for _ in range(7):
        for module in best:
            best[module] = min(best[module], seconds(module))
    rows = [[f"import {module}", f"{value:.2f} s"] for module, value in best.items()]
    print_table(["", "best of 7"], [*rows, ["the difference", f"{best['tfgen'] - best['tensorflow']:.2f} s"]])


if __name__ == "__main__":
    main()
