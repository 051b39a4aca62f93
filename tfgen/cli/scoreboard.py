"""`tfgen scoreboard`: the table of all models, made from the zoo's own numbers."""

from __future__ import annotations

import argparse

__all__ = ["run_scoreboard"]


def run_scoreboard(options: argparse.Namespace) -> int:
    """Prints the scoreboard, or writes it into a Markdown file.

    Args:
      options: frames, write.

    Returns:
      code: 0.
    """
    from tfgen.cli.show import Bar
    from tfgen.zoo import frames, scoreboard

    if options.frames:
        with Bar() as bar:
            print(f"Wrote {frames.write_frames(frames.measure_frames(progress=bar))}")
    if options.write is None:
        print(scoreboard.render_scoreboard())
        return 0
    changed = scoreboard.write_scoreboard(options.write)
    print(f"Wrote the scoreboard of {options.write}" if changed else f"The scoreboard of {options.write} is up to date")
    return 0
