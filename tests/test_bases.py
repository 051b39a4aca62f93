"""What a base has written once holds for all that stands on it: final classes fill hooks, few and named, and override nothing."""

from __future__ import annotations

import inspect

from tests.house import heirs, is_abstract, modules, none_of
from tfgen.models.hooks import hooks_of, is_hook
from tfgen.models.trainable import TrainableModel

HOOKS = 6


def _is_of_keras(cls: type) -> bool:
    return cls.__module__.startswith("keras.")  # whose `call` is there to be filled


def test_no_final_class_overrides_a_concrete_method():
    """What a base has written once holds for every model: only abstract methods and those marked as hooks are filled."""
    modules()
    concrete, found, filled = [cls for cls in heirs(TrainableModel) if not is_abstract(cls)], [], 0
    for cls in concrete:
        for name, value in vars(cls).items():
            callable_ = inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod))
            bases = [base for base in cls.__mro__[1:] if name in vars(base) and not (name == "call" and _is_of_keras(base))]
            known = [vars(base)[name] for base in bases]
            if name.startswith("__") or not callable_ or not known:
                continue
            filled += any(map(is_hook, known))
            found += [] if any(map(is_hook, known)) else [f"{cls.__qualname__}.{name}"]
    none_of(found, "A final class overrides abstract methods and hooks, and nothing else of its bases.")
    assert concrete and filled  # the rule has met something


def test_bases_have_few_hooks_and_name_them():
    modules()
    bases = [cls for cls in (TrainableModel, *heirs(TrainableModel)) if is_abstract(cls)]
    none_of(
        (f"{cls.__qualname__}: {hooks_of(cls)}" for cls in bases if len(hooks_of(cls)) > HOOKS),
        f"A base has at most {HOOKS} hooks.",
    )
    silent = [
        f"{cls.__qualname__}.{name}"
        for cls in bases
        for name in hooks_of(cls)
        if not any(is_hook(vars(base).get(name)) for base in cls.__mro__[1:]) and f"\n      {name}: " not in (cls.__doc__ or "")
    ]
    none_of(silent, "A base lists its hooks in its docstring.")
