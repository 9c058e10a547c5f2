"""`analog-bench generate`: texts side by side, with HWA weights and without, three ways printed."""

import json

import pytest

from analog_bench.cli import main
from tests.own_folders import saved_gpt2
from tests.tiny_hub import GPT2, STORED, cached_gpt2

PROMPT = "The [red]fox[/red] | <b>\x1b[31m"
CODE = """
import json, sys
from contextlib import redirect_stdout
from pathlib import Path
from analog_bench.analog.layer_manifest import prepare
from analog_bench.cli import main
from analog_bench.zoo.hwa_weights import float_state, ship_hwa
from analog_bench.zoo.model_loading import load
from analog_bench.zoo.lock_file import read_lock
from analog_bench.zoo.model_specs import find
out, calls = Path(sys.argv[1]), json.loads(sys.argv[2])
lock = out / "zoo.lock.json"
direct = load(find("someone/tiny-gpt2", "hub", read_lock(lock)), lock_path=lock)
prepare(direct.model)
tuned = {name: 0.7 * tensor for name, tensor in float_state(direct.model).items()}
folder = out / "hwa" / "someone--tiny-gpt2"
ranges = {layer.name: (3.0,) for layer in direct.spec.layers if layer.kind == "matmul"}
ship_hwa(direct, tuned, folder, input_ranges=ranges, recipe={}, results={})
codes = {}
for name, call in calls.items():
    with (out / name).open("w") as file, redirect_stdout(file):
        codes[name] = main(call)
assert codes == {name: 4 if name == "too long" else 0 for name in calls}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generate")
    cached_gpt2(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(folder):
    return [GPT2, "--zoo", "hub", "--lock", str(folder / "zoo.lock.json")]


@pytest.fixture(scope="module")
def printed(folder, tiny, forked_client):
    """Run the verb in one process, a few times; return what each call printed."""
    call = ["generate", *tiny, "--prompt", PROMPT]
    few = ["--chips", "1", "--texts", "2"]
    hwa = ["--hwa", str(folder / "hwa")]
    calls = {
        "table": [*call, *few, *hwa, "--drift", "0", "--drift", "86400"],
        "json": [*call, *few, *hwa, "--drift", "0", "--json"],
        "markdown": [*call, *few, "--noise", "ideal", "--markdown"],
        "too long": [*call, "red fox " * 100],
    }
    calls["too long"].remove(PROMPT)
    done = forked_client(
        CODE,
        endpoint="http://127.0.0.1:9",
        home=folder,
        offline=True,
        argv=(folder, json.dumps(calls)),
        extra={"COLUMNS": "100", "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    said = {name: (folder / name).read_text() for name in calls}
    return {**said, "errors": done.stderr}


def test_json_holds_every_text_and_score(printed):
    said = json.loads(printed["json"])
    assert (said["prompt"], said["model"], said["seed"]) == (PROMPT, STORED, 1)
    assert len(said["digital"]["texts"]) == 2
    assert [(c["variant"], c["drift_s"], c["status"]) for c in said["cases"]] == [
        ("direct", 0.0, "measured"),
        ("calibrated", 0.0, "measured"),
        ("hwa", 0.0, "measured"),
    ]
    written = [text for case in said["cases"] for text in case["chips"][0]["texts"]]
    assert len({*written, *said["digital"]["texts"]}) == 8
    assert all(text.startswith(PROMPT) for text in written)
    assert all(case["coverage"] == 1.0 for case in said["cases"])


def test_the_table_shows_what_was_written_as_it_is(printed):
    rows = [line.split("│") for line in printed["table"].splitlines() if "│" in line]
    header = [cell.strip() for cell in rows[0][1:-1]]
    assert header == ["time", "digital", "direct", "calibrated", "HWA"]
    columns = ["".join(row[n] for row in rows).replace(" ", "") for n in range(2, 6)]
    shown = r"The[red]fox[/red]|<b>\x1b[31m"
    assert [column.count(shown) for column in columns] == [1, 2, 2, 2]
    assert "\x1b" not in printed["table"]
    assert "asabove" in columns[0]
    assert "The first of 2 texts, of the one chip" in " ".join(printed["table"].split())


def test_a_prompt_that_leaves_no_room_is_one_line(printed):
    errors = [line for line in printed["errors"].splitlines() if "analog-bench: error" in line]
    assert len(errors) == 1
    assert "100 to write are more than the 256 positions of the model" in errors[0]
    assert "Traceback" not in printed["errors"]


def test_markdown_is_a_table_whatever_was_written(printed):
    lines = printed["markdown"].splitlines()
    assert lines[2] == "| time | digital | direct | HWA |"
    (row,) = [line for line in lines if line.startswith("| 0 s ")]
    # Nobody's bar or line break ends a cell, and nobody's sign is markup.
    assert row.replace("\\|", "").count("|") == 5
    digital, direct, hwa = row.replace("\\|", "").split("|")[2:5]
    assert r"The \[red\]fox\[/red\]" in digital
    assert r"\<b\>\\x1b\[31m" in digital
    # Perfect tiles write what the digital model writes.
    assert direct.split("<br>*")[0] == digital.split("<br>*")[0]
    assert "has no HWA weights in" in hwa


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--noise", "pmc"], "no noise family 'pmc'; did you mean 'pcm'?"),
        (["--noise", "pcm:drift=1e308"], "pcm: drift must be 0 or a number from 1e-12 to 1e+12"),
        (["--prompt", " "], "prompt must be a text, found ' '"),
        (["--hwa", "nowhere"], "--hwa must be a folder with one folder a model, found 'nowhere'"),
        (["--noise", "s_shape"], "use --tile cpp"),
    ],
)
def test_options_that_cannot_be_are_one_line(capsys, tiny, options, said):
    assert main(["generate", *tiny, *options]) == 4
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("bert", "bert writes nothing; choose a language model"),
        ("gpt3", "no embedded model or folder 'gpt3'"),
    ],
)
def test_models_that_cannot_write_are_one_line(capsys, model, said):
    assert main(["generate", model]) == 4
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_model_in_a_folder_writes(tmp_path, capsys):
    saved_gpt2(tmp_path / "mine")
    capsys.readouterr()  # writing models draws bars
    few = ["--chips", "1", "--texts", "1", "--noise", "ideal", "--variant", "direct"]
    assert main(["generate", str(tmp_path / "mine"), *few, "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert "mine" in json.dumps(written)
    assert written["prompt"] == "Once upon a time"
