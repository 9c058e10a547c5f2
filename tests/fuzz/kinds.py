"""The kinds of inputs: which file is damaged or which option is given oddly, and who then reads it.

A kind is handed a copy of its part of the user's folder and a source of random numbers. It changes
something there and says which commands are to be run, one after the other until one refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import data_kinds, model_kinds, record_kinds, words
from tests.fuzz.inputs import Input

# How folders may be called, too.
HOUSES = ("house",) * 12 + ("h o[u]s*e?", "h%20'&#\"s{0}e", "häuß\u202ee", "-h=ouse,[red]")


@dataclass(frozen=True)
class Kind:
    """A kind of input, and how many of a thousand inputs are of it; see `corpus.PARTS`."""

    share: int
    parts: tuple[str, ...]
    make: Callable[..., Input]


KINDS = {
    "results": Kind(70, ("runs",), record_kinds.RESULTS),
    "baselines": Kind(60, ("models", "texts", "runs"), record_kinds.BASELINES),
    "journal": Kind(60, ("models", "texts", "runs", "journal"), record_kinds.journal),
    "lock file": Kind(50, ("models", "texts"), model_kinds.LOCKS),
    "model": Kind(100, ("models", "texts"), model_kinds.cached_model),
    "own model": Kind(50, ("models", "texts", "own model"), model_kinds.own_model),
    "model on the hub": Kind(50, ("models",), model_kinds.locked_model),
    "hub": Kind(50, ("models",), model_kinds.hub_answer),
    "weights": Kind(30, (), model_kinds.WEIGHTS),
    "adapter": Kind(20, (), model_kinds.ADAPTER),
    "package": Kind(20, (), model_kinds.package_data),
    "hwa weights": Kind(40, ("models", "texts", "trained"), model_kinds.hwa),
    "history": Kind(60, ("runs", "history"), record_kinds.HISTORY),
    "questions": Kind(40, ("models", "texts"), data_kinds.QUESTIONS),
    "data folder": Kind(20, ("models", "texts"), data_kinds.env_data),
    "data sets": Kind(30, ("models", "texts", "datasets"), data_kinds.datasets),
    "texts": Kind(30, ("models", "texts"), data_kinds.TEXTS),
    "device tables": Kind(30, ("models", "texts"), data_kinds.TABLES),
    "hardware": Kind(30, ("models", "texts"), data_kinds.hardware),
    "studies": Kind(40, ("models", "texts"), data_kinds.STUDIES),
    "extension": Kind(20, ("models", "texts"), data_kinds.EXTENSIONS),
    "checkpoint": Kind(40, ("models", "texts", "trained"), record_kinds.TRAINED),
    "search": Kind(40, ("models", "texts", "search"), record_kinds.SEARCHES),
    "survey": Kind(10, ("answers",), record_kinds.SURVEYS),
    "timings": Kind(10, ("answers",), record_kinds.TURNS),
    "gh": Kind(10, ("answers", "runs"), record_kinds.GITHUB),
    "releases": Kind(20, ("releases", "texts"), record_kinds.RELEASES),
    "options": Kind(90, ("models", "runs", "texts"), words.options),
    "ini values": Kind(20, ("models", "texts"), words.ini_values),
    "environment": Kind(20, ("models", "texts"), words.variables),
    "verbs": Kind(110, ("models", "runs", "texts", "trained"), words.verbs),
}
