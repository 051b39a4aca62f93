"""Side-by-side measurements, each runnable by `python -m benchmarks.<name>` from the clone."""
