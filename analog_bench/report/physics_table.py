"""The tables of a survey: what aihwkit's noise models do, beside what their formulas say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analog_bench.report import words
from analog_bench.report.table import Block, Cell, Column, Heading, Role, line, paragraph, tabulate
from analog_bench.simulators.physics.survey_record import ALLOWED_ERRORS, Check, Survey
from analog_bench.simulators.registry import label_of


def physics_table(survey: Survey, *, everything: bool = False) -> tuple[Block, ...]:
    """Return a survey: a row a quantity and tile engine, then what fails, or all, in detail."""
    blocks: list[Block] = [Heading(_versions(survey))]
    groups = _by_subject(survey.checks)
    if groups:
        blocks.append(
            tabulate(
                groups,
                [
                    (Column("quantity", folds=True), lambda key: key[0]),
                    (Column("tile"), lambda key: label_of(key[1]).removesuffix(" tile")),
                    (Column("n", right=True), lambda key: str(len(groups[key]))),
                    (Column("ratio", right=True), lambda key: Cell(_ratio(groups[key]))),
                    (Column("off", right=True), lambda key: Cell(_worst(groups[key]))),
                    (Column(""), lambda key: _verdict(groups[key])),
                ],
            )
        )
    shown = survey.checks if everything else survey.failing
    for (subject, tile), checks in _by_subject(shown).items():
        blocks += _details(subject, tile, checks)
    return *blocks, *map(paragraph, _closing(survey))


def _versions(survey: Survey) -> str:
    """Return what was surveyed: `aihwkit 1.2.0, torch 2.15.0, Python 3.12.1`."""
    named = {"aihwkit": "aihwkit", "torch": "torch", "Python": "python"}
    return ", ".join(
        f"{name} {survey.versions.get(key) or 'missing'}" for name, key in named.items()
    )


def _by_subject(checks: Iterable[Check]) -> dict[tuple[str, str], list[Check]]:
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.subject, check.tile), []).append(check)
    return groups


def _ratio(checks: Iterable[Check]) -> str:
    """Spell measured values in units of the expected ones: `0.998 to 1.003`; empty without any."""
    ratios = [f"{check.ratio:.3f}" for check in checks if check.ratio is not None]
    if not ratios:
        return ""
    low, high = min(ratios, key=float), max(ratios, key=float)
    return low if low == high else f"{low} to {high}"


def _details(subject: str, tile: str, checks: Sequence[Check]) -> Iterator[Block]:
    yield Heading(f"{subject}, {label_of(tile)}: {checks[0].formula}")
    measured = [check for check in checks if check.measured is not None]
    reasons = dict.fromkeys(check.reason for check in checks if check.reason)
    notes = [line(f"not measured: {reason}") for reason in reasons]
    if not measured:
        yield from (paragraph(note[0].text) for note in notes)
        return
    unit = f", {checks[0].unit}" if checks[0].unit else ""
    yield tabulate(
        measured,
        [
            (Column("where", folds=True), lambda check: check.where),
            (Column(f"measured{unit}", right=True), lambda check: f"{check.measured:.5g}"),
            (Column(f"formula{unit}", right=True), lambda check: f"{check.expected:.5g}"),
            (Column("may differ by", right=True), lambda check: f"{check.tolerance:.2g}"),
            (Column("off", right=True), lambda check: Cell(_worst([check]))),
            (Column(""), lambda check: _verdict([check])),
        ],
        notes=notes,
    )


def _worst(checks: Iterable[Check]) -> str:
    off = [check.off for check in checks if check.off is not None]
    return f"{max(off):.2f}" if off else ""


def _verdict(checks: Sequence[Check]) -> Cell:
    if any(check.measured is not None and not check.passes for check in checks):
        return Cell("deviates", "worst")
    agrees: tuple[str, Role] = ("agrees", "good")
    return Cell(*(agrees if all(check.passes for check in checks) else ("not measured", "unsure")))


def _closing(survey: Survey) -> Iterator[str]:
    yield from (f"{label_of(tile)}: {why}" for tile, why in survey.tiles.items() if why)
    yield from (f"{what}: {why}" for what, why in survey.reasons.items())
    if survey.checks:
        failing = len(survey.failing)
        yield (
            f"{words.counted(len(survey.checks), 'condition')}, {failing or 'none'} off. ratio: "
            "measured over closed form, of n conditions. off: how far the worst of them lies from "
            f"it, in units of what may be, which is {ALLOWED_ERRORS:g} standard errors of the "
            "sample, or rounding where nothing is drawn."
        )
