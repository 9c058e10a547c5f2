"""`analog-bench doctor`: what works here, and what does not."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analog_bench.cli import main
from analog_bench.errors import WeightsError
from analog_bench.session.embedded_trial import trials
from analog_bench.zoo.minilm_base import FOLDER_VARIABLE
from analog_bench.zoo.model_specs import EMBEDDED, HUB_IDS

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


def test_doctor_in_text(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "Tile engines\n  torch: ok\n" in out
    assert re.search(r"^  torch: \d+\.\d+", out, flags=re.M)
    assert "base of bert: ok, verified, from the package gt-all-mini" in out
    tried = re.findall(r"^  ([\w-]+)(, HWA)?: ok, verified.*, computes 16 tokens as", out, re.M)
    assert set(tried) == {
        ("minilm-qnli", ""),
        *((model, hwa) for model in HUB_IDS if model in EMBEDDED for hwa in ("", ", HWA")),
    }
    assert "locked in zoo.lock.json: nothing is locked" in out
    assert "ANALOG_BENCH_DATA is not set" in out
    bad = len(re.findall(r"^  .*: no\b", out, re.M))
    assert out.endswith("\nall well\n" if not bad else " to mend: see `no` above\n")


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
    assert found["weights"]["base of bert"]["ok"] is False
    assert "has no model.safetensors" in found["weights"]["base of bert"]["detail"]
    # What stands on the missing base cannot be tried; what has a base of its own is.
    good = {name for name, one in found["weights"].items() if one["ok"]}
    assert good == {"mobilebert", "mobilebert, HWA", "distilgpt2", "distilgpt2, HWA"}
    assert found["locked"]["detail"] == f"{HUB_IDS['bert']} at abababababab"
    assert found["data"]["ok"] is True
    assert found["data"]["detail"].endswith("holds squad/dev-v1.1.json")


def test_doctor_says_what_computes_otherwise(tmp_path, monkeypatch):
    path = tmp_path / "expected.json"
    monkeypatch.setattr("analog_bench.session.embedded_trial.EXPECTED", path)
    path.write_text('{"mobilebert": {"direct": 1.0}}')
    with pytest.raises(
        WeightsError, match=r"mobilebert computes .* of 16 tokens where it computed 1 "
    ):
        trials()["mobilebert"]()
    path.unlink()
    with pytest.raises(WeightsError, match=r"cannot read .*expected\.json"):
        trials()


def test_doctor_without_any_tile_engine(warm_python, tmp_path):
    """An aihwkit that fails to import, as a mismatched one does: no engine is left, so exit 1."""
    (tmp_path / "broken" / "aihwkit").mkdir(parents=True)
    (tmp_path / "broken" / "aihwkit" / "__init__.py").write_text("raise ImportError('undefined')")
    path = f"{tmp_path / 'broken'}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [warm_python, "-m", "analog_bench.cli", "doctor"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert re.search(r"^  torch: no, aihwkit .* does not import \(undefined\)", done.stdout, re.M)
