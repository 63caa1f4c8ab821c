"""Where two records of settings part."""

from __future__ import annotations

import json
from typing import Any


def first_difference(ours: Any, theirs: Any, where: str, path: str = "") -> str | None:
    """The first difference of two JSON-like values in a few words, or None if they are equal.

    Args:
        ours: the value now.
        theirs: the other value.
        where: where the other one is, in words.
        path: the path to these values within larger ones.

    Example:
        >>> first_difference({"a": [1, 2]}, {"a": [1, 3]}, "before")
        'a[1]: 2 now, 3 before'
        >>> first_difference({"a": 1}, {"a": 1, "b": None}, "before")
        'b: nothing now, null before'
        >>> first_difference({"a": 1}, {"a": 1.0}, "before")
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in ours or key not in theirs:
                mine, other = (
                    _shown(value[key]) if key in value else "nothing" for value in (ours, theirs)
                )
                return f"{inner}: {mine} now, {other} {where}"
            difference = first_difference(ours[key], theirs[key], where, inner)
            if difference is not None:
                return difference
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        differences = (
            first_difference(a, b, where, f"{path}[{index}]")
            for index, (a, b) in enumerate(zip(ours, theirs, strict=True))
        )
        return next((difference for difference in differences if difference is not None), None)
    return None if ours == theirs else f"{path}: {_shown(ours)} now, {_shown(theirs)} {where}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
