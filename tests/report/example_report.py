"""A run of two models with everything a page shows, and with names that hold markup."""

import dataclasses

from msgspec.structs import replace

from analog_bench.gate.case_verdicts import Verdict
from analog_bench.layer_facts_record import Histogram, LayerFacts
from analog_bench.records import Measurement, Metric, Result, Scope
from analog_bench.report.report_contents import contents_of
from analog_bench.store.baseline import Provenance
from analog_bench.store.run import Manifest, Run

SCRIPT = "<script>window.hacked = 1</script>"
NASTY = f'x"><img src=x onerror="window.hacked = 2">{SCRIPT}'
PROMPT = f"Once {SCRIPT} upon & a time"
METRICS = {
    "f1": Metric("f1", "points", True, 1.0),
    "em": Metric("em", "points", True, 1.5),
    "cross_entropy": Metric("cross_entropy", "nats", False, 0.02),
    "generation_perplexity": Metric("generation_perplexity", "", False, 2.0),
}
DAY, MONTH = 86_400.0, 2_592_000.0
LAYERS = (
    "embeddings.word_embeddings",
    "embeddings.LayerNorm",
    *(f"encoder.layer.{n}.{part}" for n in range(8) for part in ("key", "output.dense", "norm")),
    *(f"encoder.layer.{n}.value" for n in range(8)),
)
BASELINE = Provenance("2026-11-20T03:00:00+00:00", "a" * 40, "3.11.1", "2.10.0", "1.0.0")


def scope(study, model="bert", metric="f1", data="embedded questions"):
    return Scope(study, model, f"what of {study}?", data, 96, metric, {})


def result(study, group, scores, **changed):
    """Return a result with one chip for each score; `digital` is 70 points."""
    chips = tuple(
        Measurement(n, {"f1": f1, "em": f1 / 2}, {}, (float(n),), 0.25 + n)
        for n, f1 in enumerate(scores)
    )
    made = Result(
        f"bert/{group}/white_output:std=1", study, "bert", group, "white_output:std=1", 0.0,
        "none", "ideal", "direct", 1, "p" * 64, "w" * 64, 7, "measured", "",
        {"f1": 70.0, "em": 35.0}, {"f1": 5.0}, chips,
    )  # fmt: skip
    return replace(made, **changed)


def kind(layer):
    return (
        "norm" if layer.lower().endswith("norm") else "embedding" if "word" in layer else "matmul"
    )


def layer_results():
    """Return every layer under two noises: the deeper, the less it loses; one is skipped."""
    made = []
    for depth, layer in enumerate(LAYERS):
        lost = 60.0 / (1 + depth)
        reach = 30.0 / (1 + depth) + 3.0
        std = 0.05 + depth / 1000
        counts = tuple(max(0, 900 - 30 * abs(n - 30)) for n in range(61))
        histogram = Histogram(-std * reach, 0.8 * std * reach, counts)
        facts = LayerFacts(depth, kind(layer), sum(counts), std, std * reach, 0.0, 0.0, histogram)
        scores = [70.0 - lost + 0.5 * chip for chip in (-1, 0, 1)]
        made.append(result("layer_noise", layer, scores, facts=facts))
        made.append(
            result(
                "layer_noise",
                layer,
                [score - 1 for score in scores],
                facts=facts,
                noise="pcm:prog=1",
                drift_s=DAY,
                tile="cpp",
                case_id=f"bert/{layer}/pcm/1d/cpp",
            )
        )
    made[-1] = replace(made[-1], status="skipped", reason=f"no C++ tile: {SCRIPT}", chips=())
    return made


def drift_results():
    facts = LayerFacts(4, "several", 10**6, 0.05, 0.4, 1.0, 1.0)
    return [
        result(
            "drift",
            "all",
            [centre - 2, centre, centre + 2],
            facts=facts,
            variant=variant,
            drift_s=time,
            noise="preset:name=Some",
            tile="torch",
            case_id=f"bert/all/preset/{time:g}s/{variant}",
            weights=variant * 8,
        )
        for variant, start in (("direct", 50.0), ("hwa", 66.0))
        for centre, time in ((start, 0.0), (start - 1, 1.0), (start - 5, DAY), (start - 9, MONTH))
    ]


def noise_results():
    facts = LayerFacts(4, "several", 10**6, 0.05, 0.4, 1.0, 1.0)
    return [
        result(
            "noise_types",
            "all",
            [f1, f1 + 1.0],
            facts=facts,
            noise=noise,
            tile="torch",
            case_id=f"bert/all/{noise}",
        )
        for noise, f1 in (("pcm:prog=1", 40.0), (NASTY, 20.0), ("quantise:dac_bits=8", 69.5))
    ]


def text_results():
    """Return what another model wrote, whose name holds markup."""
    return [
        Result(
            f"{NASTY}/all/{time:g}s/{variant}", "generation", NASTY, "all", "preset:name=Some",
            time, "torch", "ideal", variant, 1, "q" * 64, "v" * 64, 7, "measured", "",
            {"generation_perplexity": 9.0}, {},
            tuple(
                Measurement(
                    n, {"generation_perplexity": 12.0 + n + time / DAY}, {}, (), 1.0,
                    (f"{PROMPT}, {variant} {SCRIPT} wrote {n}", "second"),
                )
                for n in range(2)
            ),
            LayerFacts(0, "several", 100, 0.1, 0.3, 1.0, 1.0),
            (f"{PROMPT}, nobody wrote", "second"),
        )
        for variant in ("direct", "hwa")
        for time in (1.0, DAY)
    ]  # fmt: skip


def example_run():
    results = [*layer_results(), *drift_results(), *noise_results(), *text_results()]
    scopes = (
        *(scope(study) for study in ("layer_noise", "drift", "noise_types")),
        scope("generation", NASTY, "generation_perplexity", f"texts from {PROMPT!r}"),
    )
    manifest = Manifest(
        "2026-11-24T04:12:25+00:00", 7, f"pytest bench --prompt '{PROMPT}'",
        {"aihwkit": "1.1.0", "torch": "2.11.0", "tiles": {"torch": "works", "cpp": "no"}},
        "b" * 40, {},
    )  # fmt: skip
    return Run(manifest, METRICS, scopes, tuple(results))


def verdict(kind, change=None, **changed):
    interval = None if change is None else (change - 0.5, change + 0.5)
    made = Verdict(kind, "f1", change, interval, 1.0, True, f"f1 {kind} <b>so</b>", looks=2)
    return dataclasses.replace(made, **changed)


def example_contents(**kinds):
    """Return the example judged: all `equivalent` but what is named by its index."""
    run = example_run()
    verdicts = {r.identity: verdict("equivalent", 0.1) for r in run.results}
    skipped = next(r for r in run.results if r.status == "skipped")
    verdicts[skipped.identity] = verdict("skipped", reason=skipped.reason)
    for index, given in kinds.items():
        found = run.results[int(index.removeprefix("at"))]
        verdicts[found.identity] = given
    return contents_of(run, verdicts, {}, baselines=[BASELINE], source="bench-1.json")
