"""Runs and results to store: any that hypothesis can think of."""

from hypothesis import strategies as st

from analog_bench.defining_files import SourceFile
from analog_bench.layer_facts_record import Histogram, LayerFacts
from analog_bench.planned_case_record import LETTERS, PlannedCase
from analog_bench.precision_target import PrecisionTarget
from analog_bench.propagation_record import LARGEST_FIGURE, BlockNoise, Propagation, Quantiles
from analog_bench.records import FIRST_CONFIRMATION_CHIP, LARGEST_SCORE, Measurement, Result
from analog_bench.store.run import Incomplete, Manifest, Repository, Run, Sources, Unmeasured
from analog_bench.zoo.model_shape import LayerShape, ModelShape
from tests.store.examples import METRICS, scopes_of

NAMES = st.text("abcdefgh.:=/_é", min_size=1, max_size=20)
WRITTEN = st.lists(st.text(st.characters(codec="utf-8")), max_size=2).map(tuple)
FLOATS = st.floats(-LARGEST_SCORE, LARGEST_SCORE)
TEXTS = ["case_id", "study", "model", "group", "noise", "tile", "hardware", "variant"]
TEXTS += ["protocol", "weights"]
SCORES = st.dictionaries(st.sampled_from(sorted(METRICS)), FLOATS)
EXAMPLES = st.lists(FLOATS, max_size=3).map(tuple)
COUNTS = st.lists(st.integers(0, 10**9), max_size=3).map(tuple)
FACTS = st.builds(
    LayerFacts,
    *(st.integers(0, 99), NAMES, st.integers(0, 10**9), FLOATS, FLOATS, FLOATS, FLOATS),
    st.none() | st.builds(Histogram, FLOATS, FLOATS, COUNTS),
)
SPREADS = st.builds(Quantiles, *[st.floats(-LARGEST_FIGURE, LARGEST_FIGURE)] * 3)
PROPAGATIONS = st.builds(
    Propagation,
    SPREADS,
    st.lists(st.builds(BlockNoise, *[SPREADS] * 4, *[st.none() | SPREADS] * 5), max_size=2).map(
        tuple
    ),
    st.sampled_from(["forward", "difference", ""]),
)
INITIAL_CHIPS = st.sets(st.integers(0, 50), min_size=1, max_size=3)
CONFIRMATION_CHIPS = st.sets(
    st.integers(FIRST_CONFIRMATION_CHIP, FIRST_CONFIRMATION_CHIP + 9), max_size=2
)


SOURCES = st.lists(st.builds(SourceFile, NAMES, NAMES, NAMES), max_size=2).map(tuple)


@st.composite
def measurements(draw):
    metrics = draw(st.lists(st.sampled_from(sorted(METRICS)), min_size=1, unique=True))
    return tuple(
        Measurement(
            chip=chip,
            scores={name: draw(FLOATS) for name in metrics},
            per_example={name: draw(EXAMPLES) for name in metrics},
            fingerprint=draw(EXAMPLES),
            seconds=draw(st.floats(0, 1e6)),
            texts=draw(WRITTEN),
            propagation=draw(st.none() | PROPAGATIONS),
        )
        for chip in sorted(draw(INITIAL_CHIPS) | draw(CONFIRMATION_CHIPS))
    )


PLANS = st.builds(
    PlannedCase,
    st.text(LETTERS, min_size=1, max_size=5),
    NAMES,
    st.integers(1, 512),
    NAMES,
    *[st.none() | FLOATS] * 4,
)
TARGETS = st.builds(PrecisionTarget, st.floats(0.0, 1e6), st.floats(0.0, 1.0))


@st.composite
def results(draw):
    status = draw(st.sampled_from(["measured", "skipped", "broken"]))
    return Result(
        **{name: draw(NAMES) for name in TEXTS},
        drift_s=draw(st.floats(0, 1e9)),
        case_version=draw(st.integers(0, 99)),
        seed=draw(st.integers(-(2**63) + 1, 2**63 - 1)),
        status=status,
        reason="" if status == "measured" else draw(NAMES),
        digital=draw(SCORES),
        chance=draw(SCORES),
        chips=draw(measurements()) if status == "measured" else (),
        facts=draw(st.none() | FACTS),
        digital_texts=draw(WRITTEN),
        sources=draw(SOURCES),
        target=draw(st.none() | TARGETS),
        plan=draw(st.none() | PLANS),
        digital_per_example=draw(st.dictionaries(st.sampled_from(sorted(METRICS)), EXAMPLES)),
    )


MANIFESTS = st.builds(
    Manifest,
    created=st.just("2026-01-02T03:04:05+00:00"),
    seed=st.integers(0, 2**63 - 1),
    command=st.text(st.characters(codec="utf-8")),
    environment=st.dictionaries(NAMES, st.none() | NAMES | FLOATS | st.lists(NAMES)),
    commit=st.none() | NAMES,
    options=st.dictionaries(NAMES, st.booleans() | st.integers(0, 9)),
    sources=st.none()
    | st.builds(
        Sources,
        st.none() | st.builds(Repository, NAMES, st.lists(NAMES, max_size=2).map(tuple)),
        SOURCES,
    ),
)
RESULTS = st.lists(results(), max_size=3, unique_by=lambda r: (r.case_id, r.study, r.protocol))
INCOMPLETE = st.builds(
    Incomplete,
    cases=st.lists(st.builds(Unmeasured, NAMES, NAMES, st.just("") | NAMES), min_size=1).map(tuple),
    command=NAMES,
)
SIZES, COUNTS = st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1)
KINDS = st.sampled_from(("embedding", "norm", "matmul"))
LAYERS = st.builds(LayerShape, NAMES, KINDS, st.none() | COUNTS, SIZES, SIZES, SIZES)
SHAPES = st.builds(
    ModelShape, SIZES, st.lists(LAYERS, min_size=1).map(tuple), COUNTS, COUNTS, COUNTS
)
RUNS = st.builds(
    lambda manifest, made, missing, shapes: Run(
        manifest, METRICS, scopes_of(made), tuple(made), missing, shapes
    ),
    MANIFESTS,
    RESULTS,
    st.none() | INCOMPLETE,
    st.dictionaries(NAMES, SHAPES, max_size=2),
)
