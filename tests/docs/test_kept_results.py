"""Figures of the pages come from results files that are kept with them."""

import json
import re
from pathlib import Path

import pytest
from transformers import BertConfig

from analog_bench.cli import main
from analog_bench.report.as_markdown import markdown
from analog_bench.report.energy_table import energy_text
from analog_bench.report.propagation_table import propagation_table
from analog_bench.report.run_tables import run_tables
from analog_bench.report.waterfall_table import waterfall_tables
from analog_bench.store.run_file import read_run

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results.md"
NIGHT = ROOT / "docs" / "night.md"
PAGES = (ROOT / "README.md", RESULTS, NIGHT)
KEPT = sorted((ROOT / "docs" / "results").glob("*.json"))
# Over chips, and over chips and examples.
ESTIMATE = re.compile(r"\d+\.\d+ ±\d+\.\d+ \(±\d+\.\d+\)")


@pytest.fixture(scope="module")
def runs():
    """Return the kept runs by the names of their files."""
    assert KEPT
    return {path.name: read_run(path) for path in KEPT}


def test_each_is_whole_and_named_and_tells_nothing_of_a_machine(runs):
    pages = "".join(page.read_text() for page in PAGES)
    for name, run in runs.items():
        assert f"results/{name}" in pages, name
        assert run.incomplete is None, name
        assert not re.search(r"(?:^|[\s=])[/~]\w", run.manifest.command), run.manifest.command


def test_tables_say_what_the_report_says_of_them(runs):
    tables = [blocks for run in runs.values() for blocks in run_tables(run.groups, None)]
    said = "".join(markdown(blocks) for blocks in tables)
    known = set(ESTIMATE.findall(said))
    sections = [part for page in PAGES for part in page.read_text().split("\n## ")]
    telling = [part for part in sections if "](results/" in part or "docs/results/" in part]
    assert telling
    for part in telling:
        rows = [line for line in part.splitlines() if line.startswith("|")]
        unknown = [found for row in rows for found in ESTIMATE.findall(row) if found not in known]
        assert unknown == [], part.partition("\n")[0]


@pytest.mark.parametrize("tables", [propagation_table, waterfall_tables])
def test_pages_tell_them_in_the_report_s_own_rows(runs, tables):
    page = [*RESULTS.read_text().splitlines(), *NIGHT.read_text().splitlines()]
    for run in runs.values():
        for group in run.groups:
            blocks = list(tables(group.results, group.main))
            rows = [line for line in markdown(blocks).splitlines() if line.startswith("|")]
            # The heading is the page's own.
            assert [row for row in rows[2:] if row not in page] == []


@pytest.mark.parametrize("column", range(2, 6))
def test_energies_are_those_that_are_computed_now(tmp_path, monkeypatch, capsys, column):
    lines = RESULTS.read_text().partition("## Energy")[2].partition("## Plans")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("|")]
    model = rows[0][column].strip("`")
    if model == "BERT-base":
        model = "./bert-base"
        monkeypatch.chdir(tmp_path)
        BertConfig(architectures=["BertForQuestionAnswering"]).save_pretrained("bert-base")
    assert main(["energy", model, "--json"]) == 0
    computed = {one["scenario"]: one for one in json.loads(capsys.readouterr().out)["scenarios"]}
    told = {row[1].split("`")[1]: row[column] for row in rows if row[1].endswith(("`", "†"))}
    assert told == {
        name: f"{energy_text(one['pj_per_token'] / 1e3)} ({one['int8_pj'] / one['pj']:.2f}x)"
        for name, one in computed.items()
    }
