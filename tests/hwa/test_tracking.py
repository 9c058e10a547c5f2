"""A search as Weights & Biases runs: read back from what the real client wrote, offline."""

import math
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from analog_bench.errors import UsageError
from analog_bench.hwa.search import state_of, value_of
from analog_bench.hwa.wandb_tracking import PROJECT, tracking
from tests.hwa.quadratic import DEFAULT, STEPS, height, plan_of, run
from tests.hwa.run_log import read_run


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Stand in for W&B's server: refuse everything, and remember what was asked."""
    asked = []

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_args):
            """Say nothing."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{found.server_address[1]}")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    yield asked
    found.shutdown()
    found.server_close()


def runs_in(folder):
    found = [read_run(path) for path in folder.rglob("*.wandb")]
    return {facts["name"]: facts for facts in found}


def test_each_trial_is_a_run_that_can_be_read_back(server, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path / "home")
    before = dict(os.environ)
    plan = plan_of(6)

    def diverging(setting, report):
        """Fall apart in trial 1, be good in the end."""
        for step in range(1, STEPS + 1):
            if report(step, height(setting) + STEPS - step):
                break
        return math.nan if setting == second else height(setting)

    second = run(tmp_path / "probe", plan_of(2)).trials[1].params
    with tracking("offline", tmp_path / "out", "my search", {"model": "bowl"}) as tracker:
        found = run(tmp_path / "out", plan, diverging, watchers=[tracker])
        tracker.conclude("conclusion", {"verdict": "beats", "gain": 1.5})
    runs = runs_in(tmp_path / "out" / "wandb")
    assert set(runs) == {*(f"trial {number}" for number in range(6)), "conclusion"}
    for trial in found.trials:
        facts = runs[f"trial {trial.number}"]
        assert (facts["group"], facts["project"], facts["job"]) == ("my search", PROJECT, "trial")
        assert (
            facts["config"].items()
            >= {**trial.params, "model": "bowl", "trial": trial.number, "start": 1}.items()
        )
        reported = {line["_step"]: line["objective"] for line in facts["history"]}
        assert reported == pytest.approx(trial.intermediate_values)
        assert facts["summary"]["state"] == state_of(trial)
        assert facts["summary"].get("value") == value_of(trial)
        assert facts["exit_code"] == (state_of(trial) == "diverged")
    assert {state_of(trial) for trial in found.trials} == {"complete", "pruned", "diverged"}
    assert runs["conclusion"]["summary"].items() >= {"verdict": "beats", "gain": 1.5}.items()
    # Nothing was sent, told or left behind elsewhere.
    assert server == []
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "home").rglob("*")) == []
    assert dict(os.environ) == before
    assert {facts["host"] for facts in runs.values()} == {""}


def test_a_trial_that_an_error_ended_is_a_finished_run(server, tmp_path):
    def failing(setting, report):
        report(1, 3.5)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"), tracking("offline", tmp_path, "g", {}) as tracker:
        run(tmp_path, plan_of(1), failing, watchers=[tracker])
    (facts,) = runs_in(tmp_path).values()
    assert facts["config"].items() >= DEFAULT.items()
    assert [line["objective"] for line in facts["history"]] == [3.5]
    assert facts["exit_code"] == 1


def test_online_asks_the_server_and_its_refusal_is_one_clear_line(server, tmp_path):
    with (
        pytest.raises(UsageError, match="use --wandb offline") as told,
        tracking("online", tmp_path, "g", {}) as tracker,
    ):
        tracker.begin(0, DEFAULT, 1)
    assert server
    assert len(str(told.value).splitlines()) == 1
