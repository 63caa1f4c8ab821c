"""The first difference between two records of settings."""

from __future__ import annotations

import json
from typing import Any

_LONGEST_VALUE = 80  # characters


def first_difference(ours: Any, theirs: Any, where: str, path: str = "") -> str | None:
    """Return the first difference of two JSON-like values in a few words, or None if equal.

    Args:
        ours: The value now.
        theirs: The other value.
        where: The place of the other one, in words.
        path: The path to these values within larger ones; default empty, they are the whole.

    Example:
        >>> first_difference({"a": [1, 2]}, {"a": [1, 3]}, "before")
        'a[1]: 2 now, 3 before'
        >>> first_difference({"a": 1}, {"a": 1, "b": None}, "before")
        'b: nothing now, null before'
        >>> first_difference({"a": 1}, {"a": 1.0}, "before")
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return _first_difference_of_dicts(ours, theirs, where, path)
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (our_entry, their_entry) in enumerate(zip(ours, theirs, strict=True)):
            difference = first_difference(our_entry, their_entry, where, f"{path}[{index}]")
            if difference is not None:
                return difference
        return None
    return None if ours == theirs else f"{path}: {_text(ours)} now, {_text(theirs)} {where}"


def _first_difference_of_dicts(
    ours: dict[str, Any], theirs: dict[str, Any], where: str, path: str
) -> str | None:
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        inner = f"{path}.{key}" if path else str(key)
        if key in ours and key in theirs:
            difference = first_difference(ours[key], theirs[key], where, inner)
            if difference is not None:
                return difference
        else:
            mine, other = (
                _text(values[key]) if key in values else "nothing" for values in (ours, theirs)
            )
            return f"{inner}: {mine} now, {other} {where}"
    return None


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
