"""`analog-bench compare`: two results files or folders, judged outside pytest."""

import json

import pytest
from msgspec.structs import replace

from analog_bench.cli import main
from analog_bench.gate.run_comparison import compare_runs
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Margin, Measurement, Metric, Result, Scope
from analog_bench.report.as_markdown import markdown
from analog_bench.report.run_comparison_table import comparison_table
from analog_bench.store.run import Incomplete, Manifest, Run, Unmeasured
from analog_bench.store.run_file import read_runs, write_run

METRICS = {"f1": Metric("f1", "points", True, 1.0), "em": Metric("em", "points", True, 1.5)}
SCOPE = Scope("layer_noise", "bert", "which layers?", "embedded", 96, "f1", {})
LAYERS = [f"encoder.layer.{n}.output.dense" for n in range(6)]


def run(drops=(), seed=7, torch="2.11.0", when="2026-11-23T10:00:00+00:00", **changed):
    """Return a run; layers named in `drops` lost so much, on initial and confirmation chips."""
    results = []
    for n, layer in enumerate(LAYERS):
        chips = tuple(
            Measurement(
                chip,
                {"f1": 60.0 + n + chip % 7 - dict(drops).get(layer, 0.0), "em": 50.0},
                {},
                (),
                1.0,
            )
            for chip in (0, 1, 2, *range(FIRST_CONFIRMATION_CHIP, FIRST_CONFIRMATION_CHIP + 6))
        )
        results.append(
            Result(
                f"bert/{layer}/white_output:std=1", "layer_noise", "bert", layer,
                "white_output:std=1", 0.0, "none", "ideal", "direct", 1, "p1", "w1", seed,
                "measured", "", {"f1": 79.0, "em": 70.0}, {"f1": 4.0, "em": 0.0}, chips,
            )
        )  # fmt: skip
    manifest = Manifest(when, seed, "pytest", {"torch": torch}, "c" * 40, {})
    made = Run(manifest, METRICS, (SCOPE,), tuple(results))
    return replace(made, **changed)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def files(tmp_path):
    def written(**runs):
        paths = []
        for name, made in runs.items():
            path = tmp_path / f"{name}.json"
            write_run(path, made)
            paths.append(str(path))
        return paths

    return written


def test_equal_runs_are_equivalent(files, capsys):
    assert main(["compare", *files(old=run(), new=run())]) == 0
    assert "6 cases: 6 equivalent" in capsys.readouterr().out


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e200])
def test_a_digital_model_without_a_finite_score_fails(files, capsys, bad):
    poisoned = tuple(replace(result, digital={"f1": bad, "em": 70.0}) for result in run().results)
    assert main(["compare", *files(old=run(), new=run(results=poisoned))]) == 1
    said = capsys.readouterr().out
    assert "digital: F1 broken: the digital model has no finite f1" in said
    assert "6 cases: 6 broken" in said
    # Nor is it a baseline: its cases have no scores to compare with.
    assert main(["compare", *files(old=run(results=poisoned), new=run())]) == 0
    assert "6 cases: 6 new" in capsys.readouterr().out


def test_the_digital_model_is_judged_by_the_direct_weights_alone(files, capsys):
    def both(trained):
        direct = run()
        hwa = tuple(
            replace(r, case_id=f"{r.case_id}/hwa", variant="hwa", weights=trained)
            for r in direct.results
        )
        return replace(direct, results=direct.results + hwa)

    # Trained anew: nothing of it can be compared, and the digital model is what it was.
    compared = compare_runs(both("w2"), both("w3"))
    assert {f.variant: {n: v.kind for n, v in f.digital.items()} for f in compared.families} == {
        "direct": {"f1": "equivalent", "em": "equivalent"},
        "hwa": {},
    }
    assert main(["compare", "--all", *files(old=both("w2"), new=both("w3"))]) == 0
    out = capsys.readouterr().out
    assert out.count("digital: F1 equivalent") == 1
    assert out.count("digital: judged with the direct weights only") == 1


def test_a_study_is_judged_in_the_metrics_that_it_scored():
    made = run()
    exact = tuple(
        replace(
            result,
            study="exact",
            digital={"em": 70.0},
            chips=tuple(replace(chip, scores={"em": 50.0}) for chip in result.chips),
        )
        for result in made.results
    )
    scopes = (SCOPE, replace(SCOPE, study="exact", main_metric="em"))
    both = replace(made, scopes=scopes, results=made.results + exact)
    compared = compare_runs(both, both)
    assert not compared.fails
    assert [sorted(family.digital) for family in compared.families] == [["em", "f1"], ["em"]]
    assert [family.metrics[0].name for family in compared.families] == ["f1", "em"]


def test_a_regression_is_named_and_sets_the_exit_code(files, capsys):
    paths = files(old=run(), new=run(drops=[(LAYERS[3], 4.0)], torch="2.15.0"))
    assert main(["compare", *paths]) == 1
    out = capsys.readouterr().out
    assert LAYERS[3] in out
    assert LAYERS[2] not in out
    assert "6 cases: 1 regressed, 5 equivalent" in out
    assert "torch: 2.11.0 -> 2.15.0" in out
    assert main(["compare", *paths, "--all"]) == 1
    assert LAYERS[2] in capsys.readouterr().out
    assert main(["compare", *reversed(paths)]) == 0
    assert "1 improved" in capsys.readouterr().out


def test_json_holds_every_verdict(files, capsys):
    assert main(["compare", *files(old=run(), new=run(drops=[(LAYERS[0], 4.0)])), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["fails"] is True
    assert said["counts"] == {"regressed": 1, "equivalent": 5}
    (family,) = said["families"]
    worst = next(case for case in family["cases"] if case["kind"] == "regressed")
    assert (worst["change"], worst["paired"], worst["looks"]) == (-4.0, True, 2)
    assert {"interval", "margin", "detectable", "p", "reason"} < worst.keys()
    assert {verdict["kind"] for verdict in family["digital"]} == {"equivalent"}


def test_markdown_escapes_what_would_be_markup(files):
    tricky = replace(SCOPE, data="<script>|*x*")
    new = run(drops=[(LAYERS[1], 4.0)], scopes=(tricky,))
    text = markdown(comparison_table(compare_runs(run(), new)))
    assert "<script>" not in text
    assert "\\<script\\>\\|\\*x\\*" in text
    (row,) = [line for line in text.splitlines() if "regressed" in line and line.startswith("|")]
    assert row.count(" | ") == 4


def test_line_breaks_in_names_start_no_line_of_their_own(tmp_path):
    odd = "\n\n# in\r\nthe way"
    made = run(torch=f"2.11.0{odd}")
    gone = replace(made.results[0], case_id=f"bert{odd}")
    alone = replace(made.results[0], case_id=f"other{odd}", study="drift")
    old = replace(
        made,
        manifest=replace(made.manifest, environment={f"torch{odd}": "1"}),
        scopes=(*made.scopes, replace(SCOPE, study="drift")),
        results=(*made.results, gone, alone),
    )
    tricky = replace(SCOPE, data=f"embedded{odd}", margins={"f1": Margin(0.5, f"short{odd}")})
    new = replace(made, scopes=(tricky,))
    compared = compare_runs(old, new)
    lines = markdown(comparison_table(compared, everything=True)).splitlines()
    assert not [line for line in lines if line.startswith(("# in", "the way"))]
    assert (
        lines[-2].rstrip().endswith(r": drift other \# in the way, layer_noise bert \# in the way")
    )


def test_a_studys_own_margin_counts(files, capsys):
    mild = run(drops=[(LAYERS[1], 0.8)])
    assert main(["compare", *files(old=run(), new=mild)]) == 0
    # Of 96 questions three chips could not tell it from one that flips now and then.
    own = replace(SCOPE, examples=960, margins={"f1": Margin(0.5, "answers are short here")})
    old, new = (replace(made, scopes=(own,)) for made in (run(), mild))
    assert main(["compare", *files(old=old, new=new)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "0.5 points matters (answers are short here)" in out


def test_folders_are_read_as_one_run_the_newest_counts(tmp_path, capsys):
    for name, made in {
        "a/first.json": run(),
        "b/early.json": run(drops=[(LAYERS[3], 9.0)], when="2026-11-22T10:00:00+00:00"),
        "b/late.json": run(when="2026-11-24T10:00:00+00:00", results=run().results[:4]),
    }.items():
        write_run(tmp_path / name, made)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "6 cases: 6 equivalent" in capsys.readouterr().out


def test_what_only_one_run_holds(files, capsys):
    fewer = run(results=run().results[1:])
    assert main(["compare", *files(old=run(), new=fewer)]) == 0
    assert (
        f"1 case is in the first run only: layer_noise {run().results[0].case_id}"
        in capsys.readouterr().out
    )
    # The same id in two studies is two cases.
    twins = tuple(replace(r, study="drift") for r in run().results[:1])
    scopes = (SCOPE, replace(SCOPE, study="drift"))
    both = run(results=(*run().results, *twins), scopes=scopes)
    assert main(["compare", *files(old=both, new=fewer)]) == 0
    assert "2 cases are in the first run only: drift bert/" in capsys.readouterr().out
    assert main(["compare", *files(old=both, new=fewer), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gone"] == [twins[0].case_id] * 2
    assert main(["compare", *files(old=fewer, new=run())]) == 0
    said = capsys.readouterr().out
    assert "not in the first run" in said
    assert "baseline" not in said
    assert "1 new" in said


def test_other_weights_and_seeds(files, capsys):
    moved = run(results=tuple(replace(r, weights="w2") for r in run().results))
    assert main(["compare", *files(old=run(), new=moved)]) == 0
    assert "6 stale" in capsys.readouterr().out
    assert main(["compare", *files(old=run(), new=run(seed=8)), "--all"]) == 0
    assert "unpaired" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no run file at"),
        ("{", "not JSON"),
        ('{"schema_version": 2}', "reads schema version 6, found"),
    ],
)
def test_bad_files_get_one_line(tmp_path, capsys, content, said):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    assert main(["compare", str(path), str(path)]) == 4
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_an_empty_folder(tmp_path, capsys):
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 4
    assert "no run file in the folder" in capsys.readouterr().err


def test_a_run_that_is_not_complete_is_told(files, capsys):
    missing = (Unmeasured("layer_noise", "bert/a"), Unmeasured("layer_noise", "bert/b", "so"))
    stopped = replace(run(), incomplete=Incomplete(missing, "pytest bench --resume"))
    old, new = files(old=run(), new=stopped)
    assert main(["compare", str(old), str(new)]) == 0
    assert capsys.readouterr().err == (
        f"analog-bench: {new} is incomplete: 2 of 8 cases not measured (1 failed: so); to "
        "complete the run: pytest bench --resume\n"
    )


def test_a_folder_lacks_what_none_of_its_runs_has(files, tmp_path):
    missing = tuple(Unmeasured("layer_noise", result.case_id) for result in run().results[4:])
    first = replace(run(), results=run().results[:4], incomplete=Incomplete(missing, "a --resume"))
    files(first=first)
    assert read_runs(tmp_path).incomplete == first.incomplete
    later = run(when="2026-11-24T10:00:00+00:00")
    files(later=replace(later, results=later.results[4:5]))
    assert read_runs(tmp_path).incomplete == Incomplete(missing[1:], "a --resume")
    files(last=run(when="2026-11-25T10:00:00+00:00"))
    assert read_runs(tmp_path).incomplete is None
