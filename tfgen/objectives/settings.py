"""What the small objects of the objectives share: they are frozen dataclasses, and their config is their fields."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

__all__ = ["Settings"]


class Settings:
    """The config of a dataclass whose fields are plain numbers, names and truth values."""

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        Returns:
          config: by name.
        """
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {field.name: getattr(self, field.name) for field in fields if field.init}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuilds the object.

        Args:
          config: what `get_config` returned.

        Returns:
          twin: an equal object.
        """
        return cls(**config)

    def _hold(self, **values: Any) -> None:
        """Puts checked values in the place of those that were given; a frozen dataclass can do it in no other way."""
        for name, value in values.items():
            object.__setattr__(self, name, value)
