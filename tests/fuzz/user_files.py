"""What users have in their folder: data, and Python, tables and settings of their own."""

from tests.squad_articles import squad_of

PROSE = (
    "The fox saw a red barn near the old mill, and the green pond by the blue gate. In Zürich the "
    "trams run until one o'clock. A ticket costs 4.40 francs, about £3.90; nobody's dog barked.\n\n"
)
EXTENSION = '''\
"""Noise of one's own."""
from dataclasses import dataclass

from analog_bench.noise import Noise, family


@family
@dataclass(frozen=True)
class Mine(Noise):
    """Nothing at all."""

    NAME = "mine"
    WHERE = "output"
    std: float = 0.5
'''


HARDWARE = '''\
"""Hardware of one's own."""
from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig
from aihwkit.simulator.parameters import IOParameters, MappingParameter


def _parameters():
    forward = IOParameters(inp_res=0.008, out_res=0.004, out_bound=12.0, out_noise=0.04)
    return dict(forward=forward, mapping=MappingParameter(max_input_size=64))


def tiles():
    return TorchInferenceRPUConfig(**_parameters())


def compiled():
    return InferenceRPUConfig(**_parameters())
'''
CELLS = """\
# Cells of one's own.
g_us,sigma_us,nu_mean,nu_std,read_sigma_us
0,0.1,0.06,0.02,0.05
10,0.6,0.05,0.015,0.2
25,1.1,0.04,0.01,0.3
"""
RETENTION = """\
g_rel,sigma_rel,time_s,factor
0,0.01,1,1
0.5,0.03,3600,0.97
1,0.05,1e6,0.9
"""
STUDY = '''\
"""What is odd about this one?"""
import pytest

from analog_bench.noise import Pcm, Preset, WhiteOutput
from analog_bench.records import Margin
from analog_bench.study import Budget, Study

STUDY = Study(
    name="own",
    question="what then?",
    models=("someone/tiny-gpt2",),
    noises=(WhiteOutput(std=1.0), Pcm()),
    drift_s=(0.0, 3600.0),
    layers="all",
    variants=("direct",),
    tiles={Pcm(): "torch"},
    version=2,
    margins={"cross_entropy": Margin(0.05, "as agreed")},
    prompt=None,
    budgets={
        "smoke": Budget(
            chips=2,
            examples=2,
            noises=(WhiteOutput(std=2.0),),
            drift_s=(0.0,),
            layers=("*.c_fc",),
            grouping=("blocks",),
            per_model={"someone/tiny-gpt2": Budget(chips=1, examples=3)},
        ),
        "full": Budget(chips=3, examples=None),
    },
)


@pytest.mark.study(STUDY)
def bench_own(case, measure, baseline):
    baseline.check(measure(case))
'''


TOML_SETTINGS = """\
python_files = ["bench_*.py"]
python_functions = ["bench_*"]
addopts = ["-p", "analog_bench.plugin", "--strict-markers"]
"""


def questions(articles=12):
    """Return questions in SQuAD form, a few to an article."""
    names = ("Arno", "Bela", "Cora", "Dovre", "Elbe", "Fulda", "Gera", "Havel", "Isar", "Jade")
    made = {}
    for n in range(articles):
        first, second, year = names[n % 10], names[(3 * n + 1) % 10], f"{1900 + n}"
        context = f"The river {first} flows to the city of {second} in {year}. " + PROSE.strip()
        asked = [("Which one is it?", answer) for answer in (f"{first} flows", year)]
        made[f"article {n}"] = [(context, asked)]
    return {"version": "1.1", **squad_of(made)}
