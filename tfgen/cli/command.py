"""Runs one `tfgen` command: arguments in, exit code out, errors as one sentence."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from tfgen.cli.parser import make_parser
from tfgen.cli.quiet import import_tensorflow

__all__ = ["main"]

_INTERRUPTED = 130  # what shells give for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the `tfgen` command.

    Args:
      arguments: what follows `tfgen` on the command line; None takes them from there.

    Returns:
      code: 0 when all went well, 1 for an error or numbers that do not hold, 130 after Ctrl-C.

    Raises:
      SystemExit: with code 2 for arguments that cannot be understood, 0 after `--help`; both are argparse's.

    Example:
      >>> from tfgen.cli import main
      >>> main(["list", "--names"])  # doctest: +ELLIPSIS
      classifier-fashion-mnist
      ...
      0
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return 0
    try:
        import_tensorflow()
        module, name = options.run.split(":")
        code = getattr(importlib.import_module(module), name)(options)
        sys.stdout.flush()
        return code or 0
    except KeyboardInterrupt:
        print(f"Stopped. {options.after_interrupt(options)}", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            raise
        print(f"tfgen {options.command}: {_sentence(error)}", file=sys.stderr)
        return 1


def _sentence(error: Exception) -> str:
    """Says an error in one line; one that is not the library's own also says its kind and how to see more."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f"{text}: {error.filename}"
    text = " ".join(text.split())
    if isinstance(error, (ValueError, TypeError, OSError, ImportError, ArithmeticError)):
        return text
    return f"{type(error).__name__}: {text} (--debug shows where)"
