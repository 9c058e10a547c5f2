"""The probe says what works, and turns every raw failure into one line that helps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from analog_bench.errors import TileUnavailable, UsageError
from analog_bench.simulators.aihwkit_engines import CppTile, TorchTile
from analog_bench.simulators.environment_probe import probe
from analog_bench.simulators.lightning import Lightning
from analog_bench.simulators.protocol import Simulator, TileStatus
from analog_bench.simulators.versions import MEASURED, versions, working_pair

ROOT = Path(__file__).parents[2]
LAYER = """
import torch
from torch import nn
from analog_bench.analog.chip import install
from analog_bench.errors import TileUnavailable
from analog_bench.noise import Ideal, WhiteOutput
from analog_bench.simulators.registry import find_simulator

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(4, 3)
    def forward(self, x):
        return self.dense(x)

model = Model().eval()
with install(model, layers=("dense",), noise=WhiteOutput(), chip=0, seed=1) as chip:
    with torch.no_grad(), chip.reading(batch=0):
        print(tuple(model(torch.ones(2, 4)).shape))
torch_tile = find_simulator("torch")
try:
    with install(model, layers=("dense",), noise=Ideal(), chip=0, seed=1, simulator=torch_tile):
        print("tiles work")
except TileUnavailable as problem:
    print(problem)
"""


def run(code: str, python: str | Path = sys.executable, **env: str) -> list[str]:
    words = [python, "-c", code]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


def test_it_reports_what_is_installed() -> None:
    found = probe()
    assert found.versions["torch"] == metadata.version("torch")
    assert found.versions["python"].split(".")[:2] == [str(n) for n in sys.version_info[:2]]
    assert found.devices[0] == "cpu"
    assert found.threads == torch.get_num_threads()
    assert json.loads(json.dumps(found.as_dict())) == found.as_dict()


def test_a_measured_pair_works_as_measured() -> None:
    found = probe()
    here = versions()
    for pair in MEASURED:
        if here["aihwkit"] == pair.aihwkit and here["torch"].split("+")[0] == pair.torch:
            assert found.tiles["torch"] == TileStatus(pair.torch_tile, "")
            assert found.tiles["cpp"] == TileStatus(pair.cpp_tile, "")
            return
    pytest.skip("this combination of versions is not in the table")


def test_it_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    probe()
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unusable_tile_is_refused_with_its_reason() -> None:
    engine = CppTile()
    engine.status = TileStatus(False, "it is so")
    with pytest.raises(TileUnavailable, match="it is so"):
        engine.require()


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:11"])
def test_the_cpp_tile_is_not_even_tried_for_a_gpu(device: str) -> None:
    engine = CppTile()
    with pytest.raises(TileUnavailable) as caught:
        engine.require(device)
    assert str(caught.value) == (
        f"the C++ tile computes on cpu only, and the model is on {device}; measure this case with "
        "--device cpu"
    )
    assert "status" not in vars(engine)


@pytest.mark.parametrize("engine", [TorchTile(), Lightning()], ids=["torch", "lightning"])
def test_other_tiles_follow_the_model_to_a_gpu(engine: Simulator) -> None:
    engine.status = TileStatus(True, "")
    engine.require("cuda:0")
    with pytest.raises(UsageError, match="--device must be cpu, cuda or cuda:N, found 'meta'"):
        engine.require("meta")


@pytest.mark.parametrize(
    ("python", "aihwkit"),
    [("3.10.2", "1.1.0"), ("3.11.9", "1.1.0"), ("3.12.1", "1.2.0"), ("3.13.0", "1.2.0")],
)
def test_advice_fits_the_python(python: str, aihwkit: str) -> None:
    pair = working_pair(python)
    assert pair.aihwkit == aihwkit
    assert pair.cpp_tile
    assert pair.torch_tile


def test_an_aihwkit_that_does_not_load_is_a_reason_and_white_noise_still_works(
    warm_python: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "aihwkit"
    broken.mkdir()
    (broken / "__init__.py").write_text(
        'raise ImportError("rpu_base.so: undefined symbol: _ZN3c10\\nand more")\n'
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    shape, reason = run(LAYER, warm_python, PYTHONPATH=path)
    assert shape == "(2, 3)"
    assert "undefined symbol" in reason
    assert "measured to work: aihwkit" in reason


def test_a_tile_that_fails_at_work_is_a_reason(warm_python: Path) -> None:
    code = """
from aihwkit.simulator.tiles.inference import InferenceTile
from aihwkit.simulator.tiles.inference_torch import TorchInferenceTile

def refuse(*_, **__):
    raise RuntimeError("weights must be a CPU tensor")

def miscompute(tile, x, **_):
    return right(tile, x) * 1.5

InferenceTile.set_weights = refuse
right, TorchInferenceTile.forward = TorchInferenceTile.forward, miscompute
from analog_bench.simulators.environment_probe import probe
print(probe().tiles["cpp"].reason)
print(probe().tiles["torch"].reason)
"""
    cpp, torch_tile = run(code, warm_python)
    assert "the C++ tile of aihwkit" in cpp
    assert "(weights must be a CPU tensor)" in cpp
    assert "measured to work: aihwkit" in cpp
    assert "the torch tile of aihwkit" in torch_tile
    assert "an ideal product differs from the digital one" in torch_tile


def test_everything_works_without_torchvision() -> None:
    hide = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name.split(".")[0] == "torchvision" else find(name, *rest)
)
"""
    look = """
from transformers import BertConfig, BertForQuestionAnswering
from analog_bench.analog.layer_manifest import manifest
config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                    intermediate_size=8)
print(len(manifest(BertForQuestionAnswering(config).eval())))
print("torchvision" in sys.modules)
"""
    shape, outcome, layers, loaded = run("import sys\n" + hide + LAYER + look)
    assert shape == "(2, 3)"
    status = probe().tiles["torch"]
    assert outcome == ("tiles work" if status.usable else status.reason)
    assert (layers, loaded) == ("13", "False")
