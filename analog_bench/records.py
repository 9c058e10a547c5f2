"""What came out: records that the engine fills, the store writes and the gate compares.

These msgspec Structs are the schema of run files and journals: what a field may hold is said here
and nowhere else. Limits such as those of `Whole` are checked where a record is read from JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from analog_bench.codec import LARGEST_WHOLE, Whole
from analog_bench.defining_files import SourceFile
from analog_bench.errors import UsageError
from analog_bench.layer_facts_record import LayerFacts
from analog_bench.planned_case_record import PlannedCase
from analog_bench.precision_target import PrecisionTarget
from analog_bench.propagation_record import Propagation
from analog_bench.value_checks import shown

Status: TypeAlias = Literal["measured", "skipped", "broken"]
Identity: TypeAlias = tuple[str, str, str]
"""What no two results of a run share: case id, study, protocol."""
Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]
"""What matrix products are computed in; everything else is in float32."""
Computed: TypeAlias = tuple[str, Precision]
"""What computed results, `cpu` or a GPU's name, and in which precision."""
Seed: TypeAlias = Annotated[int, Meta(ge=-LARGEST_WHOLE, le=LARGEST_WHOLE)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]
LARGEST_SCORE = 1e100
"""No metric is on such a scale, and squares of scores must not leave the range of floats."""
Score: TypeAlias = Annotated[float, Meta(ge=-LARGEST_SCORE, le=LARGEST_SCORE)]

# Chips below are initial ones; those from it on confirm what looks changed from the baseline.
FIRST_CONFIRMATION_CHIP = 1000
WEIGHTS_OF_EXAMPLES = "tokens"
"""The key under `per_example` of how much each example counts in a mean; all the same without."""
SEVERAL = "several"
"""The kind of a case's layers where it has more than one."""
_METRIC_LABELS = {"f1": "F1", "em": "EM", "label_f1": "label F1", "matthews": "Matthews"}
_METRIC_LABELS |= {"cross_entropy": "cross-entropy", "bits_per_byte": "bits/byte"}


class Metric(Struct, frozen=True, forbid_unknown_fields=True):
    """A score and how to read it.

    Attributes:
        name: `f1`, `em`, `cross_entropy`, ...; its key in a file.
        unit: Unit of the score: `points`, `nats`, ...
        higher_is_better: Direction.
        margin: The change that matters scientifically, in the unit.
        version: Raised when the definition changes.
    """

    name: str
    unit: str
    higher_is_better: bool
    margin: NotNegative
    version: Whole = 1

    @property
    def label(self) -> str:
        """Its name as readers know it: `F1`, `cross-entropy`, `bits/byte`."""
        return _METRIC_LABELS.get(self.name, self.name.replace("_", " "))

    def gain(self, change: float) -> float:
        """Return a change of the score with up for better."""
        return change if self.higher_is_better else -change

    def loss(self, score: float, digital: float) -> float:
        """Return how much worse than digital a score is, in the unit; below 0 where better."""
        return digital - score if self.higher_is_better else score - digital


class Margin(Struct, frozen=True, forbid_unknown_fields=True):
    """A study's own margin for a metric, in place of the metric's.

    Attributes:
        value: The change that matters in this study, in the metric's unit.
        reason: Why it differs from the metric's own, in one sentence.
    """

    value: NotNegative
    reason: Annotated[str, Meta(pattern=r"\S")]

    def __post_init__(self) -> None:
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not (number and 0 <= self.value < math.inf):
            raise UsageError(f"a margin must be a number of at least 0, found {shown(self.value)}")
        if not (isinstance(self.reason, str) and self.reason.strip()):
            raise UsageError("a study's own margin needs a written reason: Margin(value, reason)")


class Scope(Struct, frozen=True, forbid_unknown_fields=True):
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
    examples: Whole
    main_metric: str
    margins: dict[str, Margin]

    @property
    def study_and_model(self) -> tuple[str, str]:
        """What the results of a group share."""
        return self.study, self.model

    def metrics(self, known: Mapping[str, Metric], scored: Iterable[str]) -> tuple[Metric, ...]:
        """Return the metrics of scores, the main one first, with the margins that count here.

        `known` holds the main one and all that were scored, by name.
        """
        return tuple(
            replace(known[name], margin=self.margins[name].value)
            if name in self.margins
            else known[name]
            for name in dict.fromkeys([self.main_metric, *scored])
        )


def is_score(value: float) -> bool:
    """Return whether this is a finite number on the scale of any metric."""
    return abs(value) <= LARGEST_SCORE  # false for NaN, too


class Measurement(Struct, frozen=True, forbid_unknown_fields=True):
    """One chip's scores.

    Attributes:
        chip: Index of the chip; from 1000 on it is a confirmation chip.
        scores: Metric name to score over all examples; the same metrics on every chip of a case.
        per_example: Metric name to one score an example, in the order of the data set; `predicted`
            to the label's number, where metrics are of the whole set; `tokens` to how many were
            scored, where examples count by them.
        fingerprint: Summaries of what was programmed, layer by layer; empty where nothing is drawn
            once a chip.
        seconds: Wall-clock seconds of the measurement.
        texts: The texts that the chip wrote, one an example, each with its prompt; empty where the
            task is not to write.
        propagation: How noise travelled from block to block; None where the study does not ask.
    """

    chip: Whole
    scores: dict[str, Score]
    per_example: dict[str, tuple[Score, ...]]
    fingerprint: tuple[float, ...]
    seconds: float
    texts: tuple[str, ...] = ()
    propagation: Propagation | None = None


class Result(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything measured for one case.

    Attributes:
        case_id: `Case.id`.
        study: Name of the study.
        model: Name of the model.
        group: The case's layers, by their short name.
        noise: The noise, as `parse_noise` reads it, such as `white_output:std=1`.
        drift_s: Seconds since programming.
        tile: Tile engine, `torch` or `cpp`; `none` where the noise needs no tile.
        hardware: Hardware preset the tiles start from; `ideal` adds nothing.
        variant: Whose weights: `direct` or `hwa`.
        case_version: `Case.version`, raised when the meaning of the case changes.
        protocol: Fingerprint of data, tokeniser, lengths and metric versions.
        weights: Fingerprint of the digital weights.
        seed: The run's seed.
        status: `measured`; `skipped` (this environment cannot); `broken` (no finite score).
        reason: Why, for the latter two.
        digital: Scores of the digital model on the same examples.
        chance: What guessing scores on the same examples; empty where that is not known.
        chips: One measurement a chip, none twice; empty unless measured.
        facts: What is known of the layers.
        digital_texts: The texts that the digital model wrote, as in `Measurement.texts`.
        sources: The user's own files that define the case's noise, simulator, hardware or devices;
            empty where all of these came along.
        digital_per_example: The digital model's scores of single examples, as in
            `Measurement.per_example`; empty where those of chips are not kept.
        target: What decided how many initial chips there are; None where their number was fixed.
        device: What computed it, and drew: `cpu`, or a GPU's name.
        precision: Of matrix products that are not on tiles.
        plan: What becomes of each layer, where the case is a plan.
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
    case_version: Whole
    protocol: str
    weights: str
    seed: Seed
    status: Status
    reason: str
    digital: dict[str, Score]
    chance: dict[str, Score]
    chips: tuple[Measurement, ...]
    facts: LayerFacts | None = None
    digital_texts: tuple[str, ...] = ()
    sources: tuple[SourceFile, ...] = ()
    digital_per_example: dict[str, tuple[Score, ...]] = {}
    target: PrecisionTarget | None = None
    device: str = "cpu"
    precision: Precision = "float32"
    plan: PlannedCase | None = None

    @property
    def identity(self) -> Identity:
        """What no two results of a run share: case id, study, protocol."""
        return self.case_id, self.study, self.protocol

    @property
    def study_and_model(self) -> tuple[str, str]:
        """What the results of a group share."""
        return self.study, self.model

    @property
    def computed(self) -> Computed:
        """What computed it, and in which precision."""
        return self.device, self.precision

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

    def scores(self, metric: str) -> tuple[float, ...]:
        """Return the scores of the initial chips; empty where one of them has none."""
        scores = [chip.scores.get(metric) for chip in self.initial_chips]
        known = tuple(score for score in scores if score is not None)
        return known if len(known) == len(scores) else ()

    def score(self, metric: str) -> float | None:
        """Return the mean score over the initial chips; None where one of them has none."""
        scores = self.scores(metric)
        return fmean(scores) if scores else None

    def losses(self, metric: Metric) -> tuple[float, ...]:
        """Return how much worse than digital each initial chip is, as `Metric.loss` has it.

        Empty where digital or one of the chips has no score in the metric.
        """
        scores = self.scores(metric.name) if metric.name in self.digital else ()
        return tuple(metric.loss(score, self.digital[metric.name]) for score in scores)
