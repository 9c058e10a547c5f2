"""Results whose noise was followed through three blocks, with figures that are known."""

from msgspec.structs import replace

from analog_bench.layer_facts_record import LayerFacts
from analog_bench.propagation_record import BlockNoise, Propagation, Quantiles
from analog_bench.report.report_contents import contents_of
from analog_bench.store.run import Run
from tests.report.example_report import METRICS, example_run, result, scope

FACTS = LayerFacts(1, "several", 10**6, 0.05, 0.4, 0.9, 0.9)
GAIN = 0.5


def spread(value):
    return Quantiles(value / 2, value, 2 * value)


def propagation(error, source, coherence):
    """Return noise made in all blocks, or in one: a block makes `error` and halves what comes."""
    blocks, before = [], 0.0
    for block in range(3):
        made, handed = (error if source in (None, block) else 0.0), GAIN * before
        after = (made**2 + handed**2 + 2 * coherence * made * handed) ** 0.5
        both = made > 0 and handed > 0
        share = (made**2 + coherence * made * handed) / after**2 if after else None
        blocks.append(
            BlockNoise(
                *(spread(after), spread(made), spread(handed), spread(0.9 * after)),
                share=None if share is None else spread(share),
                gain=spread(GAIN) if before else None,
                jacobian_gain=spread(GAIN) if before else None,
                random_gain=spread(2 * GAIN) if before else None,
                coherence=spread(coherence) if both else None,
            )
        )
        before = after
    return Propagation(spread(0.0), tuple(blocks), "forward")


def followed_result(family, error, group="products", coherence=0.0):
    """Return a result of three chips, which lose 500 times the square of the final error."""
    source = int(group[6:]) if group.startswith("block.") else None
    noise = (
        f"equal_error:family={family},error={error:g}" if family != "Some" else "preset:name=Some"
    )
    made = result("travel", group, [70.0] * 3, facts=FACTS, noise=noise, tile="torch")
    chips = []
    for chip, scale in zip(made.chips, (0.9, 1.0, 1.1), strict=True):
        own = propagation(scale * error, source, coherence)
        lost = 500 * own.blocks[-1].error.median ** 2
        chips.append(replace(chip, scores={"f1": 70 - lost, "em": 35.0}, propagation=own))
    return replace(made, chips=tuple(chips), case_id=f"bert/{group}/{noise}")


def followed_results():
    return [
        *(followed_result("pcm", error) for error in (0.05, 0.1, 0.2)),
        *(followed_result("ir_drop", error, coherence=0.8) for error in (0.05, 0.1)),
        followed_result("Some", 0.15),
        *(followed_result("pcm", 0.1, f"block.{n}") for n in range(3)),
    ]


def followed_contents(results=()):
    results = results or followed_results()
    run = Run(example_run().manifest, METRICS, (scope("travel"),), tuple(results))
    return contents_of(run, {}, {})
