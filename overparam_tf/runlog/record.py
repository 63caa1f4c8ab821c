"""The content of a config.json, whose types are checked where it is read, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from overparam_tf.checks import instance_of, list_of, mapping_of, optional, text
from overparam_tf.errors import InputError, input_error

Check = Callable[[str, object], object]
# Lists and objects within one another; those of an experiment are four deep.
MOST_NESTED = 32


def check_record(record: Mapping[str, Any]) -> None:
    """Check the types of the entries that readers of run folders use, as far as they are there.

    Raises:
        InputError: If one has another type, or lists and objects are nested too deeply.

    Example:
        >>> check_record({"experiment": "plateau", "options": {"steps": 10}, "data": None})
        >>> check_record({"options": None})
        Traceback (most recent call last):
        overparam_tf.errors.InputError: Expected a mapping ... Received: options=None
    """
    _check_nesting(record)
    for name, check in _CHECKS.items():
        if name in record:
            check(name, record[name])


def _check_nesting(value: Any, levels: int = MOST_NESTED) -> None:
    if not isinstance(value, (dict, list)):
        return
    if not levels:
        raise InputError(
            f"Expected lists and objects nested at most {MOST_NESTED} deep. Received: more"
        )
    for entry in value.values() if isinstance(value, dict) else value:
        _check_nesting(entry, levels - 1)


def _entries(name: str, value: object) -> object:
    return mapping_of(name, value, lambda _, entry: entry)


def _texts(name: str, value: object) -> object:
    return list_of(name, value, text)


def _versions(name: str, value: object) -> object:
    return mapping_of(name, value, lambda _, entry: optional(name, entry, text))


def _data(name: str, value: object) -> object:
    """Check the description of a data set, or None."""
    if value is None:
        return None
    data = mapping_of(name, value, lambda _, entry: entry)
    for field, kind in (("name", str), ("label", str), ("sha256", str), ("synthetic", bool)):
        if field in data:
            instance_of(f"{name}.{field}", data[field], kind)
    return data


def _time(name: str, value: object) -> object:
    """Check a time with its zone in ISO 8601, as `datetime` writes it."""
    try:
        time = datetime.fromisoformat(text(name, value))
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise input_error(f"a time with its zone for {name}", **{name: value})
    return time


_CHECKS: dict[str, Check] = {
    "experiment": text,
    "options": _entries,
    "data": _data,
    "status": text,
    "started": _time,
    "command": _texts,
    "commit": lambda name, value: optional(name, value, text),
    "python": text,
    "versions": _versions,
    "variables": lambda name, value: mapping_of(name, value, text),
    "machine": text,
    "devices": _texts,
    "parts": lambda name, value: mapping_of(name, value, _texts),
    "losses": lambda name, value: list_of(name, value, _entries),
}
