"""The report as one HTML page for screens, phones and paper, with all figures in it.

The page is the template `page.html.jinja` beside this file, filled with the sections.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from experiments.harness.results import Verdict
from experiments.report.section import Figure, Section, all_claims

FOLDER = Path(__file__).parent
# Sign and CSS class by `Claim.held`. The sign stands beside the colour for print in grey and for
# readers who cannot tell red from green.
SIGNS = {True: ("✓", "held"), False: ("✗", "failed"), None: ("?", "open")}
# CSS pixels per pixel of a figure: its letters are then as large as the page's, whatever its number
# of columns.
SCALE = 0.75
# Width over height from which on a figure has several panels side by side.
WIDE = 1.7


def page(sections: Sequence[Section], failures: Sequence[tuple[str, str]] = ()) -> str:
    """Return the page.

    Args:
        sections: One section an experiment, in the order of the page.
        failures: Pairs of an experiment that did not end well and the reason; default none.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return templates.get_template("page.html.jinja").render(
        sections=sections,
        failures=failures,
        tested=_verdicts_in_words(sections),
        warnings=_experiments_by_warning(sections),
        written=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        style=(FOLDER / "report.css").read_text(encoding="utf-8"),
        signs=SIGNS,
        scale=SCALE,
        marks=_marks,
        paragraphs=_paragraphs,
        shape_of=shape_of,
        content_of=_content_of,
    )


def _verdicts_in_words(sections: Sequence[Section]) -> str:
    """Return how often each verdict was reached, `"2 held, 1 cannot tell"`, or `"none"`."""
    count = Counter(claim.verdict for claim in all_claims(sections))
    names = [verdict.value for verdict in Verdict]
    return ", ".join(f"{count[name]} {name}" for name in names if count[name]) or "none"


def _experiments_by_warning(sections: Sequence[Section]) -> dict[str, list[str]]:
    experiments: dict[str, list[str]] = {}
    for section in sections:
        for warning in section.warnings:
            experiments.setdefault(warning, []).append(section.experiment)
    return experiments


def _marks(section: Section) -> str:
    """Return a section's warnings in a few words, for the summary."""
    return ", ".join(warning.partition(":")[0] for warning in section.warnings)


def _paragraphs(section: Section) -> list[str]:
    """Return the docstring's paragraphs; indented ones are formulas.

    The one with the command is left out, for the command stands below.
    """
    blocks = section.explanation.split("\n\n")
    return [block for block in blocks if block.strip() and "python -m" not in block]


def _content_of(figure: Figure) -> str:
    return base64.b64encode(figure.path.read_bytes()).decode("ascii")


def shape_of(figure: Figure) -> str:
    """Return `"wide"` for panels side by side, which a phone shows one at a time, or `"single"`."""
    width, height = figure.size
    return "wide" if width > WIDE * height else "single"
