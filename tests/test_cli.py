"""The command line, as processes of their own where the process matters."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from hub_stand_in import HubStandIn, run_client, tiny_bert
from msgspec.structs import replace

from analog_bench.cli import app, main
from analog_bench.store.run_file import write_run
from analog_bench.zoo.base import FOLDER_VARIABLE
from analog_bench.zoo.lock import Entry, Lock, LockedFile, read_lock, write_lock
from analog_bench.zoo.specs import HUB_IDS, find
from tests.commands.parsing import parse
from tests.report.example_report import example_run

ROOT = Path(__file__).parents[1]
MODULE = [sys.executable, "-m", "analog_bench.cli"]
HEAVY = ("torch", "aihwkit", "transformers", "datasets", "scipy", "numpy", "rich")
NOTHING = Lock(Path("none"), {}, {})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Stand in an empty folder, so that no lock file or data of the developer's is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANALOG_BENCH_DATA", raising=False)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def data(tmp_path):
    """Write three questions in SQuAD form."""
    text = "Mara keeps bees on the roof. In June she sold nine jars of honey to the baker."
    asked = {
        "Where does Mara keep bees?": ["on the roof", "the roof"],
        "How many jars did she sell?": ["nine", "nine jars"],
        "Who bought the honey?": ["the baker"],
    }
    qas = [
        {
            "id": f"q{n}",
            "question": question,
            "answers": [{"text": gold, "answer_start": text.index(gold)} for gold in golds],
        }
        for n, (question, golds) in enumerate(asked.items())
    ]
    path = tmp_path / "honey.json"
    paragraphs = [{"context": text, "qas": qas}]
    path.write_text(json.dumps({"data": [{"title": "honey", "paragraphs": paragraphs}]}))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Write weights that fit the base: a head drawn at random, and one changed matrix."""
    import torch

    from analog_bench.zoo.base import find_base
    from analog_bench.zoo.embedded import base_state
    from training.shipping import ship_delta

    state = base_state(find_base().weights)
    generator = torch.Generator().manual_seed(7)
    head = {"qa_outputs.weight": torch.randn(2, 384, generator=generator)}
    tuned = {**state, **head, "qa_outputs.bias": torch.zeros(2)}
    folder = tmp_path_factory.mktemp("weights")
    ship_delta(state, tuned, folder, {"steps": 1}, {"note": "kept"})
    return folder


@pytest.fixture
def lock(tmp_path):
    """Write a lock file with one model, as `zoo lock` would."""
    path = tmp_path / "zoo.lock.json"
    entry = Entry(
        hub_id=HUB_IDS["bert"],
        repo_type="model",
        revision="ab" * 20,
        locked_on="2026-01-31",
        files={"model.safetensors": LockedFile(12, "cd" * 32)},
        structure=find("bert", "embedded", NOTHING).structure,
    )
    write_lock(Lock(path, {}, {}).with_entry(entry))
    return path


def call(*words, **more):
    return subprocess.run([*MODULE, *words], capture_output=True, text=True, timeout=120, **more)


def error_of(capsys):
    """Return the one line that an error printed, and insist that there was nothing else."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("analog-bench: error: ")
    return err


def test_help_is_fast_and_imports_nothing_heavy():
    code = f"""
import sys
from analog_bench.cli import app, main
code = main(sys.argv[1:])
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    assert "doctor" in done.stdout
    assert "analog-bench zoo score bert --data squad --examples 300" in done.stdout


def verbs(command=None, path=()):
    """Yield every verb and group of verbs there is, as words."""
    command = command or typer.main.get_command(app)
    yield path
    for name, verb in getattr(command, "commands", {}).items():
        yield from verbs(verb, (*path, name))


@pytest.mark.parametrize("verb", list(verbs()), ids=" ".join)
def test_every_verb_shows_an_example_that_parses(verb, capsys):
    assert main([*verb, "--help"]) == 0
    shown = re.findall(r"^ +analog-bench (.+)$", capsys.readouterr().out, flags=re.M)
    assert shown
    for line in shown:
        assert line.split()[: len(verb)] == list(verb)
        assert parse(shlex.split(line)) is not None


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["dcotor"], "No such command 'dcotor'. Did you mean 'doctor'?"),
        (["doctor", "--jsno"], "No such option: --jsno (Possible options: --json)"),
        ([], "Missing command"),
        (["zoo"], "Missing command"),
        (["zoo", "score", "bert", "--examples", "0"], "should be greater than or equal to 1"),
        (["hwa", "train", "bert", "--rank", "-1"], "should be greater than or equal to 0"),
        (["hwa", "train", "bert", "--learning-rate", "nan"], "should be greater than or equal"),
        (["compare", "a", "b", "--json", "--markdown"], "--json and --markdown exclude each other"),
        (["generate", "--drift", "soon"], "Invalid value for '--drift'"),
        (["generate", "--variant", "hva"], "no variant 'hva'; did you mean 'hwa'?"),
    ],
)
def test_a_line_that_cannot_be_read(words, wrong, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert wrong in err
    assert out == ""


def test_doctor_in_text(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Tile engines\n  torch: ok\n" in out
    assert re.search(r"^  torch: \d+\.\d+", out, flags=re.M)
    assert "base of the embedded bert: ok, verified, from the package gt-all-mini" in out
    assert "locked in zoo.lock.json: nothing is locked" in out
    assert "ANALOG_BENCH_DATA is not set" in out


def test_doctor_in_json_with_troubles(tmp_path, lock, monkeypatch, capsys):
    (tmp_path / "base").mkdir()
    (tmp_path / "squad").mkdir()
    (tmp_path / "squad" / "dev-v1.1.json").write_text("{}")
    monkeypatch.setenv("ANALOG_BENCH_DATA", str(tmp_path))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "base"))
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tiles"]["torch"] == {"usable": True, "reason": ""}
    assert found["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["devices"][0] == "cpu"
    assert found["threads"] >= 1
    assert found["weights"]["base"]["ok"] is False
    assert "has no model.safetensors" in found["weights"]["base"]["detail"]
    assert found["locked"]["detail"] == f"{HUB_IDS['bert']} at abababababab"
    assert found["data"]["ok"] is True
    assert found["data"]["detail"].endswith("holds squad/dev-v1.1.json")


def test_doctor_without_any_tile_engine(tmp_path):
    """An aihwkit that fails to import, as a mismatched one does: no engine is left, so exit 1."""
    (tmp_path / "broken" / "aihwkit").mkdir(parents=True)
    (tmp_path / "broken" / "aihwkit" / "__init__.py").write_text("raise ImportError('undefined')")
    path = f"{tmp_path / 'broken'}{os.pathsep}{ROOT}"
    done = call("doctor", env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 1, done.stderr
    assert re.search(r"^  torch: no, aihwkit .* does not import \(undefined\)", done.stdout, re.M)


def test_list(lock, capsys):
    assert main(["zoo", "list", "--json"]) == 0
    embedded, *_, hub = json.loads(capsys.readouterr().out)
    assert (embedded["name"], embedded["zoo"], embedded["family"]) == ("bert", "embedded", "bert")
    assert embedded["layers"] == len(find("bert", "embedded", NOTHING).layers)
    assert embedded["form"] in ("adapter", "delta")
    assert embedded["bytes"] > 1_000_000
    assert isinstance(embedded["results"], dict)
    assert (hub["name"], hub["revision"], hub["bytes"]) == ("bert", "ab" * 20, 12)
    assert main(["zoo", "list"]) == 0
    out = capsys.readouterr().out
    assert "bert (embedded)\n" in out
    assert f"bert (hub)\n  family: bert\n  task: qa\n  layers: {hub['layers']}\n" in out
    lock.unlink()
    assert main(["zoo", "list", "--zoo", "hub"]) == 0
    assert "nothing of the hub is locked in zoo.lock.json" in capsys.readouterr().out


def test_list_is_coloured_on_a_terminal_only(lock):
    words = [*MODULE, "zoo", "list", "--zoo", "hub"]
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
    piped = call("zoo", "list", "--zoo", "hub")
    assert "\x1b" not in piped.stdout
    assert f"revision: {'ab' * 20}" in piped.stdout


def test_lock(tmp_path):
    code = "import sys; from analog_bench.cli import main; sys.exit(main(sys.argv[1:]))"
    path = tmp_path / "pinned.json"
    with HubStandIn() as hub:
        (tmp_path / "tiny").mkdir()
        commit = hub.add("someone/tiny", tiny_bert(tmp_path / "tiny"))
        rows = {"plain/validation-00000.parquet": b"rows"}
        data = hub.add("someone/rows", rows, repo_type="dataset", name="v2")
        where = {"endpoint": hub.endpoint, "home": tmp_path / "home"}
        done = run_client(code, argv=["zoo", "lock", "someone/tiny", "--lock", path], **where)
        assert done.returncode == 0, done.stderr
        words = ["zoo", "lock", "someone/rows", "--dataset", "--revision", "v2", "--lock", path]
        second = run_client(code, argv=words, **where)
        assert second.returncode == 0, second.stderr
        missing = run_client(code, argv=["zoo", "lock", "someone/none", "--lock", path], **where)
    lock = read_lock(path)
    assert lock.models["someone/tiny"].revision == commit
    assert lock.datasets["someone/rows"].revision == data
    assert f"someone/tiny (model)\n  revision: {commit}\n" in done.stdout
    assert lock.models["someone/tiny"].files["model.safetensors"].sha256 in done.stdout
    assert "someone/rows (dataset)" in second.stdout
    assert missing.returncode == 4
    assert missing.stderr.count("\n") == 1
    assert "someone/none" in missing.stderr


def test_an_error_is_one_line_with_code_4():
    done = call("zoo", "score", "bret")
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith("analog-bench: error: no embedded model 'bret'; did you mean")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["score", "bert", "--record"], "name it with --weights FOLDER"),
        (["score", "bert", "--zoo", "hub", "--weights", "x"], "--weights is for embedded models"),
        (["score", "a/b", "--zoo", "hub"], "a/b is not locked in zoo.lock.json"),
        (["score", "bert", "--weights", "empty"], "no weights are shipped in empty"),
        (["score", "bert", "--data", "none.json"], "no data file at none.json"),
        (["score", "bert", "--examples", "999999"], "--examples asks for 999999 questions"),
    ],
)
def test_what_the_user_can_mend(words, wrong, capsys):
    assert main(["zoo", *words]) == 4
    assert wrong in error_of(capsys)


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    # A shell that starts the tests in the background has them ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = lambda path: signal.raise_signal(signal.SIGINT)  # noqa: E731
    monkeypatch.setattr("analog_bench.commands.zoo.read_lock", interrupt)
    try:
        assert main(["zoo", "list"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "analog-bench: interrupted\n"


def test_score_is_that_of_the_plain_forward_pass(data, weights, capsys):
    import torch

    from analog_bench.tasks.qa_sources import load_questions
    from analog_bench.tasks.question_answering import QuestionAnswering
    from analog_bench.zoo.load import load

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
    assert re.fullmatch(r"\d+\.\d\d", lines["F1"])
    assert lines["questions"] == "2"
    assert lines["protocol"] != task.protocol


def test_a_terminal_without_the_signs_gets_question_marks(tmp_path):
    run = example_run()
    of_one = tuple(result for result in run.results if result.study == "noise_types")
    write_run(tmp_path / "run.json", replace(run, results=of_one))
    done = subprocess.run(
        [*MODULE, "report", "run.json", "--markdown"],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout
