"""The options of a command, from a dataclass: the fields, their defaults, and the command line."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from overparam_tf.errors import one_line

C = TypeVar("C")
# Stands for "no other default with --quick"; None may be a default itself.
_SAME = object()


@dataclass(frozen=True)
class _Default:
    """A default that is another one with `--quick`; `resolve_defaults` replaces it by a value.

    Its type tells it from a value that the command line set.
    """

    full: Any
    quick: Any


def option(
    default: Any, text: str, *, quick: Any = _SAME, within: tuple[float, float] | None = None
) -> Any:
    """Return a dataclass field with its default and its help text.

    Args:
        default: The default.
        text: What `--help` shows.
        quick: The default with `--quick`, where it is another one. The dataclass must then have a
            field `quick` and call `resolve_defaults` at the beginning of its `__post_init__`.
        within: The least and the most of a number, or of each in a tuple; default None, no limits.
            The dataclass must call `limits.check_options`, as `RunOptions` does.
    """
    if quick is not _SAME:
        default = _Default(default, quick)
    return dataclasses.field(default=default, metadata={"help": text, "within": within})


def resolve_defaults(options: Any) -> None:
    """Replace the defaults that depend on the field `quick` by their values.

    Example:
        >>> @dataclass(frozen=True)
        ... class Options:
        ...     quick: bool = option(False, "a short run")
        ...     steps: int = option(600_000, "how many", quick=1_000)
        ...
        ...     def __post_init__(self):
        ...         resolve_defaults(self)
        >>> Options().steps, Options(quick=True).steps, Options(quick=True, steps=5).steps
        (600000, 1000, 5)
    """
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if isinstance(value, _Default):
            chosen = value.quick if options.quick else value.full
            object.__setattr__(options, field.name, chosen)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one line instead of the usage and a line."""
        self.exit(2, f"{self.prog}: error: {one_line(message, 500)}; see --help\n")


def parse(options_class: type[C], prog: str, arguments: Sequence[str] | None = None) -> C:
    """Read the command line into an instance of a dataclass.

    A field of type bool becomes a pair of flags `--name` / `--no-name`, a tuple takes one or more
    values, a `Literal` takes one of its values, and `X | None` what X takes.

    Args:
        options_class: A dataclass whose fields were made by `option`.
        prog: The program's name in messages.
        arguments: Default `sys.argv[1:]`.
    """
    parser = _Parser(
        prog=prog,
        description=options_class.__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = typing.get_type_hints(options_class)
    for field in dataclasses.fields(options_class):
        text = field.metadata["help"] + _notes(field)
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            default=field.default,
            help=text.replace("%", "%%"),
            **_argparse_keywords(kinds[field.name]),
        )
    values = vars(parser.parse_args(arguments))
    return options_class(
        **{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    )


def _notes(field: dataclasses.Field) -> str:
    """Return the limits of an option and its default, in brackets."""
    notes, default = [], field.default
    if field.metadata["within"] is not None:
        notes.append(" to ".join(map(_number_text, field.metadata["within"])))
    if isinstance(default, _Default):
        notes.append(f"default: {_shown(default.full)}, with --quick {_shown(default.quick)}")
    elif default is not None:
        notes.append(f"default: {_shown(default)}")
    return f" ({'; '.join(notes)})" if notes else ""


def _number_text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _argparse_keywords(kind: Any) -> dict[str, Any]:
    """Return the keywords of `add_argument` for a field of type `kind`."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _argparse_keywords(next(part for part in inner if part is not type(None)))
    if origin is Literal:
        return {"choices": inner}
    if origin is tuple:
        return {**_argparse_keywords(inner[0]), "nargs": "+"}
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": kind, "metavar": kind.__name__.upper()}
