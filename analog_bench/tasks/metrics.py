"""The metrics: their direction, unit and the change that matters. Needs no torch."""

from __future__ import annotations

from analog_bench.records import Metric

F1 = Metric(name="f1", unit="points", higher_is_better=True, margin=1.0)
EM = Metric(name="em", unit="points", higher_is_better=True, margin=1.5)

# Where both labels are equally frequent, the correlation of a classifier without a leaning is twice
# its accuracy less 100: its margin is the same change.
ACCURACY = Metric(name="accuracy", unit="points", higher_is_better=True, margin=1.0)
LABEL_F1 = Metric(name="label_f1", unit="points", higher_is_better=True, margin=1.0)
MATTHEWS = Metric(name="matthews", unit="points", higher_is_better=True, margin=2.0)

# A change of 0.02 nats is one of 2 % in perplexity. The other two are functions of the
# cross-entropy: their margins are that change at the embedded model's figures (about 4 bytes and
# 5 nats a token).
CROSS_ENTROPY = Metric(name="cross_entropy", unit="nats", higher_is_better=False, margin=0.02)
PERPLEXITY = Metric(name="perplexity", unit="", higher_is_better=False, margin=3.0)
BITS_PER_BYTE = Metric(name="bits_per_byte", unit="bits", higher_is_better=False, margin=0.007)

GENERATION_PERPLEXITY = Metric(
    name="generation_perplexity", unit="", higher_is_better=False, margin=2.0
)
REPETITION = Metric(name="repetition", unit="", higher_is_better=False, margin=0.05)
