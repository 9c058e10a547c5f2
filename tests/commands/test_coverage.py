"""`analog-bench zoo coverage`: real models on real tiles, of the package and of a hub cache."""

import json

import pytest

from analog_bench.cli import main
from tests.tiny_hub import GPT2, cached_gpt2


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What is said of the embedded DistilGPT2."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("empty"))
        from contextlib import redirect_stdout
        from io import StringIO

        with redirect_stdout(StringIO()) as out:
            assert main(["zoo", "coverage", "distilgpt2", "--json"]) == 0
    return json.loads(out.getvalue())


def test_every_matrix_multiplication_of_distilgpt2_goes_on_tiles(printed):
    (facts,) = printed
    assert (facts["name"], facts["zoo"]) == ("distilgpt2", "embedded")
    # 6 blocks of c_attn (256 to 768), c_proj (256 to 256) and two of the feed-forward network
    # (256 to 1024 and back), and the head over 8,192 tokens.
    blocks = 6 * 256 * (768 + 256 + 2 * 1024)
    head = 256 * 8192
    assert facts["matmul_layers"] == 6 * 4 + 1
    assert facts["matmul_weights"] == blocks + head
    assert facts["all"] == {"weights": 1.0, "macs": 1.0, "weights_of_blocks": 1.0, "digital": []}
    alone = facts["blocks"]
    assert alone["digital"] == ["lm_head"]
    assert alone["weights_of_blocks"] == 1.0
    assert alone["weights"] == alone["macs"] == pytest.approx(blocks / (blocks + head))
    # Queries by keys, and shares by values.
    assert facts["attention_macs"] == 6 * 2 * 256 * facts["attention_tokens"]
    # The tied head counts once: the embedding of tokens and positions, norms and biases beside it.
    vectors = 6 * (4 * 256 + 768 + 256 + 1024 + 256) + 2 * 256
    assert facts["parameters"] == blocks + head + 256 * 256 + vectors


def test_a_model_of_the_hub(tmp_path, monkeypatch, capsys):
    lock = cached_gpt2(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert main(["zoo", "coverage", GPT2, "--zoo", "hub", "--lock", str(lock)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{GPT2} (hub)\n")
    assert "all on tiles: 100.00% of the weights" in said
    assert "100.00% of the blocks; digital: lm_head" in said
    assert "always digital" in said


def test_a_model_that_takes_few_tokens(tmp_path, monkeypatch, capsys):
    lock = cached_gpt2(tmp_path, positions=100)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert main(["zoo", "coverage", GPT2, "--zoo", "hub", "--lock", str(lock), "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert facts["attention_tokens"] == 100


def test_a_model_that_does_not_exist_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["zoo", "coverage", "distilgpt3"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "did you mean 'distilgpt2'?" in err


def test_an_empty_lock_file_says_how_to_fill_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["zoo", "coverage", "--zoo", "hub"]) == 0
    assert "`analog-bench zoo add PATH_OR_ID` adds one" in capsys.readouterr().out
