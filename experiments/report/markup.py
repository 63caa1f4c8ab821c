"""HTML elements as nested function calls; text is escaped, so that it cannot break a page."""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = ("br", "hr", "img", "input", "link", "meta")


class Markup(str):
    """Text that is HTML already and is not escaped again."""


def element(
    name: str, /, *content: str | Iterable[str] | None, **attributes: str | int | bool | None
) -> Markup:
    """Return an HTML element.

    Args:
        name: Its name, e.g. `"p"`.
        *content: Text, which is escaped, other elements, or sequences of both; None is left out.
        **attributes: Its attributes. A trailing underscore is dropped, other underscores become
            hyphens. True makes an attribute without a value; None and False leave it out.

    Example:
        >>> element("p", "1 < 2, ", element("b", "indeed"), class_="note", hidden=True)
        '<p class="note" hidden>1 &lt; 2, <b>indeed</b></p>'
        >>> element("img", alt='"a"', src=None)
        '<img alt="&quot;a&quot;">'
    """
    start = name + "".join(map(_attribute, attributes, attributes.values()))
    return Markup(f"<{start}>" if name in VOID else f"<{start}>{join(content)}</{name}>")


def _attribute(name: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    key = name.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{html.escape(str(value))}"'


def join(content: str | Iterable | None) -> Markup:
    """Return elements and text one after the other, text escaped.

    Example:
        >>> join(["a & b", element("br"), None])
        'a &amp; b<br>'
    """
    if content is None:
        return Markup()
    if isinstance(content, str):
        return content if isinstance(content, Markup) else Markup(html.escape(content))
    return Markup("".join(map(join, content)))
