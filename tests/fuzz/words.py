"""Odd words for every option there is: the options are read off the parsers themselves."""

import json
import os
import re
from dataclasses import fields

import typer

from analog_bench.cli import app
from analog_bench.noise import families
from analog_bench.plugin import option_declarations
from tests.fuzz import corpus, user_files
from tests.fuzz.corpus import BERT, FAST, GPT2, LOCK, TINY
from tests.fuzz.inputs import Input, Step, bench, pytest

NUMBERS = [
    *("-1", "0", "1", "2", "1.5", "-0.0", "nan", "inf", "-inf", "1e308", "1e309", "1e-400", "1e3"),
    *("9" * 30, "9" * 5000, str(2**31), str(2**63 - 1), str(2**63), str(2**64), "-" + "9" * 20),
    *("0x10", "1_000", "+5", "1,5", " 5 ", "\uff15", "\u0663", "1 2", "one", "True", "None"),
]
WORDS = [
    *("x", "*", "?", "[", "[!", "]", "%", "%s", "{}", "{0}", "#", "&", "'", '"', "~", ";", "|"),
    *("--", "-", "-x", "--help=1", "=", "a=b", "a=", "=b", ":", "a:", "a:b=c", ",", "\\", ""),
    *(" ", "\t", "`id`", "$HOME", "[*?%#&'\"]", "[red]x[/]", "<b>&amp;", "a\nb", "\x1b[31m"),
    *("\u202e", "é", "a\u0301", "\U0001f600", "\udcff", "x" * 300, "x" * 5000),
    *("someone/nothing", "a/b/c", "../x", "bert", "distilgpt2", "lm_head", "latest", BERT, GPT2),
    *("direct", "hwa", "all", "on", "off", "embedded", "hub"),
]
# Those under `odd` are what `make_odd_places` makes, or are not there.
PATHS = [
    *(".", "..", "/proc", "/dev/null", "/dev/zero", "/dev/full", "/etc/shadow", "/root"),
    *("/proc/x.json", "missing", "missing/deep/x.json", "odd/pipe.json", "odd/endless.json"),
    *("odd/loop.json", "odd/folder.json", "odd/closed.json", "odd/closed/x.json", "odd/away.json"),
    *("odd/file/x.json", "odd/empty.json", "odd/huge.json", "odd/huge.txt", "odd/pipe.txt"),
    *("odd/endless.txt", "odd/page.html", "odd/trend.svg", "odd/é\u202e.json", "-x.json"),
    *("odd/[*?%#&'\"] {0}.json", "odd/new\nline.json", f"odd/{'a' * 300}.json", "page.html"),
    *("data/questions.json", "data/text.txt", "runs/bench-1.json", "runs", "pytest.ini"),
    *("trained", "trained/ship", "zoo.lock.json", "saved/bert", "./own/cells.csv"),
    *("~nobody", "~nobody/x.json", "~", "a" * 300, f"./{'a' * 300}", "odd/closed/x"),
]
# Words that are right, for each option of a name, whoever has it; they are varied, too.
RIGHT = {
    "layer": ["lm_head", "*.c_fc", "encoder.layer.0.*"],
    "layers": ["all", "blocks", "lm_head", "*.c_fc"],
    "scenario": ["hermes-4phase", "components"],
    "noise": ["pcm:prog=1", "white_output:std=1", "preset:StandardHWATrainingTorch", "equal_error"],
    "drift": ["0", "86400"],
    "model": [GPT2, BERT, "saved/bert", "./own/../saved/bert/"],
    "max-drop": ["f1=5", "cross_entropy=0.1"],
    "data": ["data/text.txt", "data/questions.json", "embedded", "squad", "wikitext-2"],
    "case": ["*", "*lm_head*"],
    "sql": ["select 1", "select * from scores", "select", "drop table scores", "describe scores"],
    "where": ["drift_s = 0", "value > 1", "1 = 1", "true) or (true", "model"],
    "metric": ["f1", "cross_entropy"],
    "revision": ["main", "refs/pr/1", corpus.COMMIT],
    "label": ["regression"],
}
# The least that each verb needs to do something small; a verb that is not here gets odd words only.
VERBS = {
    "compare": ["runs/bench-1.json", "runs/bench-2.json"],
    "report": ["runs/bench-1.json"],
    "baselines update": ["runs/bench-1.json"],
    "energy": [GPT2, "--zoo", "hub", "--tokens", "4"],
    "generate": [
        *(GPT2, "--zoo", "hub", "--chips", "1", "--texts", "1", "--drift", "0"),
        *("--variant", "direct"),
    ],
    "history": ["runs"],
    "releases": ["1.1.0", "1.2.0", "--no-cases", "--turns", "0"],
    "zoo add": ["someone/new"],
    "zoo score": [GPT2, "--zoo", "hub", "--data", "data/text.txt", "--examples", "1"],
    "zoo coverage": [GPT2, "--zoo", "hub"],
    "hwa train": list(corpus.TRAIN[3:]),
    "hwa search": list(corpus.SEARCH[3:]),
    "nightly issues": ["runs/bench-2.json", "--dry-run"],
}
# What these start is another program, which takes long to start and is not what is tried.
STARTING_PYTHON = ("nightly run", "releases", "hwa search")
WITHOUT_PYTHON = """
import sys
from analog_bench.cli import main
sys.executable, sys.modules["wandb"] = "/bin/false", None
sys.exit(main({words!r}))
"""
# Values of an ini option in TOML: wrong in kind, more often than not.
TOML = [
    *("1", "-1", "1.5", "nan", "inf", "true", "2026-11-27", "07:32:00", "0x10", "1_000", "9" * 30),
    *("[]", "{}", '["a", 1]', "[[1]]", "{a = 1}", '""', "[1, 2]", "''", '["", "x"]'),
]
FLAGS = ("--update-baselines", "--resume", "--collect-only", "-v", "-q", "-x", "--junit-xml=j.xml")
FLAGS += ("--setup-only", "--benchmark-json=b.json", "--maxfail=1")


class _Options:
    """Stands for pytest's parser, and keeps what it is told."""

    def __init__(self):
        self.options, self.ini = {}, {}
        option_declarations.pytest_addoption(self)

    def getgroup(self, *_names):
        return self

    def addoption(self, name, **about):
        self.options[name] = about

    def addini(self, name, _help, **about):
        self.ini[name] = about


OPTIONS = _Options()
# A run of a second: an odd word takes the place of one of these, or joins them.
BASE = {
    **{"zoo": "hub", "lock": LOCK, "model": GPT2, "layer": "lm_head", "chips": "1"},
    **{"examples": "1", "json": "new.json", "report": "off"},
}


def verbs_of(command=None, path=()):
    """Return every verb of the command line with its parameters."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        return {" ".join(path): command.params}
    found = {}
    for name, below in command.commands.items():
        found |= verbs_of(below, (*path, name))
    return found


PARAMETERS = verbs_of()


def make_odd_places(house):
    """Put things in the folder that are no files, or not what they are called."""
    odd = house / "odd"
    (odd / "folder.json").mkdir(parents=True)
    for suffix in ("json", "txt"):
        os.mkfifo(odd / f"pipe.{suffix}")
        (odd / f"endless.{suffix}").symlink_to("/dev/zero")
        (odd / f"huge.{suffix}").touch()
        os.truncate(odd / f"huge.{suffix}", 5 * 2**30)
    (odd / "loop.json").symlink_to("loop.json")
    (odd / "away.json").symlink_to("missing/away.json")
    for name in ("closed.json", "file", "empty.json"):
        (odd / name).touch()
    (odd / "closed.json").chmod(0)
    (odd / "closed").mkdir(mode=0)


def word_for(name, rng, also=()):
    """Return a word for an option of this name: odd, or nearly right."""
    right = [*RIGHT.get(name, ()), *also]
    if name == "noise" and rng.random() < 0.7:
        family = families()[rng.choice(sorted(families()))]
        names = [field.name for field in fields(family)]
        if not names or rng.random() < 0.1:
            return family.NAME
        return f"{family.NAME}:{rng.choice(names)}={rng.choice(NUMBERS)}"
    chance = rng.random()
    if right and chance < 0.35:
        return rng.choice(right)
    if right and chance < 0.6:
        word = rng.choice(right)
        at = rng.randrange(len(word) + 1)
        return word[:at] + rng.choice([*WORDS, *NUMBERS]) + word[at + rng.randint(0, 1) :]
    return rng.choice(rng.choice([NUMBERS, WORDS, PATHS]))


def _is_long(words):
    # What is counted in hundreds takes long, and rightly.
    numbers = re.findall(r"[\d_]+(?:e\d+)?", " ".join(w for w in words if len(w) < 400))
    return any(float(n.replace("_", "") or 0) > 50 for n in numbers if n.strip("_"))


def options(house, rng, hub):
    """Give pytest an odd word or two."""
    make_odd_places(house)
    given, flags = {}, []
    for name in rng.sample(sorted(OPTIONS.options), rng.choice([1, 1, 2])):
        about = OPTIONS.options[name]
        if about.get("action") == "store_true":
            flags.append(name)
        else:
            also = filter(None, [about.get("default"), *str(about.get("metavar")).split("|")])
            given[name] = word_for(name.removeprefix("--"), rng, also)
    study = rng.choice(["bench_layer_noise.py"] * 4 + ["bench_generation.py", "bench_drift.py"])
    base = {f"--{name}": value for name, value in BASE.items()}
    if study != "bench_layer_noise.py":
        base |= {"--noise": rng.choice(["pcm", "ideal", "preset"]), "--drift": "1"}
    if study == "bench_generation.py":
        base |= {"--layer": "*", "--variant": "direct"}
    flags += rng.sample(FLAGS, rng.choice([0, 0, 1]))
    if rng.random() < 0.4:
        flags.append("--collect-only")
    words = [f"{name}={value}" for name, value in {**base, **given}.items()]
    told = " ".join([*(f"{name}={value!a}" for name, value in given.items()), *flags])
    return Input(
        told,
        (pytest(f"bench/{study}", *FAST[:-1], *words, *flags),),
        (*given, *_names(given.values()), *flags, "resume"),
        long=_is_long(given.values()),
        where=_places(house, given.values()),
    )


def ini_values(house, rng, hub):
    """Write an odd value into pytest's ini file."""
    make_odd_places(house)
    name = rng.choice(sorted(OPTIONS.ini))
    option = name.removeprefix("analog_bench_").replace("_", "-")
    value = word_for(option, rng).replace("\udcff", "\\udcff")
    # A folder that has to be escaped is one that pytest's own errors of TOML do not escape.
    if rng.random() < 0.5 or not house.name.isprintable():
        value = value.replace("\n", "\n    ")
        with (house / "pytest.ini").open("a", encoding="utf-8") as file:
            file.write(f"{name} = {value}\n")
    else:
        value = rng.choice([json.dumps(value), f"[{json.dumps(value)}]", *TOML])
        (house / "pytest.ini").unlink()
        table = rng.choice(["[tool.pytest.ini_options]", "[tool.pytest]"])
        text = f"{table}\n{user_files.TOML_SETTINGS}{name} = {value}\n"
        (house / "pyproject.toml").write_text(text, encoding="utf-8")
    words = [f"--{other}={right}" for other, right in BASE.items() if other != option]
    return Input(
        f"{name} = {value!a}",
        (pytest("bench/bench_layer_noise.py", *FAST[:-1], *words),),
        (f"--{option}", name, *_names([value]), "pytest.ini", "pyproject.toml"),
        long=_is_long([value]),
        where=_places(house, [value]),
    )


# Of other makers, and read for us.
OTHERS = ("HF_HUB_OFFLINE", "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN")
OTHERS += ("PYENV_ROOT", "WANDB_PROJECT", "WANDB_MODE", "XDG_CACHE_HOME", "TMPDIR", "HOME", "PATH")


def variables(house, rng, hub):
    """Set an odd variable of those that the package reads."""
    make_odd_places(house)
    sources = (file.read_text() for file in (corpus.ROOT / "analog_bench").rglob("*.py"))
    named = re.findall(r'"((?:ANALOG_BENCH|GITHUB|UV)_[A-Z_]+)"', "\n".join(sources))
    name = rng.choice(sorted({*named, *OTHERS}))
    value = rng.choice(rng.choice([PATHS, PATHS, WORDS[:-20], NUMBERS])).replace("\udcff", "x")
    env = {name: value}
    commands = [
        pytest(*corpus.RUN, "--json=new.json"),
        pytest(*corpus.RUN, "--json=new.json", "--data=squad", f"--model={BERT}"),
        bench("zoo", "score", BERT, *TINY, "--data", "squad", "--examples", "1"),
        bench("zoo", "score", "bert", "--examples", "1"),
        bench("hwa", "train", BERT, *TINY, "--steps", "1", "--out", "t"),
        bench("doctor"),
        bench("releases", "--list"),
    ]
    step = rng.choice(commands)
    step = Step(step.program, step.args, env)
    return Input(f"{name}={value!a}", (step,), (), where=_places(house, [value]))


def verbs(house, rng, hub):
    """Give a verb an odd word or two."""
    make_odd_places(house)
    files = corpus.snapshot_of(house, GPT2).iterdir()
    hub.add("someone/new", {path.name: path.read_bytes() for path in files})
    verb = rng.choice(sorted(PARAMETERS))
    parameters, words, given = PARAMETERS[verb], list(VERBS.get(verb, ())), []
    for parameter in rng.sample(parameters, min(len(parameters), rng.choice([1, 1, 2]))):
        name = parameter.opts[-1]
        also = [str(parameter.default)] if parameter.default not in (None, ()) else []
        also += filter(None, str(parameter.metavar or "").split("|"))
        if parameter.name == name:  # an argument
            given.append(word_for(name, rng, also))
            at = min(
                (n for n, word in enumerate(words) if word.startswith("--")), default=len(words)
            )
            words[: at if rng.random() < 0.7 else 0] = given[-1:]
        elif parameter.is_flag:
            given.append(name)
            words.append(name)
        else:
            given += [name, word_for(name.removeprefix("--"), rng, also)]
            if name in words and not parameter.multiple:
                words[words.index(name) + 1] = given[-1]
            else:
                words += given[-2:]
    if "lock" in [parameter.name for parameter in parameters] and "--lock" not in words:
        words += ["--lock", LOCK]
    step = Step("analog-bench", (*verb.split(), *words), {"ANALOG_BENCH_CACHE": "cache"})
    if verb in STARTING_PYTHON:
        step = Step("python", (WITHOUT_PYTHON.format(words=step.args),), step.env)
    return Input(
        f"{verb} {' '.join(map(ascii, given))}",
        (step,),
        # The words that were right, too; and of what was not said, the pytest that was started.
        (verb, *_names([*words, *given]), "pytest's own words"),
        long=_is_long(given),
        where=_places(house, given),
    )


def _names(words):
    """Return the words, and for noises their families, of which a refusal may speak alone."""
    return [*words, *(word.partition(":")[0] for word in words)]


def _places(house, words):
    """Return what the words may name outside the folder: they say that it may be written to."""
    outside = [word for word in words if word.startswith(("..", "/"))]
    return tuple(os.path.normpath(os.path.join(house, word)) for word in outside)
