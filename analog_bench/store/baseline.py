"""Baselines: what earlier measurements said, and how new ones are merged into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from analog_bench.codec import Whole
from analog_bench.content_name import names_in, without_fingerprints
from analog_bench.defining_files import SourceFile
from analog_bench.records import FIRST_CONFIRMATION_CHIP, Identity, Result, Score, Seed
from analog_bench.store.run import Manifest, storable

SCORE_DECIMALS = 6
_FINGERPRINT_DIGITS = 9


class Provenance(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a baseline's numbers come from.

    Attributes:
        created: When they were measured, UTC, ISO 8601.
        commit: Commit of the project; None where unknown.
        python: Version of Python.
        torch: Version of torch; None where unknown.
        aihwkit: Version of aihwkit; None where unknown.
    """

    created: str
    commit: str | None
    python: str | None
    torch: str | None
    aihwkit: str | None

    @classmethod
    def of(cls, manifest: Manifest) -> Provenance:
        """Return the provenance of a run's numbers."""
        versions = (manifest.environment.get(name) for name in ("python", "torch", "aihwkit"))
        texts = (None if version is None else str(version) for version in versions)
        return cls(manifest.created, manifest.commit, *texts)


class StoredChip(Struct, frozen=True, forbid_unknown_fields=True):
    """One chip of a baseline.

    Attributes:
        chip: Index of the chip.
        scores: Metric name to score, 6 decimals.
        fingerprint: As in `Measurement`, 9 significant digits.
    """

    chip: Whole
    scores: Mapping[str, Score]
    fingerprint: tuple[float, ...]


class CaseEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is stored for one case under one protocol.

    Attributes:
        case_id: `Case.id`.
        protocol: Fingerprint of data, tokeniser, lengths and metric versions.
        case_version: `Case.version`.
        weights: Fingerprint of the digital weights.
        seed: The run's seed; chips of another seed are not paired.
        provenance: Where the numbers come from.
        digital: Scores of the digital model on the same examples.
        chips: Raw values, one record a chip, by index; confirmation chips included.
        sources: As in `Result`; left out of the file where empty.
        device: As in `Result`; left out of the file where `cpu`.
    """

    case_id: str
    protocol: str
    case_version: Whole
    weights: str
    seed: Seed
    provenance: Provenance
    digital: Mapping[str, Score]
    chips: tuple[StoredChip, ...]
    sources: tuple[SourceFile, ...] = ()
    device: str = "cpu"

    @property
    def initial_chips(self) -> tuple[StoredChip, ...]:
        """The chips that every run measures."""
        return tuple(chip for chip in self.chips if chip.chip < FIRST_CONFIRMATION_CHIP)

    @property
    def confirmation_chips(self) -> tuple[StoredChip, ...]:
        """Fresh chips, measured to confirm what the initial ones made suspicious."""
        return tuple(chip for chip in self.chips if chip.chip >= FIRST_CONFIRMATION_CHIP)


class CaseBaseline(Struct, frozen=True):
    """The baseline of one model in one study; entries are by case id and protocol."""

    variant: str
    model: str
    study: str
    entries: Mapping[tuple[str, str], CaseEntry]

    def find(self, case_id: str, protocol: str) -> CaseEntry | None:
        """Return what is stored for a case; None if nothing is.

        Without an entry of that protocol it is the newest of another one, or of the same case with
        other content of the user's files that its id names: the gate calls these stale.
        """
        exact = self.entries.get((case_id, protocol))
        if exact is not None:
            return exact
        others = [entry for (case, _), entry in self.entries.items() if case == case_id]
        if not others and names_in(case_id):
            bare = without_fingerprints(case_id)
            others = [
                entry
                for (case, _), entry in self.entries.items()
                if without_fingerprints(case) == bare
            ]
        return max(others, key=lambda e: (e.provenance.created, e.protocol), default=None)


class DigitalEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """What the digital model scored under one protocol.

    Attributes:
        protocol: Fingerprint of data, tokeniser, lengths and metric versions.
        weights: Fingerprint of the digital weights.
        examples: Number of examples.
        scores: Metric name to score, 6 decimals.
        provenance: Where they come from.
    """

    protocol: str
    weights: str
    examples: Whole
    scores: Mapping[str, Score]
    provenance: Provenance


class DigitalBaseline(Struct, frozen=True):
    """The digital baseline of one model: an entry for every protocol it was measured under."""

    model: str
    entries: Mapping[str, DigitalEntry]


class Change(Struct, frozen=True):
    """What an update did to one stored score.

    Attributes:
        what: The case id, or the model for a digital score.
        study: The case's study; empty for a digital score, which belongs to none.
        before: Stored score, mean over the initial chips; None where there was none.
        after: New score, likewise; None where it is stored no more.
    """

    what: str
    study: str
    protocol: str
    metric: str
    before: float | None
    after: float | None

    @property
    def identity(self) -> Identity:
        """What a result of that case is told apart by."""
        return self.what, self.study, self.protocol

    @property
    def model(self) -> str:
        """The name of the model: ids of cases begin with it."""
        return self.what.partition("/")[0]

    @property
    def moves(self) -> bool:
        """Whether a stored score has changed or gone.

        Its entry may have changed all the same: more chips, other facts beside them.
        """
        return self.before is not None and self.before != self.after

    def __str__(self) -> str:
        """Return one line, e.g. `layer_noise bert/pooler/ideal f1: 61.2 -> 60.95 (-0.25)`."""
        name = " ".join(filter(None, [self.study, self.what, self.metric])) + ":"
        if self.after is None:
            return f"{name} no longer stored (was {self.before:.6g})"
        if self.before is None:
            return f"{name} {self.after:.6g} (new)"
        return f"{name} {self.before:.6g} -> {self.after:.6g} ({self.after - self.before:+.3g})"


def merge_cases(
    baseline: CaseBaseline, results: Sequence[Result], provenance: Provenance
) -> tuple[CaseBaseline, list[Change]]:
    """Put new results into a baseline; what they do not mention stays.

    An entry with the same numbers keeps its provenance, so that measuring again without a change
    leaves the file as it was. Stored confirmation chips stay if the new result has none and its
    initial chips are the same. Skipped and broken results are never stored. Changes are sorted by
    case id. Results are of the baseline's variant, model and study.
    """
    entries = dict(baseline.entries)
    changes: list[Change] = []
    for result in sorted(map(storable, results), key=lambda r: (r.case_id, r.protocol)):
        if result.status != "measured":
            continue
        new = case_entry(result, provenance)
        old = entries.get((new.case_id, new.protocol))
        if old is not None and _says_the_same(new, old):
            continue
        entries[new.case_id, new.protocol] = new
        before = _means(old.initial_chips) if old else {}
        changes += _changes(result.identity, before, _means(new.initial_chips))
    return replace(baseline, entries=entries), changes


def merge_digital(
    baseline: DigitalBaseline, entry: DigitalEntry
) -> tuple[DigitalBaseline, list[Change]]:
    """Put new digital scores into a baseline, rounded; other protocols stay."""
    new = replace(entry, scores=_rounded(entry.scores))
    old = baseline.entries.get(new.protocol)
    if old is not None and replace(new, provenance=old.provenance) == old:
        return baseline, []
    changes = _changes((baseline.model, "", new.protocol), old.scores if old else {}, new.scores)
    return replace(baseline, entries={**baseline.entries, new.protocol: new}), changes


def case_entry(result: Result, provenance: Provenance) -> CaseEntry:
    """Return what a baseline stores of a measured, storable result: rounded, chips by index."""
    return CaseEntry(
        case_id=result.case_id,
        protocol=result.protocol,
        case_version=result.case_version,
        weights=result.weights,
        seed=result.seed,
        digital=_rounded(result.digital),
        chips=tuple(
            StoredChip(
                chip=chip.chip,
                scores=_rounded(chip.scores),
                # Digits, not decimals: standard deviations of weights are small numbers.
                fingerprint=tuple(float(f"{x:.{_FINGERPRINT_DIGITS}g}") for x in chip.fingerprint),
            )
            for chip in sorted(result.chips, key=lambda chip: chip.chip)
        ),
        provenance=provenance,
        sources=result.sources,
        device=result.device,
    )


def _says_the_same(new: CaseEntry, old: CaseEntry) -> bool:
    chips = new.chips if new.confirmation_chips else new.initial_chips + old.confirmation_chips
    return replace(new, chips=chips, provenance=old.provenance) == old


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    # Adding 0 turns a rounded -0.0 into 0.0, which would be a difference in the file only.
    return {name: round(score, SCORE_DECIMALS) + 0.0 for name, score in sorted(scores.items())}


def _means(chips: Sequence[StoredChip]) -> dict[str, float]:
    return {name: fmean(chip.scores[name] for chip in chips) for name in chips[0].scores}


def _changes(
    identity: Identity, before: Mapping[str, float], after: Mapping[str, float]
) -> list[Change]:
    return [Change(*identity, m, before.get(m), after.get(m)) for m in sorted({*before, *after})]
