"""The values that options may take: types, limits and repetitions, checked before a run is made."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal

from overparam_tf.checks import (
    boolean,
    has_duplicates,
    list_of,
    one_of,
    real_number,
    text,
    whole_number,
)
from overparam_tf.errors import input_error

# The least and the most of options that several experiments have.
SEEDS = (0, 2**31 - 1)
STEPS = (1, 10**9)
EPOCHS = (1, 10_000)
DEPTHS = (1, 64)
WIDTHS = (1, 10_000)
# Below, no weight of 0.01 moves in float32; half a decade beyond, rates are still finite there.
RATES = (1e-12, 1e12)
# The learning rates that the 2019 team searched.
RATES_2019 = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1)


def check_options(options: Any) -> None:
    """Check the fields of a dataclass of options, and put each into its plain Python type.

    A field is checked by its annotation and by the limits that `option` gave it. A tuple must have
    an entry, and none twice: numbers must differ in the six digits by which tables, figures and
    folders name them.

    Raises:
        InputError: If a value is of another type, out of its limits, or there twice.

    Example:
        >>> from experiments.harness.parsing import option
        >>> @dataclasses.dataclass
        ... class Options:
        ...     depths: tuple[int, ...] = option((1, 2), "numbers of factors", within=DEPTHS)
        >>> options = Options(depths=[3, 4])
        >>> check_options(options)
        >>> options.depths
        (3, 4)
        >>> check_options(Options(depths=(1, 100)))
        Traceback (most recent call last):
        overparam_tf.errors.InputError: ...an integer from 1 to 64 for --depths...
    """
    kinds = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):
        name = "--" + field.name.replace("_", "-")
        limits = field.metadata.get("within") or (None, None)
        value = _checked(name, getattr(options, field.name), kinds[field.name], limits)
        object.__setattr__(options, field.name, value)


def _checked(name: str, value: Any, kind: Any, limits: tuple[Any, Any]) -> Any:
    """Return a value of this type within its limits, in its plain Python type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _checked(name, value, next(p for p in inner if p is not type(None)), limits)
    if origin is tuple:
        entry, *_ = inner
        entries = list_of(name, value, lambda _, each: _checked(name, each, entry, limits))
        return _distinct(name, entries)
    if origin is Literal:
        return one_of(name, value, inner)
    least, most = limits
    if kind is int:
        return whole_number(name, value, least=least, most=most)
    if kind is float:
        return real_number(name, value, least=least, most=most)
    return boolean(name, value) if kind is bool else text(name, value)


def _distinct(name: str, entries: Sequence[Any]) -> tuple[Any, ...]:
    """Return the entries if there is one, and if all of them are named differently."""
    if not entries:
        raise input_error(f"at least one value of {name}", **{name: ()})
    are_numbers = all(isinstance(entry, float) for entry in entries)
    names = [f"{entry:g}" for entry in entries] if are_numbers else entries
    if has_duplicates(names):
        words = f"no entry of {name.removeprefix('--')} twice"
        digits = ", in six digits" if are_numbers else ""
        raise input_error(f"{words}{digits}", **{name: tuple(entries)})
    return tuple(entries)
