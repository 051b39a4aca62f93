"""What `fit` holds in memory beside the array that it is given, in fresh processes; and what Keras's own `fit` holds."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import numpy as np

from benchmarks.common import print_machine, print_table

SHAPE, ROWS, BATCH = (32, 32, 1), 150_000, 500  # 614 MB of float32
_PLAIN = "keras"


def _network() -> tuple[object, dict[str, object]]:
    import keras

    image = keras.Input(SHAPE)
    model = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(image)))
    model.compile(loss="mse")
    return model, {"y": np.zeros((ROWS,), np.float32)}


def measure(what: str) -> float:
    """Returns the most that `fit` adds to this process, in units of the array: it has fitted a small one before."""
    import tfgen

    if what == _PLAIN:
        (model, more), what = _network(), "float32"
    else:
        model, more = tfgen.FVBN(SHAPE), {}
        model.compile()
    model.fit(
        np.zeros((BATCH, *SHAPE), what), batch_size=BATCH, verbose=0, **{name: part[:BATCH] for name, part in more.items()}
    )
    array = np.ones((ROWS, *SHAPE), what)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model.fit(array, batch_size=BATCH, verbose=0, **more)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / array.nbytes


def main() -> None:
    """Prints the table."""
    print("## Memory of fit\n")
    print_machine()
    print(f"One epoch of an array of {ROWS} images {SHAPE}, batches of {BATCH} rows.\n")
    rows = []
    for name, what in (
        ("tfgen, float32", "float32"),
        ("tfgen, uint8", "uint8"),
        ("tfgen, float64", "float64"),
        ("Keras, float32", _PLAIN),
    ):
        done = subprocess.run([sys.executable, "-m", __spec__.name, what], capture_output=True, text=True, check=True)
        rows.append([name, f"{json.loads(done.stdout.splitlines()[-1]):.2f}"])
    print_table(["", "copies of the array held at most"], rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
