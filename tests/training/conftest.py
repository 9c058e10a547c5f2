import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.real_questions import embedded, tokenizer
from training.__main__ import main

__all__ = ["embedded", "tokenizer"]


def run(*words):
    """Return the exit code of `python -m training WORDS`."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@dataclass(frozen=True)
class Run:
    """One uninterrupted training: its folder, what it told, and its weights."""

    folder: Path
    told: list
    weights: dict


def weights(trained):
    return {name: value.clone() for name, value in trained.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(go, tmp_path_factory):
    """Train in six steps and four of decay, with a checkpoint every other step."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    told = []
    return Run(folder, told, weights(go(folder, tell=told.append)))


@pytest.fixture
def copied(whole, tmp_path):
    """Return a folder with the whole training's checkpoints."""
    return Path(shutil.copytree(whole.folder, tmp_path / "copied"))


@pytest.fixture(params=["decay", "stable and decay"])
def killed(copied, request):
    """Return the folder of a training that died, and where its next checkpoint stands."""
    (copied / "decay-6-4" / "checkpoint-4.pt").unlink()
    if request.param == "decay":
        return copied, ("decay", 4)
    shutil.rmtree(copied / "decay-6-4")
    (copied / "stable" / "checkpoint-6.pt").unlink()
    # What a process leaves that dies while it saves.
    (copied / "stable" / "checkpoint-6.part").write_bytes(b"half")
    return copied, ("stable", 6)


@pytest.fixture
def altered(copied):
    """Return a function that changes a parameter in the last checkpoint before the decay."""
    shutil.rmtree(copied / "decay-6-4")

    def by(name):
        path = copied / "stable" / "checkpoint-6.pt"
        content = torch.load(path, weights_only=True)
        content["state"]["model"][name] += 0.25
        torch.save(content, path)
        return copied

    return by
