"""The page as a document: complete, escaped, every number with the way to its raw values."""

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from markupsafe import escape
from msgspec.structs import replace

from analog_bench.errors import StoreError
from analog_bench.records import Margin
from analog_bench.report.page.chapters import chapters, findings
from analog_bench.report.page.document import page, write_page
from analog_bench.report.page.first_screen import first_screen
from analog_bench.report.page.html import parted
from analog_bench.report.report_contents import contents_of
from analog_bench.store.run import Incomplete, Unmeasured
from tests.report.example_report import (
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
    assert "Baseline of 2026-11-20 (aihwkit 1.0.0, torch 2.10.0, commit aaaaaaaaa)." in words
    assert "aihwkit 1.1.0, torch 2.11.0" in words
    assert "torch: works, cpp: no" in words
    assert (
        "What lost most bert (MiniLM-L6) · F1 (points), direct weights case loss score digital "
        "layer_noise · embeddings.word_embeddings · pcm · 1 d · C++ tile "
        "61.0 9.0 ±1.2 70.0" in words
    )


@pytest.mark.parametrize(
    ("given", "headline"),
    [
        ({}, "Nothing regressed among 82 cases compared"),
        ({"at0": verdict("broken")}, "1 broken of 83 cases"),
        ({"at0": verdict("broken"), "at1": verdict("regressed", -2.0)}, "1 regressed and 1 broken"),
    ],
)
def test_headlines(given, headline):
    assert first_screen(example_contents(**given)).headline.startswith(headline)


def test_without_a_baseline_it_says_so():
    run = example_run()
    new = {r.identity: verdict("new") for r in run.results}
    found = first_screen(contents_of(run, new, {}))
    assert (found.headline, found.tone) == ("83 cases, no baseline yet to compare with", "plain")
    found = first_screen(contents_of(run, {}, {}))
    assert found.headline == "83 cases, not compared with a baseline"
    assert [*found.counts] == [("skipped", 1)]
    assert found.changes_note == ""


def test_what_could_not_be_measured_is_seen_without_verdicts():
    run = example_run()
    broken = replace(run.results[0], status="broken", reason="no finite score", chips=())
    found = first_screen(contents_of(replace(run, results=(broken, *run.results[1:])), {}, {}))
    assert (found.headline, found.tone) == ("1 broken of 83 cases", "bad")
    assert [*found.counts] == [("broken", 1), ("skipped", 1)]
    ((kind, why, case),) = found.changes
    assert (kind.text, why) == ("broken", "no finite score")
    assert case.text == f"layer_noise · {broken.case_id}"
    assert found.reasons == (f"1 skipped: no C++ tile: {SCRIPT}",)


def test_nothing_lost_is_said_of_what_was_measured_alone():
    result = replace(example_run().results[0], digital={"f1": 10.0})
    skipped = replace(result, status="skipped", reason="no", chips=())
    for one, note in (
        (result, "Nothing lost more than its margin."),
        (skipped, "Nothing was measured."),
    ):
        contents = contents_of(replace(example_run(), results=(one,)), {}, {})
        assert first_screen(contents).worst == ()
        assert note in " ".join(Document(page(contents)).text.split())


def judged_as(**kinds):
    """Return the first screen of as many cases of each kind."""
    names = [kind for kind, number in kinds.items() for _ in range(number)]
    run = replace(example_run(), results=example_run().results[: len(names)])
    given = {r.identity: verdict(kind, 0.1) for r, kind in zip(run.results, names, strict=True)}
    return first_screen(contents_of(run, given, {}))


def test_inconclusive_is_not_unchanged():
    some = judged_as(equivalent=3, inconclusive=2)
    assert some.headline == "No regression is shown among 5 cases compared, 2 of them inconclusive"
    assert some.tone == "good"
    assert some.changes_note == (
        "No case is shown to have changed by more than its margin; of 2 it cannot be told."
    )
    none = judged_as(inconclusive=4)
    assert none.headline == "Whether anything changed cannot be told among 4 cases compared"
    assert none.tone == "plain"


def test_regressed_is_counted_where_something_was_compared():
    assert [*judged_as(new=2).counts] == [("new", 2)]
    assert [*judged_as(new=1, equivalent=1).counts] == [
        ("regressed", 0),
        ("equivalent", 1),
        ("new", 1),
    ]


def of_two_studies(margins=None):
    """Return the whole model in two studies, whose data the digital model scores unlike."""
    run = example_run()
    chosen = [r for r in run.results if r.study == "drift" and r.variant == "direct"][:2]
    other = [
        replace(r, study="noise_types", digital={"f1": 60.0}, protocol="other") for r in chosen
    ]
    scopes = tuple(
        replace(scope, margins=(margins or {}).get(scope.study, {})) for scope in run.scopes
    )
    return replace(run, scopes=scopes, results=(*chosen, *other))


def test_score_loss_and_digital_of_what_lost_most_add_up():
    (worst,) = first_screen(contents_of(of_two_studies(), {}, {})).worst
    rows = worst.table.rows
    assert [tuple(cell.text for cell in row if cell.bar is None) for row in rows] == [
        ("drift · whole model · 1 s", "21.0", "49.0 ±5.0", "70.0"),
        ("drift · whole model", "20.0", "50.0 ±5.0", "70.0"),
        ("noise_types · whole model · 1 s", "11.0", "49.0 ±5.0", "60.0"),
        ("noise_types · whole model", "10.0", "50.0 ±5.0", "60.0"),
    ]
    assert [row[1].bar for row in rows][::3] == [1.0, 10 / 21]


def test_what_keeps_within_its_margin_takes_no_place_among_the_worst():
    run = of_two_studies({"drift": {"f1": Margin(25.0, "few examples")}})
    many = tuple(replace(r, case_id=f"{r.case_id}/{n}") for n in range(3) for r in run.results)
    (worst,) = first_screen(contents_of(replace(run, results=many), {}, {})).worst
    assert {row[0].text.partition(" · ")[0] for row in worst.table.rows} == {"noise_types"}
    assert len(worst.table.rows) == 4


def test_changes_name_the_study_of_a_case():
    run = of_two_studies()
    given = {r.identity: verdict("regressed", -2.0) for r in run.results}
    found = first_screen(contents_of(run, given, {})).changes
    assert len({case.text for _, _, case in found}) == len(run.results)


def test_a_digital_model_that_changed_stands_first():
    run = example_run()
    verdicts = {r.identity: verdict("equivalent", 0.0) for r in run.results}
    digital = {("drift", "bert"): {"f1": verdict("regressed", -3.0)}}
    found = first_screen(contents_of(run, verdicts, digital))
    assert (found.headline, found.tone) == ("The digital model changed", "bad")
    assert found.verdict == ""
    ((kind, what, score, _),) = found.digital.rows
    assert (kind.text, what.text, score.text) == (
        "regressed",
        "bert (MiniLM-L6) digital, F1",
        "70.00",
    )


def test_the_headline_is_the_finding_unless_something_failed():
    run = example_run()
    said = ("bert · Half is left.", "gpt · All is left.")
    for kind, headline in (("equivalent", said[0]), ("regressed", "83 regressed of 83 cases")):
        verdicts = {r.identity: verdict(kind, 0.0) for r in run.results}
        found = first_screen(contents_of(run, verdicts, {}), said)
        assert found.headline == headline
        assert found.findings == (said[1:] if headline == said[0] else said)
        assert bool(found.verdict) == (headline == said[0])


def test_of_a_model_that_guesses_the_headline_says_so():
    run = example_run()
    own = tuple(replace(r, chance=dict(r.digital)) for r in run.results if r.study == "layer_noise")
    contents = contents_of(replace(run, results=own), {}, {})
    (said,) = findings(contents, chapters(contents))
    # Nor is it a baseline.
    for results, advised in ((own, False), (of_study("layer_noise"), True)):
        new = {result.identity: verdict("new") for result in results}
        first = first_screen(contents_of(replace(run, results=results), new, {}))
        assert ("--update-baselines" in first.changes_note) == advised
    assert said.startswith(
        "bert (MiniLM-L6) · The digital model itself is not known to be better than guessing: F1 70"
    )

    def titles(of):
        return {section.title for chapter in chapters(of) for section in chapter.sections}

    # Nor do its weights say anything of what it loses.
    known = titles(contents_of(replace(run, results=of_study("layer_noise")), {}, {}))
    assert known - titles(contents) == {
        "Loss and the spread of the weights",
        "Weights of the most and the least vulnerable layers",
    }


def of_study(name):
    return tuple(result for result in example_run().results if result.study == name)


def test_what_is_destroyed_is_named_and_has_no_order():
    guessing = tuple(replace(r, chance={"f1": 32.0}) for r in of_study("layer_noise"))
    contents = contents_of(replace(example_run(), results=guessing), {}, {})
    (worst,) = first_screen(contents).worst
    gone, layer = f"{LAYERS[0]} · white_output", f"{LAYERS[1]} · pcm · 1 d · C++ tile"
    (said,) = worst.destroyed
    assert said.startswith(f"✕ Destroyed, no better than guessing (F1 32.0): {gone}, ")
    assert worst.table.rows[0][0].text == layer
    assert "✕ Destroyed, no better" in " ".join(Document(page(contents)).text.split())
    (of_map, white, pcm) = (f.message for f in chapters(contents)[0].figures[:3])
    assert of_map.endswith("; 1 is no better than guessing.")
    for message, layers, lost in ((white, 34, 30), (pcm, 33, 31)):
        assert message.startswith(
            f"1 of {layers} layers is no better than guessing; of the others {LAYERS[1]} loses "
            f"{lost}.0"
        )


def test_every_chip_of_every_case_is_there(document):
    words = " ".join(document.text.split())
    raw = words[words.index("Raw values") :]
    for chip in example_run().results[2].chips:
        assert f"{chip.chip} {chip.scores['f1']:.3f} {chip.scores['em']:.3f}" in raw
    assert raw.count("digital 70.000 35.000") == 79
    for layer in LAYERS:
        assert raw.count(f"case bert/{layer}/white_output:std=1") == 1
    assert raw.count(f"{PROMPT}, direct {SCRIPT} wrote 0") == 2
    assert "change −4.0 ±0.5 points, confirmation chips, paired" in raw


def test_lines_of_a_case_lack_no_unit_and_round_nothing_up_to_all():
    run = example_run()
    text = next(r for r in run.results if r.study == "generation")
    text = replace(text, facts=replace(text.facts, coverage_weights=0.99963))
    given = {text.identity: verdict("inconclusive", 0.5, detectable=1.25)}
    contents = contents_of(replace(run, results=(text,)), given, {})
    ((study,),) = (chapter.studies for chapter in chapters(contents))
    lines = dict(study.cases[0].lines)
    assert lines["change"] == "+0.5 ±0.5, confirmation chips, paired"
    assert lines["detects"] == "1.2, four times in five"
    assert lines["on tiles"] == "99.9 % of the model's matrix-multiply weights"


def test_every_plot_has_its_table(document, html):
    figures = html.count("<figure>")
    assert figures == len(document.all("figcaption")) >= 13
    assert (
        len(re.findall(r"<figure>.*?<svg.*?<details class=\"data\">.*?</figure>", html, re.S))
        == figures
    )
    assert "NaN" not in html


def test_texts_stand_side_by_side_and_show_where_they_part(document, html):
    words = " ".join(document.text.split())
    assert "Some digital " in words
    for heading in ("direct after 1 s", "HWA after 1 s", "direct after 1 d", "HWA after 1 d"):
        assert f" {heading} Once {SCRIPT} upon & a time, " in words
    same = str(escape(f"Once {SCRIPT} upon & a time, "))
    rest = str(escape(f"direct {SCRIPT} wrote 0"))
    assert f'<span class="same">{same}</span>{rest}</p>' in html
    assert "generation perplexity 12.5" in words


@pytest.mark.parametrize(
    ("text", "digital", "same"),
    [
        ("one two", "one two", "one two"),
        ("one two", "one twin", "one "),
        ("x", "y", ""),
        ("", "", ""),
    ],
)
def test_texts_part_at_whole_words(text, digital, same):
    assert parted(text, digital) == (same, text.removeprefix(same))


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


def _margin_of_nothing(run):
    return replace(run, metrics={n: replace(m, margin=0.0) for n, m in run.metrics.items()})


def _nothing_lost(run):
    """Return a run whose chips score as the digital model, where that is what matters exactly."""
    same = (
        replace(r, chips=tuple(replace(chip, scores=r.digital) for chip in r.chips))
        for r in run.results
    )
    return replace(_margin_of_nothing(run), results=tuple(same))


def _facts(**changed):
    def extreme(run):
        results = (
            r if r.facts is None else replace(r, facts=replace(r.facts, **changed))
            for r in run.results
        )
        return replace(run, results=tuple(results))

    return extreme


def _scored(chip, digital):
    def extreme(run):
        def of(result):
            scores = dict.fromkeys(result.digital, chip)
            chips = tuple(replace(one, scores=scores) for one in result.chips)
            return replace(result, chips=chips, digital=dict.fromkeys(result.digital, digital))

        return replace(run, results=tuple(map(of, run.results)))

    return extreme


@pytest.mark.parametrize(
    "extreme",
    [
        _margin_of_nothing,
        _nothing_lost,
        _scored(1e308, -1e308),
        _scored(-1e308, 1e308),
        _scored(5e-324, -5e-324),
        _facts(weight_std=1e-320, weight_max=1e308),
        _facts(weight_std=0.0),
        _facts(weight_max=0.0),
    ],
    ids=["margin", "no loss", "up", "down", "tiny", "reach", "no spread", "no weight"],
)
def test_numbers_at_the_edges_make_a_page(extreme):
    run = example_run()
    some = tuple(r for r in run.results if r.study == "layer_noise")
    html = page(contents_of(extreme(replace(run, results=some)), {}, {}))
    assert html.count('class="case"') == len(some)


def test_a_page_that_cannot_be_written_is_one_line(tmp_path, contents):
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(StoreError, match=r"cannot write the report to .*taken\.html"):
        write_page(tmp_path / "taken.html", contents)


def test_a_run_that_is_not_complete_says_so_at_the_top():
    missing = Incomplete((Unmeasured("drift", SCRIPT),), f"pytest {NASTY} --resume")
    html = page(contents_of(replace(example_run(), incomplete=missing), {}, {}))
    said = f"incomplete: 1 of {len(example_run().results) + 1} cases not measured"
    assert said in html.partition('<div class="first">')[0]
    assert str(escape(NASTY)) in html
    assert SCRIPT not in html
    assert "incomplete: " not in page(contents_of(example_run(), {}, {}))
