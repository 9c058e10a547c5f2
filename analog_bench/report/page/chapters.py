"""A model's chapter: its sections in order. New content is added here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analog_bench.report import words
from analog_bench.report.measured_on import examples_label
from analog_bench.report.page.case_details import StudyValues, raw_values
from analog_bench.report.page.heat_map import HeatMap, heat_map, heat_picture
from analog_bench.report.plots.across_models import across_models
from analog_bench.report.plots.condition_plot import noise_plots
from analog_bench.report.plots.depth_plot import depth_plots
from analog_bench.report.plots.drift_plot import drift_plots
from analog_bench.report.plots.energy_plot import energy_plots
from analog_bench.report.plots.figure import Figure
from analog_bench.report.plots.plan_plots import plan_plots
from analog_bench.report.plots.propagation_plots import propagation_plots
from analog_bench.report.plots.waterfall_plot import waterfall_plots
from analog_bench.report.plots.weight_plots import distribution_plots, spread_plots
from analog_bench.report.report_contents import Contents
from analog_bench.report.table import Table
from analog_bench.report.texts_table import texts_by_noise, texts_note


@dataclass(frozen=True)
class Section:
    """A part of a chapter; `lead` is what it says where its plots do not, `texts` are by noise."""

    title: str
    lead: str = ""
    heat_map: HeatMap | None = None
    figures: tuple[Figure, ...] = ()
    texts: tuple[tuple[str, Table], ...] = ()


@dataclass(frozen=True)
class Chapter:
    """One model, or all: what it scored as digital model, its plots and texts, its raw values."""

    model: str
    anchor: str
    digital: tuple[str, ...]
    sections: tuple[Section, ...]
    studies: tuple[StudyValues, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every plot of the chapter, the map included."""
        maps = [section.heat_map for section in self.sections if section.heat_map]
        pictures = [heat_picture(one) for one in maps]
        return (*pictures, *(figure for section in self.sections for figure in section.figures))


def chapters(contents: Contents) -> tuple[Chapter, ...]:
    """Return a chapter for each model; before them one of all, where they share conditions."""
    together = across_models(contents)
    first = Chapter(
        "all models", "all-models", (), (Section("Beside each other", figures=together),), ()
    )
    return (*([first] if together else []), *_of_models(contents))


def _of_models(contents: Contents) -> tuple[Chapter, ...]:
    return tuple(
        Chapter(
            model=words.model_label(model),
            anchor=f"model-{n}",
            digital=_digital(contents, model),
            sections=_sections(contents, model),
            studies=raw_values(contents, model),
        )
        for n, model in enumerate(contents.models, start=1)
    )


def findings(contents: Contents, made: Sequence[Chapter]) -> tuple[str, ...]:
    """Return what each model's first plot says, with the model's name.

    Of a model that is no better than guessing before anything is noisy, that is what is said.
    """
    found = []
    of_one = (chapter for chapter in made if chapter.studies)
    for model, chapter in zip(contents.models, of_one, strict=True):
        studies = contents.of_model(model)
        guesses = (study.guesses for study in studies)
        messages = (figure.message for figure in chapter.figures)
        said = next((text for text in (*guesses, *messages) if text), "")
        if said:
            found.append(f"{chapter.model} · {said}")
    return tuple(found)


def answer(made: Sequence[Chapter]) -> Figure | None:
    """Return the plot that answers the run's question: the first of all models, or of the first.

    Losses by layer, or over time, or what the run has; None where it has no plot.
    """
    sections = (section for chapter in made for section in chapter.sections)
    return next((figure for section in sections for figure in section.figures), None)


def _sections(contents: Contents, model: str) -> tuple[Section, ...]:
    depth, drift = depth_plots(contents, model), drift_plots(contents, model)
    sections = (
        Section("Which layers may go analog", figures=plan_plots(contents, model)),
        Section(
            "Which layers the model depends on",
            lead=depth.note("plot of loss over depth", "plots of loss over depth"),
            heat_map=heat_map(contents, model),
            figures=depth.figures,
        ),
        Section("Loss and the spread of the weights", figures=spread_plots(contents, model)),
        Section(
            "Weights of the most and the least vulnerable layers",
            figures=distribution_plots(contents, model),
        ),
        Section(
            "The whole model on analog hardware",
            lead=drift.note("drift plot", "drift plots"),
            figures=(*drift.figures, *noise_plots(contents, model)),
        ),
        Section("What each term of the hardware costs", figures=waterfall_plots(contents, model)),
        Section("How noise travels through the blocks", figures=propagation_plots(contents, model)),
        Section("Accuracy and energy", figures=energy_plots(contents, model)),
        _texts(contents, model),
    )
    return tuple(one for one in sections if one.heat_map or one.figures or one.texts)


def _texts(contents: Contents, model: str) -> Section:
    studies = [study for study in contents.of_model(model) if study.writes]
    written = (texts_by_noise(s.results, s.metrics, link=contents.link) for s in studies)
    tables = (table for by_noise in written for table in by_noise.items())
    notes = dict.fromkeys(texts_note(study.results, study.metrics) for study in studies)
    pale = "What the digital model wrote the same is pale."
    return Section("What it writes", " ".join([*notes, pale]), texts=tuple(tables))


def _digital(contents: Contents, model: str) -> tuple[str, ...]:
    """Say what the digital model scores on each study's examples, and what guessing does."""
    said: dict[str, None] = {}
    for study in contents.of_model(model):
        first, on = study.results[0], examples_label(study.scope)
        if digital := words.scores_text(first.digital, study.metrics):
            guessing = words.scores_text(first.chance, study.metrics)
            said[f"On {on}: digital {digital}{guessing and f', guessing {guessing}'}"] = None
    return tuple(said)
