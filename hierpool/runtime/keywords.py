"""Constructors that answer a setting they do not have with the nearest one they do."""

import difflib
from dataclasses import fields
from functools import wraps
from typing import Any


def suggesting[T](cls: type[T]) -> type[T]:
    """Returns a dataclass whose constructor suggests the setting that was meant.

    ``NUTS(chains=2)`` is a ``TypeError`` that names ``num_chains``.
    """
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    construct: Any = vars(cls)["__init__"]

    # All keywords pass through, so that Python's own complaint, which suggests nothing, is not the
    # first.
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
