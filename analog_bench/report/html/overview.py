"""The first screen: what the run comes to, what lost most, what changed, where it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.gate.verdict import FAILING, Kind, Verdict
from analog_bench.report.columns import VERDICT_STYLES
from analog_bench.report.contents import Contents, Judged
from analog_bench.report.html.cells import (
    GLYPH,
    SIGNS,
    Cell,
    loss_of,
    number,
    spelt_loss,
    spelt_score,
)
from analog_bench.report.labels import amount, metric_label, one_line, spelt_change
from analog_bench.report.wording import amount_of, counted, names_within, unit_label
from analog_bench.result import Metric, Result

_WORST_OF_A_MODEL = 4
_CHANGES_AT_MOST = 12
_CHANGED: tuple[Kind, ...] = ("regressed", "broken", "improved")
_PACKAGES = ("aihwkit", "torch", "transformers", "numpy", "analog-bench", "python")


@dataclass(frozen=True)
class Count:
    """How many cases have a verdict.

    Attributes:
        kind: The verdict.
        number: How many.
        sign: Its sign.
    """

    kind: Kind
    number: int
    sign: str


@dataclass(frozen=True)
class Worst:
    """The cases of a model that lost most, in one metric.

    Attributes:
        model: The model.
        metric: The metric with its unit.
        digital: What the digital model scored.
        rows: Cases with score, loss, and the loss as a share of the largest, 0 to 1.
    """

    model: str
    metric: str
    digital: str
    rows: tuple[tuple[Cell, Cell, Cell, float], ...]


@dataclass(frozen=True)
class Overview:
    """The first screen.

    Attributes:
        headline: What it comes to, in one sentence.
        tone: `bad`, `good` or `plain`.
        counts: Verdicts that were given, and `regressed` always where anything was compared.
        cases: Number of cases.
        worst: By model.
        changes: What changed since the baseline: the verdict, by how much, which case.
        changes_note: What was compared with what.
        digital: The digital models against their stored scores.
        reasons: Why cases were skipped or stale, with their number.
        facts: Where and how the run was made: names and values.
    """

    headline: str
    tone: str
    counts: tuple[Count, ...]
    cases: int
    worst: tuple[Worst, ...]
    changes: tuple[tuple[Cell, str, Cell], ...]
    changes_note: str
    digital: tuple[tuple[Cell, ...], ...]
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def overview(contents: Contents) -> Overview:
    """Return the first screen of a page.

    Args:
        contents: The page's contents.
    """
    pairs = list(contents.pairs)
    judged = [
        (study, result, study.verdicts[result.case_id])
        for study, result in pairs
        if result.case_id in study.verdicts
    ]
    counts = Counter(verdict.kind for _, _, verdict in judged)
    changed = sorted(
        ((s, r, v) for s, r, v in judged if v.kind in _CHANGED),
        key=lambda found: _CHANGED.index(found[2].kind),
    )
    failed_digital = [
        verdict for study in contents.studies for verdict in study.digital.values() if verdict.fails
    ]
    headline, tone = _headline(len(pairs), counts, len(failed_digital))
    kinds = [kind for kind in VERDICT_STYLES if counts[kind] or (kind == "regressed" and judged)]
    return Overview(
        headline=headline,
        tone=tone,
        counts=tuple(Count(kind, counts[kind], SIGNS[kind]) for kind in kinds),
        cases=len(pairs),
        worst=_worst(contents),
        changes=_changes(contents, changed),
        changes_note=_changes_note(contents, counts, len(changed)),
        digital=_digital(contents),
        reasons=_reasons([(v.kind, v.reason) for _, _, v in judged]),
        facts=_facts(contents),
    )


def _headline(cases: int, counts: Counter[Kind], digital: int) -> tuple[str, str]:
    failing = [
        f"{counts[kind]} {kind}" for kind in VERDICT_STYLES if kind in FAILING and counts[kind]
    ]
    if failing:
        return f"{' and '.join(failing)} of {counted(cases, 'case')}", "bad"
    if digital:
        return "The digital model changed", "bad"
    compared = sum(counts[kind] for kind in ("equivalent", "improved", "inconclusive"))
    if compared:
        return f"Nothing regressed among {counted(compared, 'case')} compared", "good"
    if counts["new"] or counts["stale"]:
        return f"{counted(cases, 'case')}, no baseline yet to compare with", "plain"
    return f"{counted(cases, 'case')}, not compared with a baseline", "plain"


def _worst(contents: Contents) -> tuple[Worst, ...]:
    found = []
    for model in contents.models:
        by_metric: dict[str, list[tuple[Judged, Result, float]]] = {}
        for study in contents.of_model(model):
            for result in study.measured:
                loss = loss_of(result, study.main)
                if loss is not None:
                    by_metric.setdefault(study.main.name, []).append((study, result, loss))
        for rows in by_metric.values():
            ranked = sorted(rows, key=lambda row: -row[2])[:_WORST_OF_A_MODEL]
            # What loses no more than the margin is not among the worst, however few there are.
            ranked = [row for row in ranked if row[2] > row[0].main.margin]
            if ranked:
                found.append(_worst_of(contents, model, ranked, [result for _, result, _ in rows]))
    return tuple(found)


def _worst_of(
    contents: Contents,
    model: str,
    ranked: Sequence[tuple[Judged, Result, float]],
    among: Sequence[Result],
) -> Worst:
    metric, first = ranked[0][0].main, ranked[0][1]
    name = names_within(among)
    return Worst(
        model=one_line(model),
        metric=unit_label(metric),
        digital=amount(first.digital[metric.name], metric),
        rows=tuple(
            (
                Cell(name(result), contents.link(result)),
                number(spelt_score(result, metric), contents.link(result)),
                number(spelt_loss(loss, metric), contents.link(result)),
                max(0.0, loss / ranked[0][2]),
            )
            for _, result, loss in ranked
        ),
    )


def _changes(
    contents: Contents, changed: Sequence[tuple[Judged, Result, Verdict]]
) -> tuple[tuple[Cell, str, Cell], ...]:
    return tuple(
        (
            Cell(verdict.kind, kind=verdict.kind),
            _change(verdict, study.main),
            Cell(one_line(result.case_id), contents.link(result)),
        )
        for study, result, verdict in changed[:_CHANGES_AT_MOST]
    )


def _change(verdict: Verdict, metric: Metric) -> str:
    spelt = spelt_change(verdict, metric, GLYPH).replace("-", GLYPH.minus)
    return amount_of(spelt, metric) if spelt else one_line(verdict.reason)


def _changes_note(contents: Contents, counts: Counter[Kind], changed: int) -> str:
    if not counts:
        return "Nothing was compared with a baseline."
    said = []
    if changed > _CHANGES_AT_MOST:
        said.append(f"The first {_CHANGES_AT_MOST} of {changed}; each case says its own below.")
    elif not changed and (counts["equivalent"] or counts["inconclusive"]):
        said.append(
            f"No case changed by more than its margin: {counts['equivalent']} equivalent, "
            f"{counts['inconclusive']} inconclusive."
        )
    without = counts["new"] + counts["stale"]
    if without:
        said.append(
            f"{counted(without, 'case')} without a baseline to compare with; "
            "--update-baselines stores them."
        )
    if contents.baselines:
        newest = contents.baselines[0]
        made = [
            f"aihwkit {newest.aihwkit}",
            f"torch {newest.torch}",
            f"commit {_short_commit(newest.commit)}",
        ]
        known = ", ".join(one_line(part) for part in made if not part.endswith("None"))
        said.append(f"Baseline of {newest.created[:10]}{f' ({known})' if known else ''}.")
    return " ".join(said)


def _digital(contents: Contents) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    for study in contents.studies:
        for metric in study.metrics:
            verdict = study.digital.get(metric.name)
            score = study.results[0].digital.get(metric.name)
            if verdict is None or score is None or verdict.kind in ("equivalent", "new"):
                continue
            rows.append(
                (
                    Cell(verdict.kind, kind=verdict.kind),
                    Cell(f"{one_line(study.scope.model)} digital, {metric_label(metric)}"),
                    number(amount(score, metric, extra=1)),
                    Cell(one_line(verdict.reason)),
                )
            )
    return tuple(dict.fromkeys(rows))


def _reasons(judged: Sequence[tuple[Kind, str]]) -> tuple[str, ...]:
    found = Counter((k, one_line(reason)) for k, reason in judged if k in ("skipped", "stale"))
    return tuple(
        f"{number} {kind}: {reason or 'no reason is given'}"
        for (kind, reason), number in found.most_common()
    )


def _short_commit(commit: str | None) -> str | None:
    if commit is None:
        return None
    name, dirty, _ = commit.partition("-")
    return name[:12] + (" with uncommitted changes" if dirty else "")


def _facts(contents: Contents) -> tuple[tuple[str, str], ...]:
    manifest = contents.manifest
    known = manifest.environment
    packages = [f"{name} {known[name]}" for name in _PACKAGES if known.get(name) is not None]
    tiles = known.get("tiles")
    working = (
        [f"{name}: {state}" for name, state in tiles.items()] if isinstance(tiles, dict) else []
    )
    facts = {
        "started": manifest.created.replace("T", " ").replace("+00:00", " UTC"),
        "command": manifest.command,
        "commit": _short_commit(manifest.commit),
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
        (name, one_line(str(value))) for name, value in facts.items() if value not in (None, "")
    )
