"""The recipe behind the embedded DistilGPT2, trained for real: two blocks, 32 wide, a few steps."""

import json
import math
from dataclasses import replace

import pytest
import torch

from analog_bench.errors import UsageError
from analog_bench.hwa.prose_corpus import Article, token_stream
from analog_bench.tasks.language_modelling import LanguageModelling, LmProtocol
from analog_bench.tasks.lm_sources import Text
from tests.tiny_gpt2 import PROSE, config_of, tokenizer_of
from tests.training.conftest import same, weights
from training.distilgpt2 import LmRecipe, train
from training.gpt2_model import new_model, optimisers_of, quick_bits_per_byte
from training.two_phases import LOG, steps_made

RECIPE = LmRecipe(
    steps=6, decay_steps=4, batch_tokens=64, block=16, decay_block=32, warmup=2, held_out=1, seed=3
)
TEXTS = ([Article("a", PROSE), Article("b", PROSE[::-1])], [Article("c", PROSE[100:700])])


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizer_of()


@pytest.fixture(scope="module")
def go(tokenizer):
    def started(folder, recipe=RECIPE, texts=TEXTS, **more):
        config = config_of(tokenizer)
        return train(recipe, config, tokenizer, texts, folder, save_steps=2, **more)

    return started


def test_it_learns_and_tells(whole, tokenizer):
    told = whole.told
    steps = [(report.phase, report.step) for report in told]
    assert steps == [*(("stable", step) for step in (2, 4, 6)), ("decay", 2), ("decay", 4)]
    assert told[0].loss == pytest.approx(math.log(len(tokenizer)), rel=0.05)
    assert told[-1].loss < told[0].loss - 0.3
    assert told[-1].held_out < told[0].held_out
    lines = [json.loads(line) for line in (whole.folder / LOG).read_text().splitlines()]
    assert [line["held_out"] for line in lines] == [report.held_out for report in told]


def test_a_killed_training_goes_on_to_the_same_weights(whole, go, killed):
    folder, first = killed
    told = []
    again = go(folder, tell=told.append)
    assert same(weights(again), whole.weights)
    assert (told[0].phase, told[0].step) == first


def test_a_resumed_training_is_not_one_started_anew(whole, go, altered):
    assert not same(weights(go(altered("transformer.ln_f.bias"))), whole.weights)


def test_more_steps_go_on_from_before_the_decay(go, copied, tmp_path):
    longer = replace(RECIPE, steps=8)
    told = []
    on = go(copied, longer, tell=told.append)
    assert [(r.phase, r.step) for r in told] == [("stable", 8), ("decay", 2), ("decay", 4)]
    assert same(weights(on), weights(go(tmp_path / "anew", longer)))
    assert steps_made(copied) == 8


def test_a_finished_training_is_handed_back(whole, go):
    told = []
    again = go(whole.folder, tell=told.append)
    assert told == []
    assert same(weights(again), whole.weights)
    assert again.held_out == pytest.approx(whole.told[-1].held_out)


def test_fewer_steps_than_the_last_checkpoints_are_refused(whole, go):
    with pytest.raises(UsageError, match="stands at step 6, beyond the 2 asked for"):
        go(whole.folder, replace(RECIPE, steps=2))
    with pytest.raises(UsageError, match="no checkpoint to finish from"):
        steps_made(whole.folder / "nowhere")


@pytest.mark.parametrize(
    ("recipe", "texts", "said"),
    [
        (replace(RECIPE, seed=4), TEXTS, "seed was 3 and is now 4"),
        (replace(RECIPE, matrix_rate=0.01), TEXTS, "matrix_rate was 0.005 and is now 0.01"),
        (RECIPE, (TEXTS[0][:1], TEXTS[1]), "data was"),
        (RECIPE, (TEXTS[0], TEXTS[0][:1]), "held_out_data was"),
    ],
)
def test_checkpoints_of_another_recipe_are_not_gone_on_from(whole, go, recipe, texts, said):
    with pytest.raises(UsageError, match=said) as caught:
        go(whole.folder, recipe, texts)
    assert "\n" not in str(caught.value)


def test_a_damaged_checkpoint_is_named(whole, go, copied):
    path = copied / "decay-6-4" / "checkpoint-4.pt"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UsageError, match=r"cannot read .*checkpoint-4.pt") as caught:
        go(copied)
    assert "\n" not in str(caught.value)
    path.unlink()
    assert same(weights(go(copied)), whole.weights)


def test_blocks_longer_than_the_model_are_refused(go, tmp_path):
    with pytest.raises(UsageError, match="blocks of 65 tokens are too long"):
        go(tmp_path / "long", replace(RECIPE, decay_block=65))


def test_first_weights_come_from_the_seed_alone(tokenizer):
    config = config_of(tokenizer)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = new_model(config, 5).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(one, new_model(config, 5).state_dict())
    assert not same(one, new_model(config, 6).state_dict())


def test_every_parameter_has_one_optimiser_and_only_matrices_decay(tokenizer):
    model = new_model(config_of(tokenizer), 1)
    optimisers = optimisers_of(model, 0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [*optimisers.muon.param_groups, *optimisers.adamw.param_groups]
    held = [names[id(p)] for group in groups for p in group["params"]]
    assert sorted(held) == sorted(names.values())
    muon = {names[id(p)] for p in optimisers.muon.param_groups[0]["params"]}
    assert muon == {
        n for n in names.values() if ".h." in n and n.endswith("weight") and "ln" not in n
    }
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim == 2 else 0.0)


def test_muon_is_the_same_in_either_layout():
    """Conv1D keeps its matrices transposed; the update must not know."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(12, 48, generator=generator)
    slope = torch.randn(12, 48, generator=generator)
    ends = []
    for turned in (False, True):
        parameter = torch.nn.Parameter((start.T if turned else start).clone())
        muon = torch.optim.Muon([parameter], lr=0.02, adjust_lr_fn="match_rms_adamw")
        parameter.grad = (slope.T if turned else slope).clone()
        muon.step()
        end = parameter.detach()
        ends.append(end.T if turned else end)
    moved = (ends[0] - start).norm()
    assert moved > 0.1
    assert (ends[0] - ends[1]).norm() < 0.02 * moved


def test_the_quick_figure_is_near_the_tasks(whole, go, tokenizer):
    model = go(whole.folder).model
    content = PROSE[100:700]
    stream = torch.from_numpy(token_stream([Article("c", content)], tokenizer))
    quick = quick_bits_per_byte(model, stream, 16, len(content.encode()))
    task = LanguageModelling(Text("c", content), tokenizer, LmProtocol(16, 16, 64))
    with torch.no_grad():
        kept = [task.reduce(n, model(b.input_ids).logits) for n, b in enumerate(task.batches)]
    assert quick == pytest.approx(task.mean(task.score(kept))["bits_per_byte"], rel=0.03)


def test_a_recipe_is_plain_numbers():
    assert json.loads(json.dumps(RECIPE.described())) == RECIPE.described()
    assert LmRecipe(**RECIPE.described()) == RECIPE
