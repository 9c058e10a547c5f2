"""The tables of a whole run: a study on a model after another, as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analog_bench.gate.run_verdicts import Judgement
from analog_bench.report import words
from analog_bench.report.drift_table import drift_table
from analog_bench.report.layer_table import layer_table
from analog_bench.report.measured_on import examples_label
from analog_bench.report.propagation_table import propagation_table
from analog_bench.report.run_summary import digital_line
from analog_bench.report.table import Block
from analog_bench.report.texts_table import texts_table
from analog_bench.report.waterfall_table import waterfall_tables
from analog_bench.store.run import Group

_TEXT_AT_MOST = 160  # characters of a text that a table shows; the results file holds all


def run_tables(groups: Iterable[Group], judgement: Judgement | None) -> Iterator[list[Block]]:
    """Yield the tables of each study and model; without a judgement they hold no verdicts."""
    judgement = judgement or Judgement({}, {})
    for group in groups:
        scope = group.scope
        measured = [result for result in group.results if result.status == "measured"]
        tables: list[Block] = []
        if measured:
            tables += layer_table(
                measured,
                judgement.cases,
                group.metrics,
                data=examples_label(scope),
                title=f"{scope.study}: {words.model_label(scope.model)}, {scope.question}",
            )
            tables += drift_table(group.results, group.metrics[0])
            tables += waterfall_tables(measured, group.metrics[0])
            tables += propagation_table(group.results, group.main)
            tables += texts_table(group.results, group.metrics, at_most=_TEXT_AT_MOST)
        scores = group.results[0].digital
        verdicts = judgement.digital_of(scope)
        tables.append(digital_line(words.model_label(scope.model), scores, verdicts, group.metrics))
        yield tables
