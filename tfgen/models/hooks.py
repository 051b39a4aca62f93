"""The places of a base class that are meant to be filled: everything else of it is final, and a test of the house says so."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["hook", "hooks_of", "is_hook", "renamed"]

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__is_hook__"


def hook(function: Function) -> Function:
    """Marks a method whose default is meant to be replaced; an abstract method is a hook without the mark.

    Args:
      function: a method of a base class.

    Returns:
      function: the same.

    Example:
      >>> from tfgen.models.hooks import hook, hooks_of
      >>> class Base:
      ...     @hook
      ...     def end(self): ...
      >>> hooks_of(Base)
      ['end']
    """
    setattr(function, _MARK, True)
    return function


def is_hook(value: Any) -> bool:
    """Tells whether something that a class defines is to be filled by its subclasses.

    Args:
      value: a method, a property, or anything else.

    Returns:
      answer: whether it is abstract, or marked by `hook`.

    Example:
      >>> from tfgen.models.hooks import hook, is_hook
      >>> is_hook(hook(lambda self: None)), is_hook(lambda self: None)
      (True, False)
    """
    return bool(getattr(value, _MARK, False) or getattr(value, "__isabstractmethod__", False))


def hooks_of(cls: type) -> list[str]:
    """Lists what a subclass may or must replace of a class, without what the class itself inherited.

    Args:
      cls: a base class.

    Returns:
      names: sorted.

    Example:
      >>> import tfgen
      >>> from tfgen.models.hooks import hooks_of
      >>> hooks_of(tfgen.AutoregressiveModel)
      ['fill', 'log_prob_of', 'outputs_of']
    """
    return sorted(name for name, value in vars(cls).items() if is_hook(value))


def renamed(old: str, new: str) -> Callable[..., Any]:
    """Makes the method under which a public method was private before: it warns, and does the same.

    Args:
      old: the old spelling.
      new: the method's name.

    Returns:
      method: for the class that has `new`.

    Example:
      >>> import warnings
      >>> from tfgen.models.hooks import renamed
      >>> class Base:
      ...     def finish(self): return "done"
      ...     _finish = renamed("_finish", "finish")
      >>> with warnings.catch_warnings(record=True) as told:
      ...     warnings.simplefilter("always")
      ...     Base()._finish(), str(told[0].message)
      ('done', '`_finish` is public now: call `finish`.')
    """

    @functools.wraps(renamed, assigned=(), updated=())
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        warnings.warn(f"`{old}` is public now: call `{new}`.", DeprecationWarning, stacklevel=2)
        return getattr(self, new)(*arguments, **keywords)

    method.__name__ = old
    return method
