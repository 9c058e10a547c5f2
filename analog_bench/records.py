"""What came out: plain records that the engine fills, the store writes and the gate judges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from analog_bench.errors import UsageError

Status = Literal["measured", "skipped", "broken"]
Identity = tuple[str, str, str]
"""What no two results of a run share: case id, study, protocol."""

# Chips below this index are initial chips; those from it on are confirmation chips, measured only
# where the initial ones look changed from the baseline.
FIRST_CONFIRMATION_CHIP = 1000
SEVERAL = "several"
"""The kind of a case's layers where it has more than one."""


@dataclass(frozen=True)
class Metric:
    """A score and how to read it.

    Attributes:
        name: `f1`, `em`, `cross_entropy`, ...
        unit: Unit of the score: `points`, `nats`, ...
        higher_is_better: Direction.
        margin: The change that matters scientifically, in the unit.
        version: Raised when the definition changes.
    """

    name: str
    unit: str
    higher_is_better: bool
    margin: float
    version: int = 1


@dataclass(frozen=True)
class Margin:
    """A study's own margin for a metric, in place of the metric's.

    Attributes:
        value: The change that matters, in the metric's unit, at least 0.
        reason: Why it differs here, in one sentence.
    """

    value: float
    reason: str

    def __post_init__(self) -> None:
        if not 0 <= self.value < math.inf:
            raise UsageError(f"a margin must be a number of at least 0, found {self.value}")
        if not self.reason.strip():
            raise UsageError("a study's own margin needs a written reason: Margin(value, reason)")


@dataclass(frozen=True)
class Scope:
    """What the results of one study on one model share.

    Attributes:
        study: Name of the study.
        model: Name of the model.
        question: What the study answers.
        data: Name of the examples, such as `embedded questions`.
        examples: Number of examples.
        main_metric: Name of the metric that verdicts and tables are about.
        margins: Metric name to the study's own margin, where it has one.
    """

    study: str
    model: str
    question: str
    data: str
    examples: int
    main_metric: str
    margins: dict[str, Margin]

    def metrics(self, known: Mapping[str, Metric], scored: Iterable[str]) -> tuple[Metric, ...]:
        """Return the metrics of scores, the main one first, with the margins that count here.

        Args:
            known: The metrics by name; the main one and all that were scored are among them.
            scored: Names of the metrics that were scored, in the order to return them in.
        """
        return tuple(
            replace(known[name], margin=self.margins[name].value)
            if name in self.margins
            else known[name]
            for name in dict.fromkeys([self.main_metric, *scored])
        )


@dataclass(frozen=True)
class Measurement:
    """One chip's scores.

    Attributes:
        chip: Index of the chip.
        scores: Metric name to score over all examples.
        per_example: Metric name to one score an example, in the order of the data set.
        fingerprint: Summaries of what was programmed, layer by layer; empty where nothing is drawn
            once a chip.
        seconds: Wall-clock seconds of the measurement.
        texts: The texts that the chip wrote, one an example, each with its prompt; empty where the
            task is not to write.
    """

    chip: int
    scores: dict[str, float]
    per_example: dict[str, tuple[float, ...]]
    fingerprint: tuple[float, ...]
    seconds: float
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Histogram:
    """How numbers are spread: counts in bins of equal width.

    Attributes:
        low: Lower end of the first bin: the smallest number.
        high: Upper end of the last bin: the largest number.
        counts: How many fell into each bin, from `low` to `high`.
    """

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class LayerFacts:
    """What is known of a case's layers without running anything.

    Attributes:
        depth: Position of the first layer in the order of computation.
        kind: `embedding`, `norm`, `matmul`, or `several`.
        weights: Number of weights.
        weight_std: Standard deviation of the weights.
        weight_max: Largest magnitude among the weights.
        coverage_weights: Share of the model's matrix-multiply weights that sat on tiles.
        coverage_macs: Share of its multiply-accumulates that did.
        histogram: Of the weights, in their own unit; None for several layers, whose scales differ,
            and where it is not known.
    """

    depth: int
    kind: str
    weights: int
    weight_std: float
    weight_max: float
    coverage_weights: float
    coverage_macs: float
    histogram: Histogram | None = None

    @property
    def reach(self) -> float | None:
        """Largest weight in standard deviations; None where all weights are equal."""
        return self.weight_max / self.weight_std if self.weight_std > 0 else None


@dataclass(frozen=True)
class Result:
    """Everything measured for one case.

    Attributes:
        case_id: `Case.id`.
        study: Name of the study.
        model: Name of the model.
        group: The case's layers, by their short name.
        noise: The noise, as `parse_noise` reads it.
        drift_s: Seconds since programming.
        tile: Tile engine, `none` where the noise needs no tile.
        hardware: Hardware preset the tiles start from.
        variant: `direct` or `hwa`.
        case_version: `Case.version`.
        protocol: Fingerprint of data, tokeniser, lengths and metric versions.
        weights: Fingerprint of the digital weights.
        seed: The run's seed.
        status: `measured`; `skipped` (this environment cannot); `broken` (no finite score).
        reason: Why, for the latter two.
        digital: Scores of the digital model on the same examples.
        chance: What guessing scores on the same examples; empty where that is not known.
        chips: One measurement a chip.
        facts: What is known of the layers.
        digital_texts: The texts that the digital model wrote, likewise.
    """

    case_id: str
    study: str
    model: str
    group: str
    noise: str
    drift_s: float
    tile: str
    hardware: str
    variant: str
    case_version: int
    protocol: str
    weights: str
    seed: int
    status: Status
    reason: str
    digital: dict[str, float]
    chance: dict[str, float]
    chips: tuple[Measurement, ...]
    facts: LayerFacts | None = field(default=None)
    digital_texts: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:
        """What no two results of a run share: case id, study, protocol."""
        return self.case_id, self.study, self.protocol

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the metrics of all its scores, sorted."""
        names = {*self.digital, *self.chance}
        return tuple(sorted(names.union(*(chip.scores for chip in self.chips))))

    @property
    def initial_chips(self) -> tuple[Measurement, ...]:
        """The chips that every run measures; scores are those of these chips alone."""
        return tuple(chip for chip in self.chips if chip.chip < FIRST_CONFIRMATION_CHIP)

    @property
    def confirmation_chips(self) -> tuple[Measurement, ...]:
        """Fresh chips, measured to confirm what the initial ones made suspicious."""
        return tuple(chip for chip in self.chips if chip.chip >= FIRST_CONFIRMATION_CHIP)


def as_plain(result: Result) -> dict[str, Any]:
    """Return a result as nested dictionaries and tuples, as one process hands it to another."""
    return asdict(result)


def from_plain(plain: Mapping[str, Any]) -> Result:
    """Return the result that `as_plain` was given."""
    return Result(
        **{
            **plain,
            "chips": tuple(Measurement(**chip) for chip in plain["chips"]),
            "facts": _facts_from_plain(plain["facts"]),
        }
    )


def _facts_from_plain(plain: Mapping[str, Any] | None) -> LayerFacts | None:
    if plain is None:
        return None
    histogram = plain["histogram"]
    return LayerFacts(
        **{**plain, "histogram": Histogram(**histogram) if histogram is not None else None}
    )


def scope_from_plain(plain: Mapping[str, Any]) -> Scope:
    """Return the scope whose `asdict` this is."""
    margins = {name: Margin(**margin) for name, margin in plain["margins"].items()}
    return Scope(**{**plain, "margins": margins})
