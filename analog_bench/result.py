"""What came out: plain records that the engine fills, the store writes and the gate judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["measured", "skipped", "broken"]


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
class Measurement:
    """One chip's scores.

    Attributes:
        chip: Index of the chip.
        scores: Metric name to score over all examples.
        per_example: Metric name to one score an example, in the order of the data set.
        fingerprint: Summaries of what was programmed, layer by layer; empty where nothing is drawn
            once a chip.
        seconds: Wall-clock seconds of the measurement.
    """

    chip: int
    scores: dict[str, float]
    per_example: dict[str, tuple[float, ...]]
    fingerprint: tuple[float, ...]
    seconds: float


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
    """

    depth: int
    kind: str
    weights: int
    weight_std: float
    weight_max: float
    coverage_weights: float
    coverage_macs: float


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
        chips: One measurement a chip.
        facts: What is known of the layers.
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
    chips: tuple[Measurement, ...]
    facts: LayerFacts | None = field(default=None)


def as_plain(result: Result) -> dict[str, Any]:
    """Return a result as nested dictionaries and tuples, as one process hands it to another."""
    return asdict(result)


def from_plain(plain: Mapping[str, Any]) -> Result:
    """Return the result that `as_plain` was given."""
    facts = plain["facts"]
    return Result(
        **{
            **plain,
            "chips": tuple(Measurement(**chip) for chip in plain["chips"]),
            "facts": LayerFacts(**facts) if facts is not None else None,
        }
    )
