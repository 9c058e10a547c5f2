"""A model's chapter: its sections in order. What is to be shown anew is added here."""

from __future__ import annotations

from dataclasses import dataclass

from analog_bench.report.contents import Contents
from analog_bench.report.html.cases import StudySheet, study_sheets
from analog_bench.report.html.conditions import condition_figures
from analog_bench.report.html.depth_profile import depth_profiles
from analog_bench.report.html.distributions import distribution_figures
from analog_bench.report.html.drift import drift_figures
from analog_bench.report.html.figure import Figure
from analog_bench.report.html.heat_map import heat_map
from analog_bench.report.html.heat_picture import heat_picture
from analog_bench.report.html.section import Section
from analog_bench.report.html.spread import spread_figures
from analog_bench.report.html.writing import writings
from analog_bench.report.labels import amount, metric_label, one_line


@dataclass(frozen=True)
class Chapter:
    """One model.

    Attributes:
        model: Its name.
        anchor: Name of its place on the page.
        digital: What the digital model scored, study by study where they differ.
        sections: What was found.
        sheets: The raw values.
    """

    model: str
    anchor: str
    digital: tuple[str, ...]
    sections: tuple[Section, ...]
    sheets: tuple[StudySheet, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every plot of the chapter, the map included."""
        found = [section.heat_map for section in self.sections if section.heat_map]
        maps = [heat_picture(self.model, heat_map) for heat_map in found]
        return (*maps, *(figure for section in self.sections for figure in section.figures))


def chapters(contents: Contents) -> tuple[Chapter, ...]:
    """Return a chapter for each model.

    Args:
        contents: The page's contents.
    """
    return tuple(
        Chapter(
            model=one_line(model),
            anchor=f"model-{n}",
            digital=_digital(contents, model),
            sections=_sections(contents, model),
            sheets=study_sheets(contents, model),
        )
        for n, model in enumerate(contents.models, start=1)
    )


def _sections(contents: Contents, model: str) -> tuple[Section, ...]:
    layers, profiles = heat_map(contents, model), depth_profiles(contents, model)
    curves = drift_figures(contents, model)
    found = (
        Section(
            "Which layers the model depends on",
            lead=profiles.note("plot of loss over depth", "plots of loss over depth"),
            heat_map=layers,
            figures=profiles.figures,
        ),
        Section("Loss and the spread of the weights", figures=spread_figures(contents, model)),
        Section(
            "Weights of the most and the least vulnerable layers",
            figures=distribution_figures(contents, model),
        ),
        Section(
            "The whole model on analog hardware",
            lead=curves.note("drift plot", "drift plots"),
            figures=(*curves.figures, *condition_figures(contents, model)),
        ),
        Section("What it writes", writings=writings(contents, model)),
    )
    return tuple(part for part in found if part.heat_map or part.figures or part.writings)


def _digital(contents: Contents, model: str) -> tuple[str, ...]:
    lines = []
    for study in contents.of_model(model):
        digital = study.results[0].digital
        scores = [
            f"{metric_label(metric)} {amount(digital[metric.name], metric, extra=1)}"
            for metric in study.metrics
            if metric.name in digital
        ]
        if scores:
            lines.append(f"{', '.join(scores)} on {study.scope.examples} {study.scope.data}")
    return tuple(dict.fromkeys(lines))
