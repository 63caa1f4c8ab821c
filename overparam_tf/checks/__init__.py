"""The checks of arguments that all public functions share.

Each returns the argument in its plain Python type, or raises an `InputError` that names the
argument, what was expected, and what was received. None, NaN, infinity, text, booleans and lists
are refused wherever a number is expected.
"""

from overparam_tf.checks.containers import (
    distinct,
    has_duplicates,
    list_of,
    mapping_of,
    real_matrix,
)
from overparam_tf.checks.objects import (
    file_path,
    function,
    instance_of,
    one_of,
    optional,
    resolve,
    text,
)
from overparam_tf.checks.scalars import (
    boolean,
    even_exponent,
    positive_int,
    real_number,
    whole_number,
)

__all__ = [
    "boolean",
    "distinct",
    "even_exponent",
    "file_path",
    "function",
    "has_duplicates",
    "instance_of",
    "list_of",
    "mapping_of",
    "one_of",
    "optional",
    "positive_int",
    "real_matrix",
    "real_number",
    "resolve",
    "text",
    "whole_number",
]
