"""The report as one HTML page for screens, phones and paper, with all figures in it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from experiments.harness.results import Claim, Verdict
from experiments.report.markup import Markup, element
from experiments.report.section import Figure, Section, all_claims

STYLE = Path(__file__).with_name("report.css")
# Sign and CSS class by `Claim.held`. The sign stands beside the colour for print in grey and for
# readers who cannot tell red from green.
SIGNS = {True: ("✓", "held"), False: ("✗", "failed"), None: ("?", "open")}
# CSS pixels per pixel of a figure: its letters are then as large as the page's, whatever its number
# of columns.
SCALE = 0.75
# Width over height from which on a figure has several panels side by side.
WIDE = 1.7
PAPER = "https://arxiv.org/abs/1802.06509"


def page(sections: Sequence[Section], failures: Sequence[tuple[str, str]] = ()) -> str:
    """Return the page.

    Args:
        sections: One section an experiment, in the order of the page.
        failures: Pairs of an experiment that did not end well and the reason; default none.
    """
    body = [
        _header(sections),
        _failures(failures),
        _contents(sections),
        _summary(sections),
        *map(_section, sections),
    ]
    written = datetime.now(timezone.utc)
    footer = element(
        "footer", f"Written by python -m experiments.report, {written:%Y-%m-%d %H:%M} UTC."
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", "Implicit acceleration by overparameterization: report"),
        element("style", Markup(STYLE.read_text(encoding="utf-8"))),
    )
    document = element("html", head, element("body", element("main", body, footer)), lang="en")
    return f"<!doctype html>\n{document}\n"


def _header(sections: Sequence[Section]) -> Markup:
    count = Counter(claim.verdict for claim in all_claims(sections))
    names = [verdict.value for verdict in Verdict]
    tested = ", ".join(f"{count[name]} {name}" for name in names if count[name])
    warnings = dict.fromkeys(warning for section in sections for warning in section.warnings)
    return element(
        "header",
        element("h1", "Implicit acceleration by overparameterization"),
        element(
            "p",
            "Arora, Cohen and Hazan, ",
            element("a", "On the Optimization of Deep Networks", href=PAPER),
            " (ICML 2018), run again. ",
            f"{len(sections)} experiments; claims tested: {tested or 'none'}.",
            class_="lead",
        ),
        [
            element(
                "p",
                f"{warning} (",
                ", ".join(s.experiment for s in sections if warning in s.warnings),
                ")",
                class_="warning",
            )
            for warning in warnings
        ],
    )


def _failures(failures: Sequence[tuple[str, str]]) -> Markup | None:
    if not failures:
        return None
    items = [
        element("li", element("b", experiment), f": {reason}") for experiment, reason in failures
    ]
    return element(
        "div",
        element("p", "Did not finish:"),
        element("ul", items),
        class_="warning",
        role="alert",
    )


def _contents(sections: Iterable[Section]) -> Markup:
    items = [
        element(
            "li",
            element("a", section.experiment, href=f"#{section.experiment}"),
            " ",
            element("span", section.question),
        )
        for section in sections
    ]
    return element("nav", element("h2", "Contents"), element("ol", items), aria_label="Contents")


def _summary(sections: Iterable[Section]) -> Markup:
    """Return the claims of all experiments with their verdicts."""
    parts = []
    for section in sections:
        if not section.results.claims:
            continue
        link = element("a", section.experiment, href=f"#{section.experiment}")
        marks = ", ".join(warning.partition(":")[0] for warning in section.warnings)
        mark = element("span", marks, class_="mark") if marks else None
        parts.append(element("h3", link, " ", mark))
        parts.append(_claims(section.results.claims, with_numbers=False))
    if not parts:
        return Markup()
    return element("section", element("h2", "Claims and verdicts"), parts, id="claims")


def _section(section: Section) -> Markup:
    results = section.results
    parts = [
        element("h2", section.experiment),
        element("p", section.question, class_="lead"),
        [element("p", warning, class_="warning") for warning in section.warnings],
        _explanation(section.explanation),
        element("pre", element("code", section.command), class_="command"),
        element("p", "Data: ", element("b", section.data)) if section.data else None,
        [_figure(figure) for figure in section.figures],
        [element("h3", "Claims"), _claims(results.claims)] if results.claims else None,
        [
            [element("h3", table.title), _table(table.columns, table.rows)]
            for table in results.tables
            if table.rows
        ],
        element("h3", "Run"),
        _definitions(section.environment, "facts"),
        _settings(section.settings),
    ]
    return element("section", parts, id=section.experiment, class_="experiment")


def _explanation(text: str) -> list[Markup]:
    """Return the docstring's paragraphs.

    Indented ones are formulas; the one with the command is left out, for the command stands below.
    """
    blocks = [block for block in text.split("\n\n") if block.strip() and "python -m" not in block]
    return [
        element("pre" if block.startswith("    ") else "p", block, class_="about")
        for block in blocks
    ]


def _settings(settings: Sequence[tuple[str, str]]) -> Markup | None:
    if not settings:
        return None
    entries = _definitions(settings, "facts settings")
    return element("details", element("summary", "All settings"), entries)


def _figure(figure: Figure) -> Markup:
    content = base64.b64encode(figure.path.read_bytes()).decode("ascii")
    width, height = figure.size
    alt = f"Figure: {figure.title}. {figure.note}".strip()
    source = f"data:image/png;base64,{content}"
    style = f"max-width:min(100%, {SCALE * width:.0f}px)"
    image = element("img", src=source, alt=alt, width=width, height=height, style=style)
    return element(
        "figure",
        element("div", image, class_=shape_of(figure)),
        element("figcaption", figure.title),
    )


def shape_of(figure: Figure) -> str:
    """Return `"wide"` for panels side by side, which a phone shows one at a time, or `"single"`."""
    width, height = figure.size
    return "wide" if width > WIDE * height else "single"


def _claims(claims: Iterable[Claim], with_numbers: bool = True) -> Markup:
    items = []
    for claim in claims:
        sign, kind = SIGNS[claim.held]
        hidden_sign = element("span", sign, aria_hidden="true")
        chip = element("span", hidden_sign, " ", claim.verdict, class_=f"chip {kind}")
        numbers = None
        if with_numbers and claim.numbers:
            numbers = element("span", claim.numbers, class_="numbers")
        items.append(element("li", chip, element("span", claim.text, numbers, class_="claim")))
    return element("ul", items, class_="claims" if with_numbers else "claims brief")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    head = element("tr", [element("th", column, scope="col") for column in columns])
    body = []
    for first, *others in rows:
        cells = [element("td", value) for value in others]
        body.append(element("tr", element("th", first, scope="row"), cells))
    return _scrolling(element("table", element("thead", head), element("tbody", body)))


def _scrolling(content: Markup) -> Markup:
    """Return content in a box of its own that scrolls sideways, also from the keyboard."""
    return element("div", content, class_="scroll", tabindex=0)


def _definitions(entries: Iterable[tuple[str, str]], kind: str) -> Markup:
    items = [[element("dt", name), element("dd", value)] for name, value in entries]
    return element("dl", items, class_=kind)
