"""Damage to what the project writes itself, and to what other programs answer."""

from dataclasses import replace

from tests.fuzz import corpus, mutator
from tests.fuzz.binary_mutators import mutated_database, mutated_table, mutated_tensors
from tests.fuzz.corpus import RUN, SEARCH, TRAIN
from tests.fuzz.inputs import Step, bench, of_files, pytest, python

RESULTS = of_files(
    {"runs/bench-1.json": mutator.mutated},
    [
        (bench("compare", "{}", "runs/bench-2.json"),),
        (bench("compare", "runs/bench-2.json", "{}", "--json", "--all"),),
        (bench("compare", "runs", "runs/bench-2.json", "--markdown"),),
        (bench("report", "{}", "--markdown"),),
        (bench("report", "{}", "-o", "page.html"),),
        (bench("baselines", "update", "{}", "--baselines", "stored"),
         bench("report", "{}", "--baselines", "stored", "--markdown")),
        (bench("baselines", "update", "{}", "--json"),),
        (bench("history", "{}", "runs/bench-2.json", "--json"),),
        (bench("history", "runs", "--export", "kept"), bench("history", "kept")),
        (bench("history", "runs", "--case", "*", "--plot", "trend.svg"),),
        (bench("nightly", "issues", "--dry-run", "{}", "--baselines", "baselines"),),
    ],
    also=("baseline",),  # which a name in the results cannot name
)  # fmt: skip

BASELINES = of_files(
    {"baselines/*/*.json": mutator.mutated, "baselines/*/*/*.json": mutator.mutated},
    [
        (bench("report", "runs/bench-2.json", "--baselines", "baselines", "--markdown"),),
        (bench("baselines", "update", "runs/bench-2.json"),),
        (bench("nightly", "issues", "--dry-run", "--baselines", "baselines", "runs/bench-2.json"),),
        (pytest(*RUN, "--json=new.json"),),
        (pytest(*RUN, "--json=new.json", "--update-baselines"),),
    ],
)


def journal(house, rng, hub):
    """Damage a journal, or what SQLite keeps beside one while a run is under way."""
    name = rng.choice(["killed", "killed", "logged"])
    damage = mutated_database if name == "killed" else mutator.damaged
    commands = [
        (
            pytest(*RUN, f"--json={name}.json", "--resume"),
            bench("compare", f"{name}.json", f"{name}.json"),
        ),
        (pytest(*RUN, f"--json={name}.json"),),
    ]
    files = {f"{name}.json.journal*": damage}
    tried = of_files(files, commands, also=(f"{name}.json",))(house, rng, hub)
    # A run that does not go on with it may not take its name.
    return replace(tried, sound=tried.sound and "--resume" in tried.steps[0].args)


HISTORY = of_files(
    {"history/bench-1*.parquet": mutated_table, "lines/*.jsonl": mutator.mutated_lines},
    [
        (bench("history", "{}", "--json"),),
        (bench("history", "{}", "runs"),),
        (bench("history", "history", "lines", "--export", "kept"), bench("history", "kept")),
        (bench("history", "{}", "--export", "all.jsonl"), bench("history", "all.jsonl")),
        (bench("history", "{}", "--case", "*", "--order", "release", "--plot", "trend.svg"),),
        (bench("history", "{}", "--sql", "select * from scores, runs"),),
    ],
)

TRAINED = of_files(
    {
        "trained/checkpoint-1.safetensors": mutated_tensors,
        "trained/best.safetensors": mutated_tensors,
        "trained/recipe.json": mutator.mutated,
    },
    [(bench(*TRAIN[1:]),), (bench(*TRAIN[1:], "--finish"),)],
    also=("trained",),
)

SEARCHES = of_files(
    {"search/search.db": mutated_database, "search/conclusion.json": mutator.mutated},
    [(bench(*SEARCH[1:]),), (bench(*SEARCH[1:], "--json"),)],
    also=("search",),
)

RELEASES = of_files(
    {
        "cache/releases/*/environment.json": mutator.mutated,
        "rel/plan.json": mutator.mutated,
        "constraints.txt": mutator.mutated_text,
    },
    [
        (Step("analog-bench", ("releases", "--list"), {"ANALOG_BENCH_CACHE": "cache"}),),
        (bench(*corpus.COMPARE_RELEASES[1:], "--resume"),),
    ],
)

# Programs that answer with a file stand for those of other environments.
_ASK = """
import subprocess, sys
from analog_bench.errors import BenchError
from analog_bench.releases import environment_commands, stopwatch
class Runtime:
    def start(self, module, *words, stderr=subprocess.PIPE):
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
        said = {command!r}
        return subprocess.Popen(["sh", "-c", said], encoding="utf-8", errors="replace", **pipes)
try:
    {call}
except BenchError as problem:
    print(f"analog-bench: error: {{problem}}", file=sys.stderr)
    sys.exit(4)
"""
SURVEYS = of_files(
    {"answers/survey.json": mutator.mutated},
    [
        (python(_ASK.format(
            command="cat answers/survey.json", call="environment_commands.survey(Runtime())"
        )),)
    ],
    misplace=0,
    also=("survey",),
)  # fmt: skip
TURNS = of_files(
    {"answers/turn.json": mutator.mutated_lines},
    [
        (python(_ASK.format(
            command="echo '{ }'; while read line; do cat answers/turn.json; done",
            call="t = stopwatch.take_turns(dict(one=Runtime(), two=Runtime()), 6);"
            "stopwatch.compare_timings(t['one'].turns, t['two'].turns)",
        )),)
    ],
    misplace=0,
    also=("timed",),
)  # fmt: skip
_ISSUES = bench("nightly", "issues", "worse/bench-1.json", "--baselines", "baselines")
GITHUB = of_files(
    {"answers/gh.json": mutator.mutated},
    [(Step(_ISSUES.program, _ISSUES.args, {"GH_ANSWER": "answers/gh.json"}),)],
    misplace=0,
    also=("gh ",),
)
