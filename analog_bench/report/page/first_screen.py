"""The first screen: what the run comes to, what lost most, what changed, where it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analog_bench.gate.case_verdicts import FAILING, Kind
from analog_bench.records import Result
from analog_bench.report import estimates, words
from analog_bench.report.layer_caption import destroyed_names
from analog_bench.report.layer_losses import destroyed, worst
from analog_bench.report.report_contents import Contents, Judged, JudgedCase
from analog_bench.report.run_summary import incomplete_line, unmeasured_reasons
from analog_bench.report.score_and_loss import loss, score
from analog_bench.report.source_files import files_label, repository_label
from analog_bench.report.table import SINCE, Cell, Column, Table, linked

_CHANGES_AT_MOST = 12
_WORST_AT_MOST = 4
_CHANGED: tuple[Kind, ...] = ("regressed", "broken", "improved")
_COMPARED: tuple[Kind, ...] = ("regressed", "equivalent", "improved", "inconclusive")
_PACKAGES = ("aihwkit", "torch", "transformers", "numpy", "analog-bench", "python")


@dataclass(frozen=True)
class WorstCases:
    """The cases of a model that lost most, in one metric, each beside its study's digital score.

    `about` is the metric, and the weights where they are the same in all. What is destroyed, which
    has no order, is named in words before them.
    """

    model: str
    about: str
    destroyed: tuple[str, ...]
    table: Table


@dataclass(frozen=True)
class FirstScreen:
    """The first screen; its tone is `bad`, `good` or `plain`.

    Attributes:
        headline: What the first model's first plot says; what failed, where anything did.
        findings: What the other models' do.
        verdict: What the gate says of the whole run; empty where the headline does.
        incomplete: What is missing of the run; empty where nothing is.
        counts: Verdicts with their number; `regressed` always where anything was compared.
        worst_note: What stands in place of `worst` where that is empty; empty of plans alone.
        changes: What changed since the baseline: the verdict, by how much, which case.
        digital: The digital models whose scores are not as stored.
        reasons: Why cases were skipped or stale, with their number.
    """

    headline: str
    findings: tuple[str, ...]
    verdict: str
    tone: str
    incomplete: str
    counts: tuple[tuple[Kind, int], ...]
    worst: tuple[WorstCases, ...]
    worst_note: str
    changes: tuple[tuple[Cell, str, Cell], ...]
    changes_note: str
    digital: Table
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def first_screen(contents: Contents, findings: Sequence[str] = ()) -> FirstScreen:
    """Return the first screen of a page, whose models' plots say these sentences."""
    pairs = list(contents.pairs)
    judged = contents.judged
    counts = Counter(verdict.kind for _, _, verdict in judged)
    compared = any(counts[kind] for kind in _COMPARED)
    changed = [case for kind in _CHANGED for case in judged if case[2].kind == kind]
    failed_digital = any(
        verdict.fails for study in contents.studies for verdict in study.digital.values()
    )
    verdict, tone = _verdict(len(pairs), counts, failed_digital)
    headline, *others = findings if findings and tone != "bad" else [verdict, *findings]
    kinds = [kind for kind in words.SIGNS if counts[kind] or (kind == "regressed" and compared)]
    measured = any(loss(result, study.main) is not None for study, result in pairs)
    unranked = dict.fromkeys(study.guesses for study in contents.studies if study.guesses)
    nothing = "Nothing lost more than its margin." if measured else "Nothing was measured."
    if measured and all(result.plan for _, result in pairs):
        nothing = ""
    return FirstScreen(
        headline=headline,
        findings=tuple(others),
        verdict="" if headline == verdict else verdict,
        tone="plain" if contents.incomplete and tone == "good" else tone,
        incomplete=incomplete_line(contents.incomplete, len(pairs)) if contents.incomplete else "",
        counts=tuple((kind, counts[kind]) for kind in kinds),
        worst=tuple(worst for model in contents.models for worst in _worst(contents, model)),
        worst_note=" ".join(unranked) or nothing,
        changes=tuple(_change(contents, case) for case in changed[:_CHANGES_AT_MOST]),
        changes_note=" ".join(_changes_notes(contents, counts, len(changed))),
        digital=_digital(contents),
        reasons=tuple(
            f"{number} {kind}: {reason}"
            for kind, reason, number in unmeasured_reasons([case[1:] for case in judged])
        ),
        facts=_facts(contents),
    )


def _verdict(cases: int, counts: Counter[Kind], failed_digital: bool) -> tuple[str, str]:
    failing = [f"{counts[kind]} {kind}" for kind in words.SIGNS if kind in FAILING and counts[kind]]
    all_cases = words.counted(cases, "case")
    if failing:
        return f"{' and '.join(failing)} of {all_cases}", "bad"
    if failed_digital:
        return "The digital model changed", "bad"
    compared, inconclusive = sum(counts[kind] for kind in _COMPARED), counts["inconclusive"]
    among = f"among {words.counted(compared, 'case')} compared"
    if compared and not inconclusive:
        return f"Nothing regressed {among}", "good"
    if compared > inconclusive:
        return f"No regression is shown {among}, {inconclusive} of them inconclusive", "good"
    if compared:
        return f"Whether anything changed cannot be told {among}", "plain"
    if counts["new"] or counts["stale"]:
        return f"{all_cases}, no baseline yet to compare with", "plain"
    return f"{all_cases}, not compared with a baseline", "plain"


def _worst(contents: Contents, model: str) -> Iterator[WorstCases]:
    studies = contents.of_model(model)
    by_metric: dict[tuple[str, str, bool], list[Judged]] = {}
    for study in studies:
        metric = study.main
        by_metric.setdefault((metric.name, metric.unit, metric.higher_is_better), []).append(study)
    for alike in by_metric.values():
        # What keeps within its study's margin is not among the worst, however few there are; nor
        # does it take the place of what loses more than another's.
        rows = [
            (loss(result, study.main) or 0.0, study, result)
            for study in alike
            for result in worst(study.measured, study.main)
            # Plans lose as much as they were made to.
            if result.plan is None
        ]
        rows.sort(key=lambda row: -row[0])
        gone = [
            ": ".join(destroyed_names(lost, study.main, words.names_among(study.measured)))
            for study in alike
            if (lost := destroyed(study.measured, study.main))
        ]
        if rows or gone:
            shown = rows[:_WORST_AT_MOST]
            weights = {words.with_weights(result.variant) for _, _, result in shown}
            table = _worst_table(contents, shown, len(studies) > 1, len(weights) > 1)
            unit = words.unit_label(alike[0].main)
            about = ", ".join([unit, *(weights if len(weights) == 1 else ())])
            yield WorstCases(words.model_label(model), about, tuple(gone), table)


def _worst_table(
    contents: Contents,
    rows: Sequence[tuple[float, Judged, Result]],
    by_study: bool,
    by_weights: bool,
) -> Table:
    columns = [Column("case"), Column("")]
    headers = ("loss", "score", "digital")
    columns += [Column(header, right=True) for header in headers]
    cells = []
    for lost, study, result in rows:
        metric, href = study.main, contents.link(result)
        name = words.names_among(study.measured, leaving_out=("weights",))(result)
        prefix = f"{words.one_line(study.scope.study)} · " if by_study else ""
        suffix = f" · {words.with_weights(result.variant)}" if by_weights else ""
        digital = words.amount(result.digital[metric.name], metric)
        scored = estimates.interval_text(score(result, metric), metric)
        numbers = (words.loss_amount(lost, metric), scored, digital)
        bar = Cell("", bar=max(0.0, lost / rows[0][0]))
        cells.append(
            (linked(f"{prefix}{name}{suffix}", href), bar, *(linked(n, href) for n in numbers))
        )
    return Table(tuple(columns), tuple(cells))


def _change(contents: Contents, case: JudgedCase) -> tuple[Cell, str, Cell]:
    study, result, verdict = case
    change = estimates.change_text(verdict, study.main)
    amount = words.amount_of(change, study.main) if change else words.one_line(verdict.reason)
    # Two studies may hold a case of the same id.
    name = f"{words.one_line(study.scope.study)} · {words.one_line(result.case_id)}"
    return Cell(verdict.kind, verdict.kind), amount, Cell(name, href=contents.link(result))


def _changes_notes(contents: Contents, counts: Counter[Kind], changed: int) -> Iterator[str]:
    without = counts["new"] + counts["stale"]
    equivalent, inconclusive = counts["equivalent"], counts["inconclusive"]
    if changed > _CHANGES_AT_MOST:
        yield f"The first {_CHANGES_AT_MOST} of {changed}; each case says its own below."
    elif not changed and (equivalent or inconclusive):
        untold = f"; of {inconclusive} it cannot be told" if inconclusive else ""
        yield f"No case is shown to have changed by more than its margin{untold}."
    lacking = (study for study, _, verdict in contents.judged if verdict.kind in ("new", "stale"))
    if not all(study.guesses for study in lacking):
        cases = words.counted(without, "case")
        yield f"{cases} without a baseline to compare with; --update-baselines stores them."
    if contents.baselines:
        newest = contents.baselines[0]
        made = {"aihwkit": newest.aihwkit, "torch": newest.torch}
        made["commit"] = words.commit_label(newest.commit)
        known = ", ".join(words.one_line(f"{name} {of}") for name, of in made.items() if of)
        yield f"Baseline of {newest.created[:10]}{f' ({known})' if known else ''}."


def _digital(contents: Contents) -> Table:
    rows = [
        (
            Cell(verdict.kind, verdict.kind),
            Cell(f"{words.model_label(study.scope.model)} digital, {words.metric_label(metric)}"),
            Cell(words.amount(score, metric, extra=1)),
            Cell(words.one_line(verdict.reason)),
        )
        for study in contents.studies
        for metric in study.metrics
        if (verdict := study.digital.get(metric.name)) is not None
        and verdict.kind not in ("equivalent", "new")
        and (score := study.results[0].digital.get(metric.name)) is not None
    ]
    columns = (Column(SINCE), Column("model"), Column("score", right=True), Column("why"))
    return Table(columns, tuple(dict.fromkeys(rows)))


def _facts(contents: Contents) -> tuple[tuple[str, str], ...]:
    manifest = contents.manifest
    known = manifest.environment
    packages = [f"{name} {known[name]}" for name in _PACKAGES if known.get(name) is not None]
    tiles = known.get("tiles")
    working = (
        (f"{name}: {state}" for name, state in tiles.items()) if isinstance(tiles, dict) else ()
    )
    facts = {
        "started": manifest.created.replace("T", " ").replace("+00:00", " UTC"),
        "command": manifest.command,
        "commit": words.commit_label(manifest.commit),
        "repository": repository_label(manifest),
        "bench files": files_label(manifest, (result for _, result in contents.pairs)),
        "results file": contents.source,
        "versions": ", ".join(packages),
        "device": known.get("device"),
        "tiles": ", ".join(working),
        "processor": known.get("cpu"),
        "threads": known.get("threads"),
        "system": known.get("platform"),
        "seed": manifest.seed,
    }
    return tuple(
        (name, words.one_line(str(value)))
        for name, value in facts.items()
        if value not in (None, "")
    )
