"""The kinds of inputs: which file is damaged or which option is given oddly, and who then reads it.

A kind is handed a copy of its part of the user's folder and a source of random numbers. It changes
something there and says which commands are to be run, one after the other until one refuses.
"""

import itertools
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import corpus, mutator, words
from tests.fuzz.corpus import BERT, FAST, GPT2, HUB, LOCK, RUN, SEARCH, TINY, TRAIN, snapshot_of
from tests.fuzz.inputs import Input, Step, bench, of_files, pytest, python

# How folders may be called, too.
HOUSES = ("house",) * 12 + ("h o[u]s*e?", "h%20'&#\"s{0}e", "häuß\u202ee", "-h=ouse,[red]")
GENERATE = ("generate", GPT2, *TINY, "--chips", "1", "--texts", "1", "--drift", "0")


@dataclass(frozen=True)
class Kind:
    """A kind of input, and how many of a thousand inputs are of it; see `corpus.PARTS`."""

    share: int
    parts: tuple[str, ...]
    make: Callable[..., Input]


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

JOURNAL = of_files(
    {"killed.json.journal": mutator.mutated_database},
    [
        (
            pytest(*RUN, "--json=killed.json", "--resume"),
            bench("compare", "killed.json", "killed.json"),
        )
    ],
    also=("killed.json",),
)

LOCKS = of_files(
    {LOCK: mutator.mutated},
    [
        (bench("zoo", "list", "--json"),),
        (bench("zoo", "coverage", GPT2, "--zoo", "hub"),),
        (bench("doctor"),),
        (pytest("bench", *FAST, *HUB, f"--model={BERT}", "--collect-only", "-q"),),
        (pytest(*RUN, "--json=new.json"),),
    ],
    also=(GPT2, BERT),
)


def _relocked(house, path, rng):
    corpus.lock_again(house, GPT2 if "gpt2" in str(path) else BERT)


def cached_model(house, rng, hub):
    """Damage a file of a model in the cache, as if it had been locked so."""
    model, data = rng.choice([(GPT2, "data/text.txt"), (BERT, "data/questions.json")])
    folder = snapshot_of(house, model).relative_to(house)
    commands = [
        (bench("zoo", "coverage", model, *TINY),),
        (bench("zoo", "score", model, *TINY, "--data", data, "--examples", "2"),),
        (pytest(*RUN, "--json=new.json"),),
    ]
    if model == GPT2:
        commands.append((bench(*GENERATE, "--variant", "direct"),))
    files = {f"{folder}/{name}": damage for name, damage in MODEL_FILES[model].items()}
    also = (model, model.replace("/", "--"), "tokeniser")
    return of_files(files, commands, after=_relocked, misplace=0.05, also=also)(house, rng, hub)


MODEL_FILES = {
    GPT2: {
        "config.json": mutator.mutated,
        "tokenizer.json": mutator.mutated,
        "tokenizer_config.json": mutator.mutated,
        "model.safetensors": mutator.mutated_tensors,
    },
    BERT: {
        "config.json": mutator.mutated,
        "vocab.txt": mutator.mutated_text,
        "tokenizer_config.json": mutator.mutated,
        "special_tokens_map.json": mutator.mutated,
        "model.safetensors": mutator.mutated_tensors,
    },
}


def locked_model(house, rng, hub):
    """Damage a file of a model on the hub, and lock the model."""
    model = rng.choice([GPT2, BERT])
    name = rng.choice(sorted(MODEL_FILES[model]))
    served = {path.name: path.read_bytes() for path in snapshot_of(house, model).iterdir()}
    old = served[name]
    served[name] = MODEL_FILES[model][name](old, rng)
    hub.add("someone/new", served)
    fresh = ("--zoo", "hub", "--lock", "fresh.lock.json")
    steps = (
        bench("zoo", "add", "someone/new", "--lock", "fresh.lock.json"),
        rng.choice(
            [
                bench("zoo", "coverage", "someone/new", *fresh),
                bench("zoo", "score", "someone/new", *fresh, "--examples", "2"),
            ]
        ),
    )
    told = f"{name}: {mutator.first_difference(old, served[name])}"
    return Input(told, steps, ("someone/new", "someone--new", name), served[name] == old)


STATUSES = (200, 204, 302, 307, 400, 401, 403, 404, 416, 429, 500, 503)
HEADERS = {
    "ETag": ['"../../x"', '""', "x" * 5000, '"a/b"', 'W/"é"', "..", '"' + "0" * 64 + '"'],
    "X-Repo-Commit": ["../../x", "", "main", "é", "c" * 39, "d" * 40],
    "X-Linked-ETag": ['"../../../x"', "/etc/x"],
    "X-Linked-Size": ["-1", "9" * 30, "x", "5"],
    "Content-Length": ["0", "5", "-1", "9" * 30, "x"],
    "Location": ["", "/", "../..", "file:///etc/passwd", "http://192.0.2.1/x", "::"],
    "Content-Encoding": ["gzip", "x"],
    "X-Error-Code": ["GatedRepo", "RepoNotFound", "EntryNotFound", "x"],
}


def hub_answer(house, rng, hub):
    """Let the hub answer oddly: all the time, or where it is asked for a file, or for a list."""
    hub.add("someone/new", {p.name: p.read_bytes() for p in snapshot_of(house, GPT2).iterdir()})
    part = rng.choice(["", "/api/", "/resolve/", "config.json", "model.safetensors"])
    what = rng.choice(["document", "document", "status", "header", "header", "cut", "endless"])
    status, header = rng.choice(STATUSES), rng.choice(sorted(HEADERS))
    value, seed = rng.choice(HEADERS[header]), rng.random()

    def twist(_method, path, answer):
        code, headers, body = answer
        if part not in path:
            return answer
        if what == "document":
            json_like = body[:1] in (b"{", b"[")
            damage = mutator.mutated if json_like else mutator.damaged
            return code, headers, damage(body, random.Random(seed)) if body else body
        if what == "status":
            return status, {**headers, "Location": path}, body
        if what == "header":
            return status if header == "Location" else code, {**headers, header: value}, body
        if what == "cut":
            return code, {**headers, "Content-Length": str(len(body))}, body[: len(body) // 2]
        return code, headers, itertools.repeat(b"[" * 2**16)

    hub.twist = twist
    told = {"status": status, "header": f"{header}: {value[:40]}"}.get(what, "")
    step = bench("zoo", "add", "someone/new", "--lock", "fresh.lock.json")
    return Input(f"{part}: {what} {told}", (step,), ("someone/new", hub.endpoint))


def _recorded(house, path, rng):
    """Let the record hold the hashes of the files as they are, half the time."""
    record = path.parent / "record.json"
    if path != record and rng.random() < 0.7:
        document = json.loads(record.read_text())
        document["files"] = {
            name: corpus.sha256_of(path.parent / name) for name in document["files"]
        }
        record.write_text(json.dumps(document))


def shipped(model, files):
    """Make inputs of a folder of weights for `--weights`."""

    def make(house, rng, hub):
        folder = house / "weights" / model
        shutil.copytree(corpus.ROOT / "analog_bench/zoo/weights" / model, folder)
        patterns = {f"weights/{model}/{name}": damage for name, damage in files.items()}
        score = ("zoo", "score", model, "--weights", f"weights/{model}", "--examples", "1")
        commands = [(bench(*score),), (bench(*score, "--record"),)]
        return of_files(patterns, commands, after=_recorded)(house, rng, hub)

    return make


def package_data(house, rng, hub):
    """Damage what the package knows of its models."""
    weights = corpus.ROOT / "analog_bench/zoo/weights"
    for file in weights.glob("*/*.*"):
        place = house / "weights" / file.relative_to(weights)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".json":
            shutil.copy(file, place)
        else:
            place.symlink_to(file)
    files = {
        f"weights/distilgpt2/{name}": mutator.mutated
        for name in ("config.json", "structure.json", "record.json")
    }
    patch = (
        "import sys; from pathlib import Path; from analog_bench.cli import main\n"
        "for module in list(sys.modules.values()):\n"
        "    if module.__name__.startswith('analog_bench'):\n"
        "        for name in {'WEIGHTS', 'CONFIGS'} & set(vars(module)):\n"
        "            if isinstance(getattr(module, name), Path):\n"
        "                setattr(module, name, Path('weights'))\n"
        "sys.exit(main(%r))\n"
    )
    commands = [
        (python(patch % (["zoo", "list"],)),),
        (python(patch % (["zoo", "coverage", "distilgpt2"],)),),
        (python(patch % (["zoo", "score", "distilgpt2", "--examples", "1"],)),),
    ]
    return of_files(files, commands)(house, rng, hub)


def hwa(house, rng, hub):
    """Damage the weights of a hardware-aware training."""
    folder = f"hwa/{GPT2.replace('/', '--')}"
    shutil.copytree(house / "trained" / "ship", house / folder)
    files = {
        f"{folder}/record.json": mutator.mutated,
        f"{folder}/delta.safetensors": mutator.mutated_tensors,
    }
    commands = [
        (bench(*GENERATE, "--hwa", "hwa", "--variant", "hwa"),),
        (pytest(*RUN, "--hwa=hwa", "--variant=hwa", "--json=new.json"),),
    ]
    also = ("input ranges",)
    return of_files(files, commands, after=_recorded, also=also)(house, rng, hub)


HISTORY = of_files(
    {"history/bench-1*.parquet": mutator.mutated_table, "lines/*.jsonl": mutator.mutated_lines},
    [
        (bench("history", "{}", "--json"),),
        (bench("history", "{}", "runs"),),
        (bench("history", "history", "lines", "--export", "kept"), bench("history", "kept")),
        (bench("history", "{}", "--export", "all.jsonl"), bench("history", "all.jsonl")),
        (bench("history", "{}", "--case", "*", "--order", "release", "--plot", "trend.svg"),),
        (bench("history", "{}", "--sql", "select * from scores, runs"),),
    ],
)

QUESTIONS = of_files(
    {"data/questions.json": mutator.mutated, "mine/squad/*.json": mutator.mutated},
    [
        (bench("zoo", "score", BERT, *TINY, "--data", "{}"),),
        (bench("zoo", "score", BERT, *TINY, "--data", "{}", "--examples", "3", "--json"),),
        (pytest("bench/bench_layer_noise.py", *FAST, *HUB, f"--model={BERT}", "--layer=qa_outputs",
                "--chips=1", "--examples=1", "--data={}", "--json=new.json"),),
        (bench(*TRAIN[1:], "--data", "{}"),),
    ],
)  # fmt: skip


def env_data(house, rng, hub):
    """Damage data in the folder that the environment names."""
    env = {"ANALOG_BENCH_DATA": str(house / "mine")}
    files = {
        "mine/squad/dev-v1.1.json": mutator.mutated,
        "mine/wikitext-2/test.txt": mutator.mutated_text,
    }
    model, data = rng.choice([(BERT, "squad"), (GPT2, "wikitext-2"), (GPT2, "wikitext-2-raw")])
    score = bench("zoo", "score", model, *TINY, "--data", data, "--examples", "1")
    commands = [(Step(score.program, score.args, env),), (Step("analog-bench", ("doctor",), env),)]
    return of_files(files, commands)(house, rng, hub)


TEXTS = of_files(
    {"data/text.txt": mutator.mutated_text, "data/texts/b.txt": mutator.mutated_text},
    [
        (bench("zoo", "score", GPT2, *TINY, "--data", "{}"),),
        (bench("zoo", "score", GPT2, *TINY, "--data", "data/texts", "--examples", "1"),),
        (pytest("bench/bench_layer_noise.py", *FAST, *HUB, f"--model={GPT2}", "--layer=lm_head",
                "--chips=1", "--examples=1", "--data={}", "--json=new.json"),),
    ],
)  # fmt: skip

EXTENSIONS = of_files(
    {"extension.py": mutator.mutated_text},
    [
        (pytest(*RUN, "--extension={}", "--noise=mine:std=0.1", "--collect-only", "-q"),),
        (pytest(*RUN, "--extension={}", "--json=new.json"),),
    ],
    also=("mine",),
)

TRAINED = of_files(
    {
        "trained/checkpoint-1.safetensors": mutator.mutated_tensors,
        "trained/best.safetensors": mutator.mutated_tensors,
        "trained/recipe.json": mutator.mutated,
    },
    [(bench(*TRAIN[1:]),), (bench(*TRAIN[1:], "--finish"),)],
    also=("trained",),
)

SEARCHES = of_files(
    {"search/search.db": mutator.mutated_database, "search/conclusion.json": mutator.mutated},
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
    also=("survey",),
)  # fmt: skip
TURNS = of_files(
    {"answers/turn.json": mutator.mutated_lines},
    [
        (python(_ASK.format(
            command="echo '{{}}'; while read line; do cat answers/turn.json; done",
            call="t = stopwatch.take_turns(dict(one=Runtime(), two=Runtime()), 6);"
            "stopwatch.compare_timings(t['one'].turns, t['two'].turns)",
        )),)
    ],
    also=("timed",),
)  # fmt: skip
_ISSUES = bench("nightly", "issues", "worse/bench-1.json", "--baselines", "baselines")
GITHUB = of_files(
    {"answers/gh.json": mutator.mutated},
    [(Step(_ISSUES.program, _ISSUES.args, {"GH_ANSWER": "answers/gh.json"}),)],
    also=("gh ",),
)


KINDS = {
    "results": Kind(70, ("runs",), RESULTS),
    "baselines": Kind(60, ("models", "texts", "runs"), BASELINES),
    "journal": Kind(60, ("models", "texts", "runs", "journal"), JOURNAL),
    "lock file": Kind(50, ("models", "texts"), LOCKS),
    "model": Kind(130, ("models", "texts"), cached_model),
    "model on the hub": Kind(50, ("models",), locked_model),
    "hub": Kind(50, ("models",), hub_answer),
    "weights": Kind(
        30,
        (),
        shipped(
            "distilgpt2",
            {
                "record.json": mutator.mutated,
                "tokenizer.json": mutator.mutated,
                "model.safetensors": mutator.mutated_tensors,
            },
        ),
    ),
    "adapter": Kind(
        20,
        (),
        shipped(
            "bert",
            {
                "record.json": mutator.mutated,
                "adapter_config.json": mutator.mutated,
                "adapter_model.safetensors": mutator.mutated_tensors,
            },
        ),
    ),
    "package": Kind(20, (), package_data),
    "hwa weights": Kind(40, ("models", "texts", "trained"), hwa),
    "history": Kind(60, ("runs", "history"), HISTORY),
    "questions": Kind(40, ("models", "texts"), QUESTIONS),
    "data folder": Kind(20, ("models", "texts"), env_data),
    "texts": Kind(30, ("models", "texts"), TEXTS),
    "extension": Kind(20, ("models", "texts"), EXTENSIONS),
    "checkpoint": Kind(40, ("models", "texts", "trained"), TRAINED),
    "search": Kind(40, ("models", "texts", "search"), SEARCHES),
    "survey": Kind(10, ("answers",), SURVEYS),
    "timings": Kind(10, ("answers",), TURNS),
    "gh": Kind(10, ("answers", "runs"), GITHUB),
    "releases": Kind(20, ("releases", "texts"), RELEASES),
    "options": Kind(90, ("models", "runs", "texts"), words.options),
    "ini values": Kind(20, ("models", "texts"), words.ini_values),
    "environment": Kind(20, ("models", "texts"), words.variables),
    "verbs": Kind(110, ("models", "runs", "texts", "trained"), words.verbs),
}
