"""The sizes of a generated problem."""

from __future__ import annotations

from overparam_tf.checks import whole_number
from overparam_tf.errors import input_error
from overparam_tf.memory import require_memory

# Copies of the features that a generator holds at once, float64.
COPIES = 6


def check_sizes(rows: int, features: int) -> tuple[int, int]:
    """Return the sizes of a generated problem: room for its columns, the label and the mean.

    Raises:
        InputError: If there are fewer than 2 features, or fewer than features + 2 rows, or more of
            them than fit into memory.
    """
    rows, features = whole_number("rows", rows), whole_number("features", features, least=2)
    if rows < features + 2:
        raise input_error("rows >= features + 2", rows=rows, features=features)
    require_memory("a problem", 8.0 * COPIES * rows * features, rows=rows, features=features)
    return rows, features
