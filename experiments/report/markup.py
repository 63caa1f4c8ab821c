"""HTML as nested function calls: text is escaped on its way in, so that a page cannot be broken by what it tells."""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = ("br", "hr", "img", "input", "link", "meta")


class Markup(str):
    """Text that is HTML already, and is taken as it stands."""


def element(
    name: str, /, *content: str | Iterable[str] | None, **attributes: str | int | bool | None
) -> Markup:
    """An HTML element.

    Args:
        name: its name, e.g. `"p"`.
        *content: text, which is escaped, other elements, or sequences of both; None is left out.
        **attributes: its attributes. A trailing underscore is dropped, others become hyphens; True is an attribute
            without a value, None and False none at all.

    Example:
        >>> element("p", "1 < 2, ", element("b", "indeed"), class_="note", hidden=True)
        '<p class="note" hidden>1 &lt; 2, <b>indeed</b></p>'
        >>> element("img", alt='"a"', src=None)
        '<img alt="&quot;a&quot;">'
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(
        f"<{name}{shown}>" if name in VOID else f"<{name}{shown}>{join(content)}</{name}>"
    )


def join(content: str | Iterable | None) -> Markup:
    """Elements and text one after the other, text escaped.

    Example:
        >>> join(["a & b", element("br"), None])
        'a &amp; b<br>'
    """
    if content is None:
        return Markup()
    if isinstance(content, str):
        return content if isinstance(content, Markup) else Markup(html.escape(content))
    return Markup("".join(map(join, content)))
