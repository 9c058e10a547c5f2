"""Results of a waterfall: three chips of one preset, of which ever more terms are switched on."""

from analog_bench.layer_facts_record import LayerFacts
from analog_bench.records import Measurement, Metric, Result

TERMS = ("mapping", "mapping+drift+read", "mapping+drift+read+input_range")
LOST = {
    "direct": ((0.0, 0.0, 0.0), (6.0, 11.0, 16.0), (13.0, 17.5, 23.5)),
    "calibrated": ((0.0, 0.0, 0.0), (6.0, 11.0, 16.0), (8.0, 13.0, 18.0)),
    "hwa": ((1.0, 1.0, 1.0), (3.0, 4.0, 5.0), (3.0, 4.0, 5.0)),
}
"""What each chip has lost at each step."""
NATS = Metric("cross_entropy", "nats", False, 0.02)


def steps(variant, metric=None, *, terms=TERMS, **changed):
    """Return a result a step; scores are F1 of 80 where nothing is lost, or in another metric."""
    name, sign = ("f1", -1.0) if metric is None else (metric.name, 1.0)
    results = []
    for own, lost in zip(terms, LOST[variant], strict=False):
        chips = tuple(
            Measurement(chip, {name: 80.0 + sign * points}, {}, (1.0, chip), 1.0)
            for chip, points in enumerate(lost)
        )
        noise = f"preset:name=Hard,terms={own}"
        given = {
            "case_id": f"bert/all/{noise}/86400s/torch/{variant}",
            **{"study": "waterfall", "model": "bert", "group": "all", "noise": noise},
            **{"drift_s": 86_400.0, "tile": "torch", "hardware": "ideal", "variant": variant},
            **{"case_version": 1, "protocol": "p1", "weights": variant, "seed": 7},
            **{"status": "measured", "reason": "", "digital": {name: 80.0}, "chance": {}},
            "chips": chips,
            "facts": LayerFacts(0, "several", 1000, 0.05, 0.5, 1.0, 1.0),
            **changed,
        }
        results.append(Result(**given))
    return results
