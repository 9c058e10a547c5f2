"""Releases side by side: what each is, and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from analog_bench.releases.comparison import Measured, Releases, Step
from analog_bench.releases.finding import LayerName, shortened
from analog_bench.report.alphabet import spelt
from analog_bench.report.comparison import comparison_table
from analog_bench.report.markdown import escaped
from analog_bench.simulators.registry import label_of
from analog_bench.simulators.versions import CPP, TORCH

_HEADERS = ("release", "aihwkit", "torch", "Python", label_of(TORCH), label_of(CPP), "cases")
_LAYER_HEADERS = ("layer", "compared", "what changed")
_LAP_HEADERS = ("work", "before", "now", "now / before", "")
_MOST_CHANGES = 12
_NOTHING = "nothing"
_STYLES = {"slower": "red", "faster": "green", _NOTHING: "green"}
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
    releases: Releases, *, everything: bool = False, ascii_only: bool = False
) -> RenderableType:
    """Draw a comparison of releases for a terminal.

    Args:
        releases: The comparison.
        everything: Show all changes and all cases, those that are equivalent, too.
        ascii_only: Draw with ASCII alone.

    Returns:
        A table of the releases, then for every step its layers, what only one of the two can do,
        and timings.
    """

    def text(words: str, style: str = "") -> Text:
        return Text(spelt(words, ascii_only=ascii_only), style)

    def table(headers: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> Table:
        return _table(headers, rows, right, text)

    parts: list[RenderableType] = [table(_HEADERS, map(_release_row, releases.measured))]
    parts += [text(line) for one in releases.measured for line in _remarks(one)]
    for step in releases.steps:
        parts += [text(f"\n{heading(step)}", "bold red" if step.fails else "bold")]
        parts.append(table(_LAYER_HEADERS, _layer_rows(step, everything), "compared"))
        parts.append(text(explained(step), "dim"))
        parts += [text(line) for line in _abilities(step)]
        if step.cases is not None and (everything or step.cases.fails):
            parts += [
                text(""),
                comparison_table(step.cases, everything=everything, ascii_only=ascii_only),
            ]
        if step.laps:
            parts += [text(""), table(_LAP_HEADERS, _lap_rows(step), "before now now / before")]
            parts.append(text(CAVEAT, "dim"))
        parts += [text(line, "dim") for line in _packages(step)]
    return Group(*parts)


def releases_markdown(releases: Releases) -> str:
    """Return a comparison of releases as Markdown, for a summary in continuous integration."""
    lines = [*_markdown_table(_HEADERS, map(_release_row, releases.measured)), ""]
    lines += [f"{escaped(line)}  " for one in releases.measured for line in _remarks(one)]
    for step in releases.steps:
        lines += ["", f"### {escaped(heading(step))}", ""]
        lines += _markdown_table(_LAYER_HEADERS, _layer_rows(step, everything=False))
        lines += [
            "",
            escaped(explained(step)),
            "",
            *(f"{escaped(line)}  " for line in _abilities(step)),
        ]
        if step.laps:
            lines += ["", *_markdown_table(_LAP_HEADERS, _lap_rows(step)), "", escaped(CAVEAT)]
        lines += ["", *(f"{escaped(line)}  " for line in _packages(step))]
    return "\n".join(lines).rstrip() + "\n"


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


def explained(step: Step) -> str:
    """Say what the layers of a step are."""
    layers = " ".join(f"{one.name}: {_EXPLAINED[one.name]}." for one in step.layers)
    return f"{layers} The first layer with a change is the nearest to its cause."


def _release_row(one: Measured) -> tuple[str, ...]:
    found = one.versions
    tiles = one.survey.tiles if one.survey is not None else {}
    cases = [result.status for result in one.run.results] if one.run is not None else []
    counted = f"{cases.count('measured')} of {len(cases)} measured" if cases else "none"
    return (
        one.name,
        *(found.get(name) or "" for name in ("aihwkit", "torch", "python")),
        *(("no" if tiles[t] else "works") if t in tiles else "" for t in (TORCH, CPP)),
        "not compared" if one.problem else counted,
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


def _layer_rows(step: Step, everything: bool) -> Iterator[tuple[str, ...]]:
    for layer in step.layers:
        shown = layer.changes if everything else layer.changes[:_MOST_CHANGES]
        lines = [str(change) for change in shown]
        if len(shown) < len(layer.changes):
            lines.append(f"and {len(layer.changes) - len(shown)} more; --all shows them")
        yield (
            layer.name,
            str(layer.compared),
            "\n".join([*(lines or [_NOTHING if layer.compared else ""]), *layer.notes]),
        )


def _abilities(step: Step) -> Iterator[str]:
    for lost, where in ((True, step.old), (False, step.new)):
        for ability in step.abilities:
            if ability.lost is lost:
                why = f" ({ability.reason})" if ability.reason else ""
                yield f"only in {where}: {ability.what}{why}"


def _lap_rows(step: Step) -> Iterator[tuple[str, ...]]:
    for lap in step.laps:
        ratio = f"{lap.ratio:.2f} ({lap.low:.2f} to {lap.high:.2f})"
        yield lap.name, _milliseconds(lap.old), _milliseconds(lap.new), ratio, lap.verdict


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _packages(step: Step) -> Iterator[str]:
    if step.packages:
        differing = (f"{name} {old} -> {new}" for name, (old, new) in step.packages.items())
        yield f"Between the environments differ: {', '.join(differing)}."


def _table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: str,
    text: Callable[[str, str], Text],
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header in headers:
        justify: JustifyMethod = "right" if header and header in right else "left"
        table.add_column(text(header, ""), justify=justify, overflow="fold")
    for cells in rows:
        table.add_row(*(text(cell, _STYLES.get(cell, "")) for cell in cells))
    return table


def _markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    # A cell of several lines stays one row.
    written = (line("<br>".join(map(escaped, c.split("\n"))) for c in cells) for cells in rows)
    return [line(headers), "|" + "---|" * len(headers), *written]
