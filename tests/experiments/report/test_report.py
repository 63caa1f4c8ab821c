"""The page: well-formed, self-contained, escaped, and nothing of the runs left out."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from experiments.report.command import main
from experiments.report.page import shape_of
from experiments.report.section import Figure
from tests.experiments.refusals import assert_refused
from tests.experiments.run_folders import CLAIMS, NASTY, make_run

VOID = ("br", "hr", "img", "input", "link", "meta")  # elements without an end tag


class Page(HTMLParser):
    """Elements, text and links of a page; it fails if a tag is not closed as it was opened."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag, attribute):
        return [
            attributes[attribute]
            for name, attributes in self.elements
            if name == tag and attribute in attributes
        ]


def page_of(logdir, *options):
    main(["--logdir", str(logdir), *options])
    return Page((logdir / "report.html").read_text(encoding="utf-8"))


@pytest.fixture
def page(tmp_path):
    make_run(tmp_path, "optimizer_compare", "run")
    make_run(tmp_path, "depth_compare", "quick", quick=True, synthetic=True, status="interrupted")
    return page_of(tmp_path)


def test_nothing_comes_from_elsewhere(page):
    assert {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "iframe",
        "object",
        "base",
    } == set()
    assert len(page.all("img", "src")) == 2
    assert all(source.startswith("data:image/png;base64,") for source in page.all("img", "src"))
    style = page.text[: page.text.index("}")]
    assert "url(" not in style and "@import" not in page.text


def test_every_claim_is_there_twice_with_its_verdict(page):
    for claim in CLAIMS:
        assert page.text.count(claim.text) == 4  # in the summary and in its section, of both runs
        assert page.text.count(claim.verdict) >= 4
    assert "2 held, 2 did not hold, 2 cannot tell" in page.text


def test_text_is_escaped(page, tmp_path):
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert NASTY not in source and "&lt;script&gt;" in source
    assert page.text.count(NASTY) >= 6 and NASTY in page.all("img", "alt")[0]


def test_quick_synthetic_and_unfinished_runs_say_so(page):
    assert (
        page.text.count("SYNTHETIC DATA") == page.text.count("QUICK RUN") == 3
    )  # on top, in the summary, in place
    assert "NOT FINISHED: interrupted" in page.text


def test_contents_lead_to_every_section(page):
    ids = page.all("section", "id")
    assert ids == ["claims", "optimizer_compare", "depth_compare"]
    assert {link[1:] for link in page.all("a", "href") if link.startswith("#")} == set(ids) - {
        "claims"
    }
    assert "can depth alone beat optimizers that were made for acceleration?" in page.text
    assert "python -m experiments.optimizer_compare --name run" in page.text


@pytest.mark.parametrize(("size", "shape"), [((1600, 700), "wide"), ((800, 600), "single")])
def test_figures_fit_paper_and_those_of_several_panels_a_phone(size, shape, tmp_path, page):
    assert all(style.startswith("max-width:min(100%, ") for style in page.all("img", "style"))
    assert shape_of(Figure(tmp_path, "", "", size)) == shape


def test_the_newest_run_of_each_is_shown(tmp_path):
    make_run(tmp_path, name="older", machine="the older machine")
    make_run(tmp_path, name="newer", machine="the newer machine")
    text = page_of(tmp_path).text
    assert "the newer machine" in text and "the older machine" not in text


def test_a_damaged_run_is_listed_and_the_others_are_shown(tmp_path, capsys):
    make_run(tmp_path)
    damaged = make_run(tmp_path, "depth_compare")
    (damaged.path / "report.json").write_text("{")
    with pytest.raises(SystemExit) as caught:
        page_of(tmp_path)
    assert caught.value.code == 2 and "--redraw" in capsys.readouterr().err
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert (
        "Did not finish" in page.text
        and "depth_compare: Expected a readable report.json" in page.text
    )
    assert "optimizer_compare" in page.all("section", "id")


@pytest.mark.parametrize("options", [[], ["--experiments", "nothing"]])
def test_without_runs_one_line(options, tmp_path, capsys):
    assert_refused("report", main, options, tmp_path / "logs", capsys)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", '{"options": null}'),
        ("config.json", '{"data": [], "command": 3}'),
        ("report.json", '{"tables": [{"title": "t", "columns": ["a"], "rows": [[]]}]}'),
    ],
)
def test_a_foreign_folder_is_listed_and_the_others_are_shown(name, content, tmp_path, capsys):
    make_run(tmp_path)
    (make_run(tmp_path, "depth_compare").path / name).write_text(content)
    with pytest.raises(SystemExit) as caught:
        page_of(tmp_path)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.count("\n") == 1 and name in error
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Did not finish" in page.text and "optimizer_compare" in page.all("section", "id")
