"""Constructors that suggest the nearest setting when they are given an unknown one."""

import difflib
from dataclasses import fields
from functools import wraps
from typing import Any


def suggest_settings[T](cls: type[T]) -> type[T]:
    """Returns the dataclass with a constructor that suggests a name for an unknown setting.

    ``NUTS(chains=2)`` raises a ``TypeError`` that suggests ``num_chains``.
    """
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    construct: Any = vars(cls)["__init__"]

    # Any keyword is accepted, so that this error is raised before Python's own, which suggests
    # nothing.
    @wraps(construct)
    def checked(self: T, *values: Any, **settings: Any) -> None:
        for name in [name for name in settings if name not in names]:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise TypeError(
                f"{cls.__name__} has no setting {name}; it has {', '.join(names)}.{hint}"
            )
        construct(self, *values, **settings)

    setattr(cls, "__init__", checked)  # noqa: B010  (mypy knows no other way)
    return cls
