"""A study and a user's choice make a list of cases: in order, without doubles, nothing silent."""

from dataclasses import dataclass, replace

import pytest

from analog_bench.errors import LayerError
from analog_bench.noise import Ideal, Pcm, Preset, ReramWan2022, WhiteOutput, WhiteWeight
from analog_bench.session.case_grid import acts_on, list_cases
from analog_bench.study import Budget, Choice, Study
from analog_bench.zoo.lock_file import Lock
from analog_bench.zoo.model_specs import find, find_embedded


@dataclass(frozen=True)
class Layer:
    name: str
    kind: str
    block: int | None = None


BERT = (
    Layer("embeddings.word", "embedding"),
    Layer("encoder.0.dense", "matmul", 0),
    Layer("encoder.0.norm", "norm", 0),
    Layer("encoder.1.dense", "matmul", 1),
)
GPT = (Layer("wte", "embedding"), Layer("h.0.c_fc", "matmul", 0))
WITH_HEAD = (*GPT, Layer("lm_head", "matmul"))
STUDY = Study(
    name="layer_noise",
    question="which layers does the model depend on most?",
    models=("bert",),
    noises=(WhiteOutput(), Pcm()),
    budgets={"smoke": Budget(chips=3, examples=96)},
    drift_s=(0.0, 86_400.0),
)


def short(cases):
    return [(c.model, c.group, c.noise.NAME, c.drift_s) for c in cases]


def test_cases_come_by_model_depth_noise_time():
    cases = list_cases(STUDY, Choice(), {"gpt": GPT, "bert": BERT})
    assert short(cases) == [
        ("gpt", "wte", "white_output", 0.0),
        ("gpt", "h.0.c_fc", "white_output", 0.0),
        ("gpt", "h.0.c_fc", "pcm", 0.0),
        ("gpt", "h.0.c_fc", "pcm", 86_400.0),
        ("bert", "embeddings.word", "white_output", 0.0),
        ("bert", "encoder.0.dense", "white_output", 0.0),
        ("bert", "encoder.0.dense", "pcm", 0.0),
        ("bert", "encoder.0.dense", "pcm", 86_400.0),
        ("bert", "encoder.0.norm", "white_output", 0.0),
        ("bert", "encoder.1.dense", "white_output", 0.0),
        ("bert", "encoder.1.dense", "pcm", 0.0),
        ("bert", "encoder.1.dense", "pcm", 86_400.0),
    ]
    assert list_cases(STUDY, Choice(), {"gpt": GPT, "bert": BERT}) == cases


@pytest.mark.parametrize(
    ("noise", "kinds"),
    [
        (Ideal(), {"matmul"}),
        (Pcm(), {"matmul"}),
        (WhiteOutput(), {"matmul", "norm", "embedding"}),
        (WhiteWeight(), {"matmul", "norm", "embedding"}),
    ],
)
def test_only_matrix_multiplications_go_on_tiles(noise, kinds):
    assert {layer.kind for layer in BERT if acts_on(noise, layer)} == kinds
    cases = list_cases(STUDY, Choice(noises=(noise,)), {"bert": BERT})
    kind_of = {layer.name: layer.kind for layer in BERT}
    assert {kind_of[case.group] for case in cases} == kinds


def test_all_layers_together_are_one_case_a_noise():
    together = replace(STUDY, layers="all")
    white, pcm, day = list_cases(together, Choice(), {"bert": BERT})
    assert white.layers == tuple(layer.name for layer in BERT)
    assert pcm.layers == ("encoder.0.dense", "encoder.1.dense")
    assert day == replace(pcm, drift_s=86_400.0)
    assert {white.group, pcm.group} == {"all"}


def test_together_with_nothing_to_put_on_tiles_is_no_case():
    together = replace(STUDY, layers="all", noises=(Pcm(),))
    assert list_cases(together, Choice(layers=("*.norm",)), {"bert": BERT}) == []


@pytest.mark.parametrize(
    ("patterns", "groups"),
    [
        (("encoder.0.*",), ["encoder.0.dense", "encoder.0.norm"]),
        (("*.dense",), ["encoder.0.dense", "encoder.1.dense"]),
        (("*.norm", "embeddings.word"), ["embeddings.word", "encoder.0.norm"]),
        (("encoder.[1-9].*",), ["encoder.1.dense"]),
        (("encoder.0.dense", "*.0.dense"), ["encoder.0.dense"]),
    ],
)
def test_patterns_pick_layers_in_the_order_of_computation(patterns, groups):
    choice = Choice(layers=patterns, noises=(WhiteOutput(),))
    assert [c.group for c in list_cases(STUDY, choice, {"bert": BERT})] == groups


def test_a_pattern_may_fit_one_model_only():
    cases = list_cases(STUDY, Choice(layers=("wte",)), {"bert": BERT, "gpt": GPT})
    assert [case.model for case in cases] == ["gpt"]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("encoder.0.dens", "--layer 'encoder.0.dens' fits no layer of bert; did you mean "),
        ("Encoder.0.dense", "did you mean 'encoder.0.dense'?"),
        ("zzz*", "known: embeddings.word, encoder.0.dense, encoder.0.norm, encoder.1.dense"),
    ],
)
def test_a_pattern_that_fits_nothing_is_one_line(pattern, said):
    with pytest.raises(LayerError) as caught:
        list_cases(STUDY, Choice(layers=(pattern,)), {"bert": BERT})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_users_choice_replaces_the_studys_own():
    choice = Choice(
        noises=(Pcm(prog=2.0),), drift_s=(1.0,), tile="cpp", hardware="StandardHWATrainingPreset"
    )
    cases = list_cases(STUDY, choice, {"bert": BERT})
    assert {(c.noise, c.drift_s, c.tile, c.hardware) for c in cases} == {
        (Pcm(prog=2.0), 1.0, "cpp", "StandardHWATrainingPreset")
    }


def test_hardware_and_time_do_not_reach_noises_they_cannot_change():
    choice = Choice(drift_s=(1.0, 2.0), hardware="StandardHWATrainingTorch")
    white = [c for c in list_cases(STUDY, choice, {"bert": BERT}) if c.noise == WhiteOutput()]
    assert len(white) == len(BERT)
    assert {(case.drift_s, case.hardware) for case in white} == {(0.0, "ideal")}


def test_variants_and_version_are_the_studys():
    study = replace(STUDY, variants=("direct", "hwa"), version=4, noises=(WhiteOutput(),))
    cases = list_cases(study, Choice(), {"gpt": GPT})
    # Weight by weight, so that each is loaded once.
    assert [case.variant for case in cases] == ["direct", "direct", "hwa", "hwa"]
    assert {(case.version, case.study) for case in cases} == {(4, "layer_noise")}


@pytest.mark.parametrize("picked", [("hwa",), ("direct",), ("hwa", "direct"), ("hwa", "hwa")])
def test_a_users_variants_replace_the_studys(picked):
    cases = list_cases(STUDY, Choice(variants=picked, noises=(WhiteOutput(),)), {"gpt": GPT})
    assert [case.variant for case in cases[:: len(GPT)]] == list(dict.fromkeys(picked))


def test_blocks_leave_out_the_head_and_all_do_not():
    study = replace(STUDY, layers=("all", "blocks"), noises=(Pcm(),), drift_s=(1.0, 2.0))
    cases = list_cases(study, Choice(), {"gpt": WITH_HEAD})
    assert [(c.group, c.drift_s, c.layers) for c in cases] == [
        ("all", 1.0, ("h.0.c_fc", "lm_head")),
        ("all", 2.0, ("h.0.c_fc", "lm_head")),
        ("blocks", 1.0, ("h.0.c_fc",)),
        ("blocks", 2.0, ("h.0.c_fc",)),
    ]
    # Where nothing lies outside of blocks, the two are one case.
    assert {c.group for c in list_cases(study, Choice(), {"gpt": GPT})} == {"all"}


def test_the_blocks_of_a_real_model_are_all_its_matmuls_but_the_head():
    layers = find_embedded("distilgpt2").layers
    study = replace(STUDY, layers=("all", "blocks"), noises=(Pcm(),), drift_s=(1.0,))
    everything, blocks = list_cases(study, Choice(), {"distilgpt2": layers})
    assert set(everything.layers) - set(blocks.layers) == {"lm_head"}
    assert set(everything.layers) == {x.name for x in layers if x.kind == "matmul"}


def test_part_of_a_model_does_not_go_by_the_name_of_the_whole():
    study = replace(STUDY, layers="all", noises=(Pcm(),))
    part, *_ = list_cases(study, Choice(layers=("encoder.0.*", "*.norm")), {"bert": BERT})
    assert (part.group, part.layers) == ("all:encoder.0.*,*.norm", ("encoder.0.dense",))
    whole, *_ = list_cases(study, Choice(layers=("*",)), {"bert": BERT})
    assert whole.group == "all"


NARROW = Budget(
    chips=3,
    examples=96,
    noises=(Pcm(),),
    drift_s=(1.0,),
    layers=("encoder.*",),
    per_model={"gpt": Budget(chips=2, examples=8, layers=("h.*",))},
)


def test_a_budget_narrows_the_grid_model_by_model():
    cases = list_cases(STUDY, Choice(), {"bert": BERT, "gpt": WITH_HEAD}, NARROW)
    assert short(cases) == [
        ("bert", "encoder.0.dense", "pcm", 1.0),
        ("bert", "encoder.1.dense", "pcm", 1.0),
        ("gpt", "h.0.c_fc", "pcm", 1.0),
    ]
    assert (NARROW.of("gpt").chips, NARROW.of("gpt").examples) == (2, 8)
    assert NARROW.of("bert") is NARROW
    grouped = replace(NARROW, grouping=("blocks",))
    assert {c.group for c in list_cases(STUDY, Choice(), {"gpt": WITH_HEAD}, grouped)} == {
        "blocks:h.*"
    }


def test_what_a_user_picks_goes_before_what_a_budget_affords():
    choice = Choice(noises=(WhiteOutput(), Pcm()), drift_s=(5.0,), layers=("lm_head",))
    cases = list_cases(STUDY, choice, {"bert": BERT, "gpt": WITH_HEAD}, NARROW)
    assert short(cases) == [("gpt", "lm_head", "white_output", 0.0), ("gpt", "lm_head", "pcm", 5.0)]


@pytest.mark.parametrize(
    ("listed", "afforded", "found"),
    [
        ((0.0, 1.0, 86_400.0, 31_536_000.0), (), ReramWan2022.TIMES),
        ((86_400.0,), (), (86_400.0,)),
        ((0.0, 1.0), (1.0, 86_400.0, 5.0), (1.0, 86_400.0)),
        ((0.0,), (), ReramWan2022.TIMES),
    ],
)
def test_a_noise_with_times_of_its_own_is_measured_at_those(listed, afforded, found):
    study = replace(STUDY, noises=(ReramWan2022(), Pcm()), drift_s=listed, layers="all")
    budget = Budget(chips=1, examples=None, drift_s=afforded)
    cases = list_cases(study, Choice(), {"bert": BERT}, budget)
    times = {
        cls: tuple(c.drift_s for c in cases if isinstance(c.noise, cls))
        for cls in (ReramWan2022, Pcm)
    }
    assert times == {ReramWan2022: found, Pcm: afforded or listed}


def test_a_study_says_which_tiles_its_noises_need_unless_the_user_does():
    exact = Preset("StandardHWATrainingPreset")
    study = replace(STUDY, noises=(Pcm(), exact), tiles={exact: "cpp"}, layers="all")
    tiles = {c.noise: c.tile for c in list_cases(study, Choice(), {"bert": BERT})}
    assert tiles == {Pcm(): "", exact: "cpp"}
    cases = list_cases(study, Choice(tile="torch"), {"bert": BERT})
    assert {case.tile for case in cases} == {"torch"}


def test_ids_are_unique_over_a_real_model_and_many_settings():
    layers = find("bert", "embedded", Lock("none", {}, {})).layers
    study = replace(
        STUDY,
        noises=(Ideal(), WhiteOutput(), WhiteOutput(std=2.0), WhiteWeight(), Pcm(), Pcm(prog=2.0)),
        drift_s=(0.0, 1.0, 3600.0, 86_400.0),
        variants=("direct", "hwa"),
    )
    cases = list_cases(study, Choice(), {"bert": layers})
    matmuls = sum(layer.kind == "matmul" for layer in layers)
    assert len(cases) == 2 * (3 * len(layers) + matmuls * (1 + 2 * 4))
    assert len({case.id for case in cases}) == len(cases)
    assert len(set(cases)) == len(cases)


def test_products_are_those_of_all_blocks_or_of_one_each():
    study = replace(STUDY, layers=("products", "each_block"), noises=(WhiteOutput(),))
    cases = list_cases(study, Choice(), {"bert": (*BERT, Layer("head", "matmul"))})
    assert [(c.group, c.layers) for c in cases] == [
        ("products", ("encoder.0.dense", "encoder.1.dense")),
        ("block.0", ("encoder.0.dense",)),
        ("block.1", ("encoder.1.dense",)),
    ]
    picked = list_cases(study, Choice(layers=("*.1.*",)), {"bert": BERT})
    assert [c.group for c in picked] == ["products:*.1.*"]
