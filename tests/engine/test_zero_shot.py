"""Zero-shot estimates against the divergence that the noise really makes."""

import pytest
import torch
from scipy.stats import spearmanr

from analog_bench.analog.chip import install
from analog_bench.analog.clean_inputs import spread
from analog_bench.analog.layer_manifest import manifest, prepare
from analog_bench.engine.zero_shot import zero_shot
from analog_bench.noise import WhiteWeight
from analog_bench.tasks.token_batches import unpadded
from tests import tiny_gpt2
from tests.engine.conftest import MeanLogits

NOISE = WhiteWeight(0.03)


@pytest.fixture(scope="module")
def model():
    model = tiny_gpt2.model_of(tiny_gpt2.tokenizer_of(), seed=3)
    prepare(model)
    return model


@pytest.fixture(scope="module")
def task():
    ids = torch.randint(0, 300, (8, 48), generator=torch.Generator().manual_seed(1))
    return MeanLogits([unpadded([n, n + 1], ids[n : n + 2]) for n in range(0, 8, 2)])


def chip_of(model):
    return lambda path, chip: install(model, layers=[path], noise=NOISE, chip=chip, seed=1)


def divergence(model, task, path):
    """Return the mean Kullback-Leibler divergence a token, of the chips that are looked at."""
    found = []
    for chip, batch in enumerate(spread(len(task.batches), 2)):
        with torch.no_grad():
            clean = task.run(model, batch).log_softmax(-1)
            with install(model, layers=[path], noise=NOISE, chip=chip, seed=1):
                noisy = task.run(model, batch).log_softmax(-1)
        found.append((clean.exp() * (clean - noisy)).sum(-1).mean())
    return float(sum(found) / len(found))


def test_estimates_are_near_the_divergence_of_every_layer(model, task):
    paths = [layer.path for layer in manifest(model) if layer.kind == "matmul"]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = zero_shot(model, task, paths, chip_of(model), seed=1)
    true = {path: divergence(model, task, path) for path in paths}
    assert len(paths) == 9
    assert max(true.values()) > 5 * min(true.values())
    for path in paths:
        # Of 32 squares of normals the mean is a quarter off, and layers share their draws.
        assert true[path] / 3 < found[path].along < true[path] * 3, path
        assert true[path] / 10 < found[path].by_alpha < true[path] * 10, path
    order = spearmanr([found[path].along for path in paths], list(true.values())).statistic
    assert order > 0.7
    # The model is as it was, and the same seed gives the same.
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert zero_shot(model, task, ["lm_head"], chip_of(model), seed=1)["lm_head"].along > 0


def test_answers_to_questions_are_drawn_among_real_tokens(embedded, questions):
    """The head of two outputs: a start and an end for each window."""
    model = embedded.model
    found = zero_shot(model, questions, ["qa_outputs"], chip_of(model), seed=1)["qa_outputs"]
    wanted = []
    for chip, batch in enumerate(spread(len(questions.batches), 2)):
        real = questions.batches[batch].attention_mask[..., None] != 0
        with torch.no_grad():
            clean = questions.run(model, batch).masked_fill(~real, -1e9).log_softmax(1)
            with install(model, layers=["qa_outputs"], noise=NOISE, chip=chip, seed=1):
                noisy = questions.run(model, batch).masked_fill(~real, -1e9).log_softmax(1)
        wanted.append((clean.exp() * (clean - noisy)).sum(1).mean())
    # Most of the error is the same for all tokens, and no softmax over them sees it.
    assert found.along == pytest.approx(float(sum(wanted) / 2), rel=0.7)
