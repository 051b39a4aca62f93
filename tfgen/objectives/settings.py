"""What the small objects of the objectives share: they are frozen dataclasses, and their config is their fields."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, Self

import keras

__all__ = ["Settings"]


class Settings:
    """The config of a dataclass whose fields are plain numbers, names and truth values, or what Keras can serialise."""

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
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
                for name, value in config.items()
            }
        )

    def holding(self, **values: Any) -> Self:
        """Makes a twin that computes with other values than those that it was checked for, variables for example.

        Args:
          **values: fields, unchecked.

        Returns:
          twin: a copy.
        """
        twin = copy.copy(self)
        twin._hold(**values)
        return twin

    def _hold(self, **values: Any) -> None:
        """Puts checked values in the place of those that were given; a frozen dataclass can do it in no other way."""
        for name, value in values.items():
            object.__setattr__(self, name, value)
