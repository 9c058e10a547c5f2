"""The page as a document: complete, escaped, every number with the way to its raw values."""

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from analog_bench.errors import StoreError
from analog_bench.report.contents import contents_of
from analog_bench.report.html.chapter import chapters
from analog_bench.report.html.overview import overview
from analog_bench.report.html.page import page, write_page
from tests.report.html.example_report import (
    LAYERS,
    NASTY,
    PROMPT,
    SCRIPT,
    example_contents,
    example_run,
    verdict,
)

OWN_NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Document(HTMLParser):
    """What a browser would make of a page: its elements, and the text outside scripts."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self._inside = [], "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag != "wbr":
            self.text += " "

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def document(html):
    return Document(html)


def test_it_fetches_nothing_and_runs_its_own_script_alone(html, document):
    assert set(re.findall(r"https?://[^\s\"'<>]+", html)) == OWN_NAMESPACES
    assert not any(attributes.get("src") for _, attributes in document.elements)
    assert [link["href"] for link in document.all("link")] == ["data:,"]
    assert len(document.all("script")) == 1
    script = html.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = document.all("meta")[1]["content"]
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}';" in policy


def test_markup_in_names_prompts_and_texts_is_text(html, document):
    assert SCRIPT not in html
    assert document.all("img") == []
    for shown in (SCRIPT, NASTY, f"pytest bench --prompt '{PROMPT}'", f"no C++ tile: {SCRIPT}"):
        assert shown in document.text
    assert f"direct {SCRIPT} wrote 0" in document.text
    assert not any(
        name.startswith("on") for _, attributes in document.elements for name in attributes
    )


def test_every_link_leads_somewhere_on_the_page(document):
    ids = Counter(found["id"] for _, found in document.elements if found.get("id"))
    assert [name for name, times in ids.items() if times > 1] == []
    # Plots link by the older attribute, too.
    links = {found.get("href") or found.get("xlink:href") for found in document.all("a")}
    assert {link.lstrip("#") for link in links} <= ids.keys()
    cases = {link for link in links if link.startswith("#case-")}
    assert len(cases) >= len([r for r in example_run().results if r.status == "measured"]) - 2


def test_the_first_screen_says_what_it_comes_to(document):
    first = document.text.partition("Which layers the model depends on")[0]
    words = " ".join(first.split())
    assert "1 regressed of 83 cases" in words
    for count in ("83 cases", "1 ▼ regressed", "1 ▲ improved", "80 = equivalent", "1 – skipped"):
        assert count in words
    assert "▼ regressed −4.0 ±0.5 points of F1" in words
    assert words.index("▼ regressed −4.0") < words.index("▲ improved +3.0")
    assert "Baseline of 2026-11-20 (aihwkit 1.0.0, torch 2.10.0, commit aaaaaaaaaaaa)." in words
    assert "aihwkit 1.1.0, torch 2.11.0" in words
    assert "torch: works, cpp: no" in words
    assert "What lost most bert F1 (points), digital 70.0 embeddings.word_embeddings" in words


@pytest.mark.parametrize(
    ("given", "headline"),
    [
        ({}, "Nothing regressed among 82 cases compared"),
        ({"at0": verdict("broken")}, "1 broken of 83 cases"),
        ({"at0": verdict("broken"), "at1": verdict("regressed", -2.0)}, "1 regressed and 1 broken"),
    ],
)
def test_headlines(given, headline):
    assert overview(example_contents(**given)).headline.startswith(headline)


def test_without_a_baseline_it_says_so():
    run = example_run()
    new = {(r.case_id, r.study): verdict("new") for r in run.results}
    found = overview(contents_of(run, new, {}))
    assert (found.headline, found.tone) == ("83 cases, no baseline yet to compare with", "plain")
    found = overview(contents_of(run, {}, {}))
    assert (found.headline, found.counts) == ("83 cases, not compared with a baseline", ())


def test_a_digital_model_that_changed_stands_first():
    run = example_run()
    verdicts = {(r.case_id, r.study): verdict("equivalent", 0.0) for r in run.results}
    digital = {("drift", "bert"): {"f1": verdict("regressed", -3.0)}}
    found = overview(contents_of(run, verdicts, digital))
    assert (found.headline, found.tone) == ("The digital model changed", "bad")
    ((kind, what, score, _),) = found.digital
    assert (kind.text, what.text, score.text) == ("regressed", "bert digital, F1", "70.00")


def test_every_chip_of_every_case_is_there(document):
    words = " ".join(document.text.split())
    raw = words[words.index("Raw values") :]
    for chip in example_run().results[2].chips:
        assert f"{chip.chip} {chip.scores['f1']:.3f} {chip.scores['em']:.3f}" in raw
    assert raw.count("digital 70.000 35.000") == 79
    for layer in LAYERS:
        assert raw.count(f"case bert/{layer}/white_output:std=1") == 1
    assert raw.count(f"{PROMPT}, direct {SCRIPT} wrote 0") == 2
    assert "change -4.0 ±0.5 points, paired chips, 2 looks" in raw


def test_every_plot_has_its_table(document, html):
    figures = html.count("<figure>")
    assert figures == len(document.all("figcaption")) >= 13
    assert (
        len(re.findall(r"<figure>.*?<svg.*?<details class=\"data\">.*?</figure>", html, re.S))
        == figures
    )
    assert "NaN" not in html


def test_equal_runs_give_equal_pages():
    run = example_run()
    some = tuple(r for r in run.results if r.study in ("drift", "generation"))
    contents = contents_of(replace(run, results=some), {}, {})
    assert page(contents) == page(contents)


def test_results_without_histograms_or_scores_make_a_page():
    run = example_run()
    old = tuple(
        replace(r, facts=replace(r.facts, histogram=None)) for r in run.results if r.model == "bert"
    )
    (bert,) = chapters(contents_of(replace(run, results=old), {}, {}))
    headings = [section.title for section in bert.sections]
    assert "Loss and the spread of the weights" in headings
    assert not any(heading.startswith("Weights of") for heading in headings)
    nothing = tuple(replace(r, status="skipped", reason="no", chips=(), facts=None) for r in old)
    html = page(contents_of(replace(run, results=nothing), {}, {}))
    assert "<figure>" not in html
    assert html.count('class="case"') == len(nothing)


def test_a_page_that_cannot_be_written_is_one_line(tmp_path, contents):
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(StoreError, match=r"cannot write the report to .*taken\.html"):
        write_page(tmp_path / "taken.html", contents)
