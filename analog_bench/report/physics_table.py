"""The table of a survey: what aihwkit's noise models do, beside what their formulas say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from analog_bench.report.alphabet import spelt
from analog_bench.simulators.physics.survey import ALLOWED_ERRORS, Check, Survey
from analog_bench.simulators.registry import label_of

_OK, _FAILS, _UNMEASURED = "agrees", "deviates", "not measured"
_STYLES = {_OK: "green", _FAILS: "bold red", _UNMEASURED: "yellow"}


def physics_table(
    survey: Survey, *, everything: bool = False, ascii_only: bool = False
) -> RenderableType:
    """Draw a survey for a terminal: a row a quantity and tile engine, then what fails in detail.

    Args:
        survey: The survey.
        everything: Show every condition of every quantity, not only of those that fail.
        ascii_only: Draw with ASCII alone.

    Returns:
        The tables, with sentences.
    """
    parts: list[RenderableType] = [Text(_heading(survey), "bold")]
    groups = _by_subject(survey.checks)
    if groups:
        rows = [
            (
                *(
                    subject,
                    label_of(tile).removesuffix(" tile"),
                    str(len(checks)),
                    _spelt_ratio(checks),
                ),
                *(_worst(checks), _verdict(checks)),
            )
            for (subject, tile), checks in groups.items()
        ]
        headers = ("quantity", "tile", "n", "ratio", "off", "")
        parts += [_table(headers, rows, "llrrrl", ascii_only)]
    shown = survey.checks if everything else survey.failing
    for (subject, tile), checks in _by_subject(shown).items():
        parts += [Text(""), *_details(subject, tile, checks, ascii_only)]
    parts += [Text(f"\n{line}") for line in _closing(survey)]
    return Group(*parts)


def _heading(survey: Survey) -> str:
    """Return what was surveyed: `aihwkit 1.2.0, torch 2.15.0, Python 3.12.1`."""
    found = survey.versions
    named = {"aihwkit": "aihwkit", "torch": "torch", "Python": "python"}
    return ", ".join(f"{name} {found.get(key) or 'missing'}" for name, key in named.items())


def _by_subject(checks: Iterable[Check]) -> dict[tuple[str, str], list[Check]]:
    """Return checks by subject and tile engine, in their order."""
    found: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        found.setdefault((check.subject, check.tile), []).append(check)
    return found


def _spelt_ratio(checks: Iterable[Check]) -> str:
    """Spell measured values in units of the expected ones: `0.998 to 1.003`; empty without any."""
    ratios = [f"{check.ratio:.3f}" for check in checks if check.ratio is not None]
    if not ratios:
        return ""
    low, high = min(ratios, key=float), max(ratios, key=float)
    return low if low == high else f"{low} to {high}"


def _details(
    subject: str, tile: str, checks: Sequence[Check], ascii_only: bool
) -> list[RenderableType]:
    title = f"{subject}, {label_of(tile)}: {checks[0].formula}"
    measured = [check for check in checks if check.measured is not None]
    parts: list[RenderableType] = [Text(spelt(title, ascii_only=ascii_only), "bold")]
    if measured:
        unit = f", {checks[0].unit}" if checks[0].unit else ""
        headers = ("where", f"measured{unit}", f"formula{unit}", "may differ by", "off", "")
        rows = [
            (
                *(check.where, f"{check.measured:.5g}", f"{check.expected:.5g}"),
                *(f"{check.tolerance:.2g}", _worst([check]), _verdict([check])),
            )
            for check in measured
        ]
        parts.append(_table(headers, rows, "lrrrrl", ascii_only))
    reasons = dict.fromkeys(check.reason for check in checks if check.reason)
    parts += [Text(f"not measured: {spelt(reason, ascii_only=ascii_only)}") for reason in reasons]
    return parts


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], sides: str, ascii_only: bool
) -> Table:
    justify: dict[str, JustifyMethod] = {"l": "left", "r": "right"}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header, side in zip(headers, sides, strict=True):
        table.add_column(
            spelt(header, ascii_only=ascii_only), justify=justify[side], overflow="fold"
        )
    for cells in rows:
        *first, verdict = cells
        table.add_row(
            *(Text(spelt(cell, ascii_only=ascii_only)) for cell in first),
            Text(verdict, _STYLES[verdict]),
        )
    return table


def _worst(checks: Iterable[Check]) -> str:
    """Spell how far the worst of them lies off, in units of what may be."""
    off = [check.off for check in checks if check.off is not None]
    return f"{max(off):.2f}" if off else ""


def _verdict(checks: Sequence[Check]) -> str:
    if any(check.measured is not None and not check.passes for check in checks):
        return _FAILS
    return _OK if all(check.passes for check in checks) else _UNMEASURED


def _closing(survey: Survey) -> list[str]:
    lines = [f"{label_of(tile)}: {reason}" for tile, reason in survey.tiles.items() if reason]
    lines += [f"{what}: {reason}" for what, reason in survey.reasons.items()]
    if survey.checks:
        failing, count = len(survey.failing), len(survey.checks)
        lines.append(
            f"{count} condition{'s' * (count != 1)}, {failing or 'none'} off. ratio: measured over "
            "closed form, of n conditions. off: how far the worst of them lies from it, in units "
            f"of what may be, which is {ALLOWED_ERRORS:g} standard errors of the sample, or "
            "rounding where nothing is drawn."
        )
    return lines
