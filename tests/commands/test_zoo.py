"""`analog-bench zoo list`, `zoo add` and `zoo score`."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analog_bench.cli import main
from analog_bench.zoo.lock_file import Lock, read_lock
from analog_bench.zoo.model_specs import find
from tests.hub_stand_in import HubStandIn, tiny_bert
from tests.own_folders import saved_bert
from tests.squad_articles import HONEY, write_articles
from tests.tiny_hub import BERT, cached_bert, with_json

ROOT = Path(__file__).parents[2]
MODULE = [sys.executable, "-m", "analog_bench.cli"]
NOTHING = Lock(Path("none"), {}, {})


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture
def data(tmp_path):
    """Write three questions in SQuAD form."""
    asked = (
        ("Where does Mara keep bees?", "on the roof", "the roof"),
        ("How many jars did she sell?", "nine", "nine jars"),
        ("Who bought the honey?", "the baker"),
    )
    return write_articles(tmp_path / "honey.json", {"honey": [(HONEY, asked)]})


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Write weights that fit the base: a head drawn at random, and one changed matrix."""
    import torch

    from analog_bench.zoo.embedded_weights import base_state
    from analog_bench.zoo.minilm_base import find_base
    from training.shipping import ship_delta

    state = base_state(find_base().weights)
    generator = torch.Generator().manual_seed(7)
    head = {"qa_outputs.weight": torch.randn(2, 384, generator=generator)}
    tuned = {**state, **head, "qa_outputs.bias": torch.zeros(2)}
    folder = tmp_path_factory.mktemp("weights")
    ship_delta(state, tuned, folder, {"steps": 1}, {"note": "kept"})
    return folder


def call(*words, **more):
    return subprocess.run([*MODULE, *words], capture_output=True, text=True, timeout=120, **more)


def error_of(capsys):
    """Return the one line that an error printed, and insist that there was nothing else."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("analog-bench: error: ")
    return err


def test_list(lock, capsys):
    assert main(["zoo", "list", "--json"]) == 0
    embedded, *others = json.loads(capsys.readouterr().out)
    (hub,) = (model for model in others if model["zoo"] == "hub")
    assert (embedded["name"], embedded["zoo"], embedded["family"]) == ("bert", "embedded", "bert")
    assert embedded["layers"] == len(find("bert", "embedded", NOTHING).layers)
    assert embedded["form"] in ("adapter", "delta")
    assert embedded["bytes"] > 1_000_000
    assert isinstance(embedded["results"], dict)
    assert (hub["name"], hub["revision"], hub["bytes"]) == ("bert", "ab" * 20, 12)
    assert main(["zoo", "list"]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "bert (MiniLM-L6, embedded) answers questions F1 79.6, SQuAD dev" in rows
    assert "bert (hub) answers questions –" in rows
    assert main(["zoo", "list", "bert"]) == 0
    out = capsys.readouterr().out
    assert "bert (MiniLM-L6, embedded)\n" in out
    assert f"bert (hub)\n  family: bert\n  task: qa\n  layers: {hub['layers']}\n" in out
    assert main(["zoo", "list", "brt"]) == 4
    assert "there is no model 'brt'; did you mean 'bert'?" in error_of(capsys)
    lock.unlink()
    assert main(["zoo", "list", "--zoo", "hub"]) == 0
    assert (
        "there is no model in zoo.lock.json; `analog-bench zoo add PATH_OR_ID`"
        in capsys.readouterr().out
    )


def test_list_is_coloured_on_a_terminal_only(lock):
    words = [*MODULE, "zoo", "list", "bert", "--zoo", "hub"]
    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    done = subprocess.run(words, stdout=inner, stderr=subprocess.PIPE, env=environment, timeout=60)
    os.close(inner)
    shown = os.read(outer, 65536).decode()
    os.close(outer)
    assert done.returncode == 0, done.stderr
    assert "\x1b[1mbert (hub)" in shown
    assert "ab" * 20 in shown
    piped = call("zoo", "list", "bert", "--zoo", "hub")
    assert "\x1b" not in piped.stdout
    assert f"revision: {'ab' * 20}" in piped.stdout


def test_a_folder_is_added_listed_and_scored(tmp_path, data, capsys):
    saved_bert(tmp_path / "mine")
    capsys.readouterr()  # writing models draws bars
    assert main(["zoo", "add", "./mine", "--name", "called"]) == 0
    out = capsys.readouterr().out
    entry = read_lock(Path("zoo.lock.json")).folders["called"]
    assert out.startswith("called (folder)\n  path: mine\n  lock file: zoo.lock.json\n  task: qa\n")
    assert entry.files["model.safetensors"].sha256 in out
    assert main(["zoo", "list", "--zoo", "folder", "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["zoo"], facts["path"]) == ("called", "folder", "mine")
    found = []
    for word in ("called", "./mine"):
        assert main(["zoo", "score", word, "--data", str(data), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert [(x["model"], x["zoo"]) for x in found] == [("called", "folder"), ("mine", "folder")]
    assert found[0]["weights"] == found[1]["weights"]
    assert found[0]["f1"] == found[1]["f1"]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["./none"], "none is no folder; a model has a name, or a folder"),
        (["./mine", "--revision", "v2"], "--revision is for models of the hub, and ./mine is"),
        (["./mine", "--name", "bert"], "--name bert is that of another model"),
    ],
)
def test_what_cannot_be_added(tmp_path, words, wrong, capsys):
    (tmp_path / "mine").mkdir()
    assert main(["zoo", "add", *words]) == 4
    assert wrong in error_of(capsys)


def test_add(forked_client, tmp_path):
    code = "import sys; from analog_bench.cli import main; sys.exit(main(sys.argv[1:]))"
    path = tmp_path / "pinned.json"
    with HubStandIn() as hub:
        (tmp_path / "tiny").mkdir()
        commit = hub.add("someone/tiny", tiny_bert(tmp_path / "tiny"))
        rows = {"plain/validation-00000.parquet": b"rows"}
        data = hub.add("someone/rows", rows, repo_type="dataset", name="v2")
        where = {"endpoint": hub.endpoint, "home": tmp_path / "home"}
        done = forked_client(
            code, argv=["zoo", "add", "someone/tiny", "--name", "tiny", "--lock", path], **where
        )
        assert done.returncode == 0, done.stderr
        words = ["zoo", "add", "someone/rows", "--dataset", "--revision", "v2", "--lock", path]
        second = forked_client(code, argv=words, **where)
        assert second.returncode == 0, second.stderr
        missing = forked_client(code, argv=["zoo", "add", "someone/none", "--lock", path], **where)
    lock = read_lock(path)
    assert lock.models["someone/tiny"].revision == commit
    assert find("tiny", "hub", lock).hub_id == "someone/tiny"
    assert lock.datasets["someone/rows"].revision == data
    assert f"someone/tiny (model)\n  revision: {commit}\n" in done.stdout
    assert lock.models["someone/tiny"].files["model.safetensors"].sha256 in done.stdout
    assert "someone/rows (dataset)" in second.stdout
    assert missing.returncode == 4
    assert missing.stderr.count("\n") == 1
    assert "someone/none" in missing.stderr


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["score", "bert", "--record"], "name it with --weights FOLDER"),
        (["score", "bert", "--zoo", "hub", "--weights", "x"], "--weights is for embedded models"),
        (["score", "a/b", "--zoo", "hub"], "a/b is not locked in zoo.lock.json"),
        (["score", "bert", "--weights", "empty"], "no weights are shipped in empty"),
        (["score", "bert", "--data", "none.json"], "no data file at none.json"),
        (["score", "bert", "--examples", "999999"], "--examples asks for 999999 questions"),
        (["score", "bert", "--device", "cud"], "--device must be cpu, cuda or cuda:N, found 'cud'"),
    ],
)
def test_what_the_user_can_mend(words, wrong, capsys):
    assert main(["zoo", *words]) == 4
    assert wrong in error_of(capsys)


@pytest.fixture
def score_hub(tmp_path, monkeypatch, data, capsys):
    """Return a function that scores a tiny BERT of a hub cache, changed or of other sizes."""

    def score(change=lambda snapshot: None, **sizes):
        lock = cached_bert(tmp_path, change, **sizes)
        capsys.readouterr()  # writing models draws bars
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        words = ["zoo", "score", BERT, "--zoo", "hub", "--lock", str(lock), "--data", str(data)]
        return main([*words, "--json"])

    return score


def add_token(snapshot):
    """Give the tokeniser a token that the model has no embedding for."""
    with_json("added_tokens.json", mara=81)(snapshot)


@pytest.mark.parametrize(
    ("change", "sizes", "wrong"),
    [
        (None, {"max_position_embeddings": 63}, "takes 63 tokens at most, the protocol needs 64"),
        (add_token, {}, "tokeniser's 'mara' is number 81, and the model has embeddings for 81"),
        (
            with_json("config.json", quantization_config={"quant_method": "bitsandbytes"}),
            {},
            'quantization_config is {"quant_method": "bitsandbytes"}, and must be left out',
        ),
        (with_json("config.json", hidden_act="gleu"), {}, 'hidden_act is "gleu"'),
    ],
)
def test_a_hub_model_that_cannot_be_scored(score_hub, change, sizes, wrong, capsys):
    nothing = (lambda snapshot: None) if change is None else change
    assert score_hub(nothing, **{"max_position_embeddings": 320, **sizes}) == 4
    assert wrong in error_of(capsys)


@pytest.mark.parametrize("types", [1, 2, 3])
def test_a_hub_model_is_scored_whatever_token_types_it_has(score_hub, types, capsys):
    assert score_hub(max_position_embeddings=320, type_vocab_size=types) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)["questions"] == 3


def test_score_is_that_of_the_plain_forward_pass(data, weights, capsys):
    import torch

    from analog_bench.tasks.qa_sources import load_questions
    from analog_bench.tasks.question_answering import QuestionAnswering
    from analog_bench.zoo.model_loading import load

    words = ["zoo", "score", "bert", "--weights", str(weights), "--data", str(data)]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)

    spec = find("bert", "embedded", NOTHING)
    loaded = load(spec, lock_path=Path("none"), shipped=weights)
    questions = load_questions(str(data), examples=None, data_folder=None, lock=Path("none"))
    task = QuestionAnswering("honey", questions.rows, loaded.tokenizer)
    with torch.no_grad():
        plain = [
            loaded.model(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                token_type_ids=batch.token_type_ids,
            )
            for batch in task.batches
        ]
    logits = [torch.stack((out.start_logits, out.end_logits), dim=-1) for out in plain]
    scores = task.score(logits)
    assert found["f1"] == pytest.approx(sum(scores["f1"]) / 3)
    assert found["em"] == pytest.approx(sum(scores["em"]) / 3)
    assert (found["questions"], found["data"]) == (3, "honey")
    assert (found["protocol"], found["weights"]) == (task.protocol, loaded.weights_sha256)
    assert isinstance(found["crosschecked"], bool)
    assert "honey_f1" not in (weights / "record.json").read_text()

    assert main([*words, "--examples", "2"]) == 0
    lines = dict(re.findall(r"^  (.+?): (.+)$", capsys.readouterr().out, flags=re.M))
    assert re.fullmatch(r"\d+\.\d\d", lines["F1 (points)"])
    assert lines["questions"] == "2"
    assert lines["protocol"] != task.protocol
