"""The report as one HTML page that needs nothing else: no network, no other file; for screens, phones and paper."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from experiments.harness.results import Claim
from experiments.report.markup import Markup, element
from experiments.report.section import Figure, Section, verdicts

STYLE = Path(__file__).with_name("report.css")
# A sign beside the colour: for print in grey, and for readers who do not tell red from green.
SIGNS = {True: ("✓", "held"), False: ("✗", "failed"), None: ("?", "open")}
# CSS pixels a pixel of a figure: its letters are then as large as the page's, however many columns it has.
SCALE = 0.75
# Width over height from which on a figure has several panels side by side.
WIDE = 1.7
PAPER = "https://arxiv.org/abs/1802.06509"


def page(sections: Sequence[Section], failures: Sequence[tuple[str, str]] = ()) -> str:
    """The page.

    Args:
        sections: one an experiment, in order.
        failures: (experiment, what happened) of those that did not come to an end.
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
    count = Counter(claim.verdict for _, claim in verdicts(list(sections)))
    told = [
        f"{number} {verdict}"
        for verdict in ("held", "did not hold", "cannot tell")
        if (number := count[verdict])
    ]
    warnings = dict.fromkeys(warning for section in sections for warning in section.warnings)
    return element(
        "header",
        element("h1", "Implicit acceleration by overparameterization"),
        element(
            "p",
            "Arora, Cohen and Hazan, ",
            element("a", "On the Optimization of Deep Networks", href=PAPER),
            " (ICML 2018), run again. ",
            f"{len(sections)} experiments; claims tested: {', '.join(told) or 'none'}.",
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
        element("p", "Did not come to an end:"),
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
    """The claims of all experiments with their verdicts."""
    parts = []
    for section in sections:
        if section.outcome.claims:
            link = element("a", section.experiment, href=f"#{section.experiment}")
            marks = element(
                "span", ", ".join(w.partition(":")[0] for w in section.warnings), class_="mark"
            )
            parts.append(element("h3", link, " ", marks if section.warnings else None))
            parts.append(_claims(section.outcome.claims, with_numbers=False))
    return (
        element("section", element("h2", "Claims and verdicts"), parts, id="claims")
        if parts
        else Markup()
    )


def _section(section: Section) -> Markup:
    outcome = section.outcome
    parts = [
        element("h2", section.experiment),
        element("p", section.question, class_="lead"),
        [element("p", warning, class_="warning") for warning in section.warnings],
        _about(section.about),
        element("pre", element("code", section.command), class_="command"),
        element("p", "Data: ", element("b", section.data)) if section.data else None,
        [_figure(figure) for figure in section.figures],
        [element("h3", "What it printed"), _scrolling(element("pre", outcome.printed))]
        if outcome.printed
        else None,
        [element("h3", "Claims"), _claims(outcome.claims)] if outcome.claims else None,
        [
            [element("h3", table.title), _table(table.columns, table.rows)]
            for table in outcome.tables
            if table.rows
        ],
        element("h3", "Run"),
        _definitions(section.facts, "facts"),
        element(
            "details",
            element("summary", "All settings"),
            _definitions(section.settings, "facts settings"),
        )
        if section.settings
        else None,
    ]
    return element("section", parts, id=section.experiment, class_="experiment")


def _about(text: str) -> list[Markup]:
    """The docstring's paragraphs; the indented ones are formulas, but for the command, which is shown anyway."""
    blocks = [block for block in text.split("\n\n") if block.strip() and "python -m" not in block]
    return [
        element("pre" if block.startswith("    ") else "p", block, class_="about")
        for block in blocks
    ]


def _figure(figure: Figure) -> Markup:
    content = base64.b64encode(figure.path.read_bytes()).decode("ascii")
    width, height = figure.size
    alt = f"Figure: {figure.title}. {figure.note}".strip()
    source, style = (
        f"data:image/png;base64,{content}",
        f"max-width:min(100%, {SCALE * width:.0f}px)",
    )
    image = element("img", src=source, alt=alt, width=width, height=height, style=style)
    return element(
        "figure",
        element("div", image, class_=shape_of(figure)),
        element("figcaption", figure.title),
    )


def shape_of(figure: Figure) -> str:
    """`"wide"` for several panels side by side, which a phone shows one at a time; else `"single"`."""
    width, height = figure.size
    return "wide" if width > WIDE * height else "single"


def _claims(claims: Iterable[Claim], with_numbers: bool = True) -> Markup:
    items = []
    for claim in claims:
        sign, kind = SIGNS[claim.held]
        chip = element(
            "span",
            element("span", sign, aria_hidden="true"),
            " ",
            claim.verdict,
            class_=f"chip {kind}",
        )
        numbers = (
            element("span", claim.numbers, class_="numbers")
            if with_numbers and claim.numbers
            else None
        )
        items.append(element("li", chip, element("span", claim.text, numbers, class_="claim")))
    return element("ul", items, class_="claims" if with_numbers else "claims brief")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    head = element("tr", [element("th", column, scope="col") for column in columns])
    body = [
        element(
            "tr", element("th", row[0], scope="row"), [element("td", value) for value in row[1:]]
        )
        for row in rows
    ]
    return _scrolling(element("table", element("thead", head), element("tbody", body)))


def _scrolling(content: Markup) -> Markup:
    """What may be wider than the screen scrolls by itself, also from the keyboard."""
    return element("div", content, class_="scroll", tabindex=0)


def _definitions(entries: Iterable[tuple[str, str]], kind: str) -> Markup:
    return element(
        "dl", [[element("dt", name), element("dd", value)] for name, value in entries], class_=kind
    )
