"""Asks TensorFlow Serving for samples over REST; Python's standard library only.

python3 sample_rest.py --seed 0 -n 4

Placeholders: name, rest_port, signature, output, ending, takes_label.
"""

import argparse
import base64
import json
import urllib.error
import urllib.request

URL = "http://127.0.0.1:@{rest_port}/v1/models/@{name}:predict"
SIGNATURE = "@{signature}"
OUTPUT = "@{output}"
ENDING = "@{ending}"
TAKES_LABEL = "@{takes_label}" == "yes"

GAMMA = 0x9E3779B97F4A7C15
MASK = 2**64 - 1


def mix(value):
    """The SplitMix64 finalizer."""
    value &= MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def row_seeds(seed, n):
    """One seed per row from one seed for all, as tfgen.random.row_seeds does it."""
    base = mix(seed + GAMMA)
    return [mix(base + (i + 1) * GAMMA) >> 11 for i in range(n)]


def sample(url, seeds, label=None):
    """The answers of the server, one per row: bytes of a file, or nested lists of numbers."""
    rows = [{"seed": seed, "label": label} if TAKES_LABEL else {"seed": seed} for seed in seeds]
    body = json.dumps({"signature_name": SIGNATURE, "instances": rows}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            predictions = json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"The server answers {error.code}: {error.read().decode()}") from None
    except urllib.error.URLError as error:
        raise SystemExit(f"No server at {url}: {error.reason}") from None
    rows = [row[OUTPUT] if isinstance(row, dict) and OUTPUT in row else row for row in predictions]
    return [base64.b64decode(row["b64"]) if isinstance(row, dict) else row for row in rows]


def main():
    """Writes sample-0, sample-1, ... into the working directory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default=URL)
    parser.add_argument("--seed", type=int, default=0, help="one seed for all rows")
    parser.add_argument("-n", type=int, default=4, help="how many")
    if TAKES_LABEL:
        parser.add_argument("--label", type=int, default=0, help="the class to draw")
    arguments = parser.parse_args()
    for i, row in enumerate(sample(arguments.url, row_seeds(arguments.seed, arguments.n), getattr(arguments, "label", None))):
        with open(f"sample-{i}{ENDING}", "wb") as file:
            file.write(row if isinstance(row, bytes) else json.dumps(row).encode())
        print(f"sample-{i}{ENDING}")


if __name__ == "__main__":
    main()
