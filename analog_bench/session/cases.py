"""From a study and the options to cases, and to the keywords that `-k` selects them by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from analog_bench.analog.compatibility import IDEAL
from analog_bench.case import Case
from analog_bench.errors import StudyError, UsageError
from analog_bench.session.case_grid import check_budget_layers, list_cases
from analog_bench.session.own_hardware import try_own, with_hardware
from analog_bench.session.plan_cases import case_of_plan, noise_of, products_of
from analog_bench.session.settings import NamedPlan, Settings
from analog_bench.simulators.registry import DEFAULT_TILE, check_case, has_input_ranges
from analog_bench.study import Study
from analog_bench.tasks.task_kinds import METRICS
from analog_bench.value_checks import one_of
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_heads import HEADS
from analog_bench.zoo.model_specs import SHORT_NAMES, ModelSpec
from analog_bench.zoo.own_folder import find_or_read

_WORD = re.compile(r"[\w:+\-.\[\]\\/]+")
"""A word of pytest's expressions."""


def spec_of(settings: Settings, model: str) -> ModelSpec:
    """Return the specification of a model of the chosen zoo, or in a folder; see `find_or_read`."""
    return find_or_read(model, settings.zoo, read_lock(settings.lock))


def spec_of_case(settings: Settings, model: str) -> ModelSpec:
    """Return the specification of a model by its name in cases; raises as `spec_of`."""
    for word in settings.choice.models:
        spec = spec_of(settings, word)
        if spec.stored_name == model:
            return spec
    return spec_of(settings, name_in_study(model, settings.zoo))


def cases_of(study: Study, settings: Settings) -> list[Case]:
    """List the cases of a study under the options, in their cheapest order, each checked for sense.

    Models that a study does not list are added by naming them; those it lists are left out where
    others are named. Models that cannot write have no cases in a study of generation. A
    study without the run's budget has none at all, and hardware without static input ranges none of
    the variant `calibrated`, unless that is asked for.

    Raises:
        LayerError: A layer pattern that fits no layer of the study's models.
        UsageError: A model, noise, drift time, tile or preset that does not fit.
        StudyError: One of these, or a layer or metric, that the study itself names.
        WeightsError: A hub model that is not locked.
    """
    if settings.budget not in study.budgets:
        return []
    if settings.plans:
        return _planned(study, settings) if study.takes_plans else []
    choice = settings.choice
    with _study_named(study, not choice.models):
        specs = _specs(settings, study)
    with _study_named(study):
        for metric in study.margins:
            one_of("margins: the metric", metric, METRICS)
    if study.prompt is not None:
        specs = {model: spec for model, spec in specs.items() if HEADS[spec.task].writes}
    layers_of = {model: spec.layers for model, spec in specs.items()}
    if not layers_of:
        return []
    if not choice.models:
        with _study_named(study):
            check_budget_layers(study, layers_of)
    budget = study.budgets[settings.budget]
    cases = list_cases(study, choice, layers_of, budget, usual_tile=DEFAULT_TILE)
    if choice.hardware != IDEAL and cases and all(case.noise.WHERE != "tile" for case in cases):
        names = ", ".join(dict.fromkeys(case.noise.NAME for case in cases))
        raise UsageError(
            f"--hardware {choice.hardware} would change nothing: {names} needs no tiles; "
            "add a --noise that does"
        )
    chosen = choice.noises or choice.drift_s or choice.tile or choice.hardware != IDEAL
    with _study_named(study, not chosen):
        cases = [
            with_hardware(case, tile=choice.tile is not None or case.noise in study.tiles)
            for case in cases
        ]
        for case in cases:
            check_case(case.noise, case.drift_s, case.tile, case.hardware)
        try_own(cases)
    if not choice.variants:
        # Without static input ranges, calibrated tiles are those of the direct weights.
        cases = [case for case in cases if case.variant != "calibrated" or has_input_ranges(case)]
    return [replace(case, model=specs[case.model].stored_name) for case in cases]


def _planned(study: Study, settings: Settings) -> list[Case]:
    """List the cases of plans: the whole model at their noise, time and weights, but their layers.

    A noise, a time or a variant that is named takes the place of the plan's.
    """
    cases: dict[str, Case] = {}
    for named in settings.plans:
        file, plan = named
        spec, noise = _spec_of_plan(named, settings), noise_of(named)
        assignment = plan.assignment(products_of(spec.layers), file)
        choice = replace(settings.choice, models=(spec.asked_name,))
        whole = replace(
            study,
            models=(spec.asked_name,),
            noises=(noise,),
            drift_s=(plan.drift_s,),
            layers="all",
            variants=(plan.variant,),
            tiles={noise: plan.tile},
            takes_plans=False,
        )
        for case in cases_of(whole, replace(settings, plans=(), choice=choice)):
            planned = case_of_plan(case, assignment)
            if planned is None:
                raise UsageError(f"{file}: all layers are digital, so there is nothing to measure")
            cases[planned.id] = planned
    return list(cases.values())


def _spec_of_plan(named: NamedPlan, settings: Settings) -> ModelSpec:
    file, plan = named
    if settings.choice.models:
        specs = [spec_of(settings, word) for word in settings.choice.models]
        for spec in specs:
            if spec.stored_name == plan.model:
                return spec
        found = ", ".join(spec.stored_name for spec in specs)
        raise UsageError(f"{file} is a plan for {plan.model}, and --model names {found}")
    if plan.zoo == "folder":
        raise UsageError(f"{file} is a plan for {plan.model}; name its folder with --model PATH")
    if (plan.zoo == "hub") != (settings.zoo == "hub"):
        zoo = "hub" if plan.zoo == "hub" else "embedded"
        raise UsageError(f"{file} is a plan for {plan.model}; add --zoo {zoo}")
    return spec_of(settings, name_in_study(plan.model, settings.zoo))


@contextmanager
def _study_named(study: Study, its_own: bool = True) -> Iterator[None]:
    """Say of a mistake which study makes it, where it is the study's own."""
    try:
        yield
    except UsageError as problem:
        if not its_own:
            raise
        raise StudyError(f"Study {study.name}: {problem}") from None


def _specs(settings: Settings, study: Study) -> dict[str, ModelSpec]:
    """Return the models that a study has under the options, by their names."""
    specs: dict[str, ModelSpec] = {}
    for word in settings.choice.models or study.models:
        spec = spec_of(settings, word)
        named = "give it a name: `analog-bench zoo add PATH --name NAME`"
        if spec.asked_name != spec.name and not settings.choice.models:
            raise UsageError(f"models: {word} is a folder, which may be another elsewhere; {named}")
        other = specs.setdefault(spec.name, spec)
        if other != spec:
            raise UsageError(
                f"{other.asked_name} and {spec.asked_name} would both be {spec.name} in results; "
                f"to one of them {named}"
            )
    return specs


def name_in_study(stored: str, zoo: str) -> str:
    """Return the name that a model of a study has in the study: `bert` for `hub-bert`."""
    return stored if zoo == "embedded" else stored.removeprefix("hub-").replace("--", "/")


def keyword_of(model: str, settings: Settings) -> str:
    """Return the word by which `-k` finds what `--model` is given: of a folder its name."""
    return Path(model).name if settings.zoo == "embedded" else model


def asked_words(expression: str) -> list[str]:
    """Return the words of a `-k` expression."""
    return [part for part in _WORD.findall(expression) if part.lower() not in ("and", "or", "not")]


def keywords(case: Case, settings: Settings, expression: str) -> set[str]:
    """Return the words by which `-k EXPRESSION` finds a case, besides parts of its bare id.

    They are `MODEL_STUDY`, and those of the case's named values that the expression spells out. As
    `-k` matches parts of words, `-k bert_layer_noise` would also take `mobilebert_layer_noise`: a
    word that holds another model's is given only where the expression spells it out. Nor is a
    value of which another word of the expression is a part: with `-k "hwa and
    StandardHWATrainingTorch"` it would give the HWA weights' word to every case.
    """
    model = case.model.removeprefix("hub-").removeprefix("folder-")
    word = f"{model}_{case.study}"
    others = {*SHORT_NAMES, *(keyword_of(other, settings) for other in settings.choice.models)}
    shadowed = any(f"{other}_{case.study}" in word for other in others - {model})
    asked = {part.lower() for part in asked_words(expression)}
    spelt_out = {
        value
        for value in map(str.lower, case.named_values)
        if [part for part in asked if part in value] == [value]
    }
    return spelt_out if shadowed and word.lower() not in asked else {word, *spelt_out}
