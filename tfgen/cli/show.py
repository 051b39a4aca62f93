"""What commands print: tables, and bars for long work."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

__all__ = ["Bar", "console", "table"]


def console(*, errors: bool = False) -> Any:
    """Makes a rich console.

    Args:
      errors: write to stderr, for what is said beside the results.

    Returns:
      console: as wide as the terminal; 200 columns for files and pipes, which have no width.
    """
    from rich.console import Console

    stream = sys.stderr if errors else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 200, highlight=False, soft_wrap=not stream.isatty())


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> Any:
    """Makes a rich table.

    Args:
      header: names of the columns.
      rows: one list of cells a row; rich's markup is understood.
      title: a line above.

    Returns:
      table: for `console().print`.
    """
    from rich import box
    from rich.table import Table

    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for place, name in enumerate(header):
        made.add_column(name, overflow="fold", no_wrap=place == 0)
    for row in rows:
        made.add_row(*row)
    return made


class Bar:
    """Shows how far long work has come, on stderr: a bar on a terminal, a line at the end of each part elsewhere.

    Called as `bar(what, done, total)`, or with a `note` such as the losses.

    Args:
      lines: whether to write the line at the end of each part where there is no terminal.

    Example:
      >>> from tfgen.cli.show import Bar
      >>> with Bar() as bar:
      ...     bar("nll", 0, 10)
    """

    def __init__(self, lines: bool = True) -> None:
        self._lines = lines
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Bar:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        screen = console(errors=True)
        if screen.is_terminal:
            columns = (
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._bar = Progress(*columns, console=screen, transient=True)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int, note: str = "") -> None:
        if self._bar is None:
            if self._lines and done == total:
                print(f"{what}: {total} done", file=sys.stderr, flush=True)
            return
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, note=note)
        self._bar.update(self._tasks[what], completed=done, note=note)
