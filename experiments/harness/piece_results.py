"""The results of the pieces of a run: rows and arrays, together and as arrays for a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CONTENT = "content"


@dataclass(frozen=True)
class PieceResult:
    """The result of one piece of a run.

    Attributes:
        content: Rows of tables and the like, JSON-ready except for NumPy's numbers.
        arrays: Arrays by name; default none.
    """

    content: Any
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def through_json(self) -> PieceResult:
        """Return the result as it is read back from a file: tuples are lists then, keys texts."""
        return PieceResult(json.loads(json.dumps(self.content, default=_plain)), self.arrays)


def rows_of(made: Mapping[str, PieceResult]) -> list[Any]:
    """Return the rows of all pieces, whose contents are lists of rows."""
    return [row for result in made.values() for row in result.content]


def arrays_of(made: Mapping[str, PieceResult]) -> dict[str, np.ndarray]:
    """Return the arrays of all pieces by name."""
    return {name: array for result in made.values() for name, array in result.arrays.items()}


def pack(results: Mapping[str, PieceResult]) -> dict[str, np.ndarray]:
    """Return results by name as arrays: one of all contents as JSON, and those of each piece.

    Example:
        >>> results = {"p = 2": PieceResult([{"steps": 7, "rate": None}], {"x": np.arange(2)})}
        >>> result = unpack(pack(results))["p = 2"]
        >>> result.content, result.arrays["x"]
        ([{'steps': 7, 'rate': None}], array([0, 1]))
    """
    contents = {name: result.content for name, result in results.items()}
    text = json.dumps(contents, default=_plain).encode()
    arrays = {
        f"{index}/{name}": np.asarray(array)
        for index, result in enumerate(results.values())
        for name, array in result.arrays.items()
    }
    return {CONTENT: np.frombuffer(text, np.uint8), **arrays}


def unpack(arrays: Mapping[str, np.ndarray]) -> dict[str, PieceResult]:
    """Return the results that `pack` made arrays of."""
    contents = json.loads(arrays[CONTENT].tobytes())
    parts: list[dict[str, np.ndarray]] = [{} for _ in contents]
    for key, array in arrays.items():
        index, _, name = key.partition("/")
        if key != CONTENT:
            parts[int(index)][name] = array
    return {
        name: PieceResult(content, own)
        for (name, content), own in zip(contents.items(), parts, strict=True)
    }


def _plain(value: Any) -> Any:
    """Return a NumPy number as Python has it, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Expected what JSON can hold. Received: {value!r}")
