"""Releases side by side: what each is, what changed from one to the next, what can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from analog_bench.releases.comparison import Measured, Releases, Step
from analog_bench.releases.exact_and_physics import Layer, LayerName
from analog_bench.releases.release_environment import Environment
from analog_bench.report import words
from analog_bench.report.estimates import ranged_text
from analog_bench.report.run_comparison_table import comparison_table
from analog_bench.report.table import (
    Block,
    Cell,
    Column,
    Heading,
    Paragraph,
    Role,
    Table,
    line,
    number,
    paragraph,
    tabulate,
)
from analog_bench.simulators.registry import label_of
from analog_bench.simulators.versions import CPP, MEASURED, TORCH, WHEELS
from analog_bench.spelling import shortened

_GIB = 2**30
_MOST_CHANGES = 12
_NOTHING = "nothing"
_ROLES: dict[str, Role] = {"slower": "bad", "faster": "good"}
_EXPLAINED: dict[LayerName, str] = {
    "exact": "to the last digits, what draws nothing or from one seed, and the terms of presets",
    "physics": "each noise model beside its closed form",
    "metrics": "the scores of the cases",
}
CAVEAT = (
    "Small pieces of work, timed in turns on this machine; the ratio is that of the whole pair of "
    "aihwkit and torch, with the 95 % interval of its median. Slower and faster are those whose "
    "whole interval lies beyond 10 %."
)


def releases_table(
    releases: Releases, *, everything: bool = False, cases: bool = True
) -> tuple[Block, ...]:
    """Return a comparison of releases: a table of them, then of every step what changed.

    Cases are shown one by one where any fails; `everything` shows all changes and all cases.
    """
    blocks: list[Block] = [_releases(releases.measured)]
    blocks += _paragraphs([text for one in releases.measured for text in _remarks(one)])
    for step in releases.steps:
        blocks += [
            Heading(heading(step), role="worst" if step.fails else "strong"),
            _layers(step, everything),
        ]
        blocks += _paragraphs(_abilities(step))
        if cases and step.cases is not None and (everything or step.cases.fails):
            blocks += comparison_table(step.cases, everything=everything)
        if step.timings:
            blocks.append(_timings(step))
        if step.packages:
            differ = ", ".join(f"{n} {old} -> {new}" for n, (old, new) in step.packages.items())
            blocks.append(paragraph(f"Between the environments differ: {differ}.", role="muted"))
    return tuple(blocks)


def environments_table(environments: Sequence[Environment], cache: Path) -> tuple[Block, ...]:
    """Return the pairs of aihwkit and torch that were tried, and the environments in the cache."""
    wheels = "; ".join(f"{version} for {', '.join(of)}" for version, of in WHEELS.items())
    pairs = tabulate(
        MEASURED,
        [
            (Column("aihwkit"), lambda pair: pair.aihwkit),
            (Column("Python"), lambda pair: pair.python),
            (Column("torch"), lambda pair: pair.torch),
            (Column(label_of(TORCH)), lambda pair: _works(pair.torch_tile)),
            (Column(label_of(CPP)), lambda pair: _works(pair.cpp_tile)),
        ],
        notes=[f"Wheels on the package index, by Python: {wheels}."],
    )
    total = sum(one.size for one in environments)
    there = (
        f"{len(environments)} in {cache}, {_gib(total)}, files that the installer's cache shares "
        "counted in; each is a folder that may be deleted."
    )
    blocks: list[Block] = [Heading("Measured pairs"), pairs, Heading("Environments")]
    if not environments:
        return *blocks, paragraph(there)
    built = tabulate(
        environments,
        [
            (Column("release", folds=True), lambda one: one.label),
            (Column("aihwkit"), lambda one: Cell(one.versions.get("aihwkit", ""))),
            (Column("torch"), lambda one: Cell(one.versions.get("torch", ""))),
            (Column("built (UTC)"), lambda one: words.date_text(one.built)),
            number("size", lambda one: _gib(one.size)),
            (Column("key"), lambda one: one.key),
        ],
        notes=[there],
    )
    return *blocks, built


def heading(step: Step) -> str:
    """Say in one line whether anything changed from one release to the next, where, and what."""
    title = f"{step.old} -> {step.new}"
    changed = [layer for layer in step.layers if layer.changes]
    if changed:
        # Physics says what it is; the exact layer, that it is there.
        telling = next((layer for layer in changed if layer.name == "physics"), changed[0])
        subjects = shortened(dict.fromkeys(change.subject for change in telling.changes))
        return f"{title}: changed ({', '.join(one.name for one in changed)}): {subjects}"
    if step.fails:
        return f"{title}: something is lost"
    if not any(layer.compared for layer in step.layers if layer.name == "physics"):
        return f"{title}: nothing of aihwkit could be compared"
    return f"{title}: nothing changed" + ("" if step.cases is not None else " (without cases)")


def _works(tile: bool) -> str:
    return "works" if tile else "no"


def _gib(size: float) -> str:
    return f"{size / _GIB:.1f} GiB"


def _paragraphs(texts: Iterator[str] | Sequence[str]) -> list[Paragraph]:
    lines = list(texts)
    return [paragraph(*lines)] if lines else []


def _releases(releases: Sequence[Measured]) -> Table:
    def version(name: str, one: Measured) -> Cell:
        return Cell(one.versions.get(name) or "")

    def tile(name: str, one: Measured) -> Cell:
        tiles = one.survey.tiles if one.survey is not None else {}
        # A tile that does not work has a reason.
        return Cell(_works(not tiles[name]) if name in tiles else "")

    def cases(one: Measured) -> str:
        if one.problem:
            return "not compared"
        statuses = [result.status for result in one.run.results] if one.run is not None else []
        measured = statuses.count("measured")
        return f"{measured} of {len(statuses)} measured" if statuses else "none"

    return tabulate(
        releases,
        [
            (Column("release", folds=True), lambda one: one.name),
            (Column("aihwkit", folds=True), lambda one: version("aihwkit", one)),
            (Column("torch", folds=True), lambda one: version("torch", one)),
            (Column("Python"), lambda one: version("python", one)),
            (Column(label_of(TORCH)), lambda one: tile(TORCH, one)),
            (Column(label_of(CPP)), lambda one: tile(CPP, one)),
            (Column("cases", folds=True), cases),
        ],
    )


def _remarks(one: Measured) -> Iterator[str]:
    if one.environment:
        yield f"{one.name}: {one.environment}"
    for tile, reason in one.survey.tiles.items() if one.survey is not None else ():
        if reason:
            yield f"{one.name}, {label_of(tile)}: {reason}"
    if one.remark:
        yield f"{one.name}: {one.remark}"
    if one.problem:
        yield f"{one.name} could not be compared: {one.problem}"


def _layers(step: Step, everything: bool) -> Table:
    def changes(layer: Layer) -> Cell:
        shown = layer.changes if everything else layer.changes[:_MOST_CHANGES]
        lines = [str(change) for change in shown]
        if len(shown) < len(layer.changes):
            lines.append(f"and {len(layer.changes) - len(shown)} more; --all shows them")
        lines = [*(lines or [_NOTHING if layer.compared else ""]), *layer.notes]
        return Cell("\n".join(lines), "good" if lines == [_NOTHING] else "")

    explained = " ".join(f"{one.name}: {_EXPLAINED[one.name]}." for one in step.layers)
    return tabulate(
        step.layers,
        [
            (Column("layer"), lambda layer: layer.name),
            number("compared", lambda layer: str(layer.compared)),
            (Column("what changed", folds=True), changes),
        ],
        notes=[
            line(f"{explained} The first layer with a change is the nearest to its cause.", "muted")
        ],
    )


def _abilities(step: Step) -> Iterator[str]:
    for lost, where in ((True, step.old), (False, step.new)):
        for ability in step.abilities:
            if ability.lost is lost:
                why = f" ({ability.reason})" if ability.reason else ""
                yield f"only in {where}: {ability.what}{why}"


def _timings(step: Step) -> Table:
    return tabulate(
        step.timings,
        [
            (Column("work", folds=True), lambda timing: timing.name),
            number("before", lambda one: f"{1000 * one.old:.3g} ms"),
            number("now", lambda one: f"{1000 * one.new:.3g} ms"),
            number("now / before", lambda t: ranged_text(t.ratio, t.low, t.high)),
            (Column(""), lambda timing: Cell(timing.verdict, _ROLES.get(timing.verdict, ""))),
        ],
        notes=[line(CAVEAT, "muted")],
    )
