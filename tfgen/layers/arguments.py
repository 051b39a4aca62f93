"""Checks of arguments that several layers and networks share, beyond those of `tfgen.checks`."""

from __future__ import annotations

from typing import Any

from tfgen import checks

__all__ = ["check_dilations", "check_multiple", "check_odd", "check_rate"]


def check_dilations(value: Any, name: str = "dilations") -> tuple[int, ...]:
    """Checks the dilations of a network's blocks.

    Args:
      value: what was given.
      name: what the caller calls it.

    Returns:
      dilations: one or more, all positive.

    Raises:
      ValueError: there is none, or one is no positive integer.

    Example:
      >>> from tfgen.layers.arguments import check_dilations
      >>> check_dilations([1, 2])
      (1, 2)
    """
    dilations = checks.integers(value, name)
    if not dilations:
        raise ValueError(f"Expected one dilation or more. Received: {name}={value!r}")
    return dilations


def check_multiple(value: Any, name: str, groups: int) -> int:
    """Checks a number of maps that come in equal groups, one for each ordered colour channel.

    Args:
      value: what was given.
      name: what the caller calls it.
      groups: number of groups.

    Returns:
      value: a positive multiple of `groups`.

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen.layers.arguments import check_multiple
      >>> check_multiple(6, "filters", 3)
      6
    """
    value = checks.integer(value, name, least=1)
    if value % groups:
        raise ValueError(f"`{name}` must be a multiple of the {groups} ordered channels. Received: {name}={value}")
    return value


def check_odd(value: Any, name: str, *, least: int = 1) -> int:
    """Checks the size of a kernel that has a centre.

    Args:
      value: what was given.
      name: what the caller calls it.
      least: the smallest size that makes sense.

    Returns:
      value: an odd integer.

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen.layers.arguments import check_odd
      >>> check_odd(7, "kernel_size")
      7
    """
    value = checks.integer(value, name, least=least)
    if value % 2 == 0:
        raise ValueError(f"`{name}` must be odd, so that there is a centre. Received: {name}={value}")
    return value


def check_rate(value: Any, name: str) -> float:
    """Checks the share of numbers that are dropped.

    Args:
      value: what was given.
      name: what the caller calls it.

    Returns:
      value: in [0, 1).

    Raises:
      ValueError: it is anything else.

    Example:
      >>> from tfgen.layers.arguments import check_rate
      >>> check_rate(0.5, "dropout")
      0.5
    """
    value = checks.number(value, name, least=0)
    if value >= 1:
        raise ValueError(f"`{name}` must lie in [0, 1). Received: {name}={value}")
    return value
