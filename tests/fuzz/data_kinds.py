"""Damage to what users bring: questions, texts, tables of devices, Python of their own."""

from dataclasses import replace

from tests.fuzz import corpus, mutator
from tests.fuzz.binary_mutators import mutated_table
from tests.fuzz.corpus import BERT, DATA_LOCK, DATASETS, FAST, GENERATE, GPT2, HUB, RUN, TINY, TRAIN
from tests.fuzz.inputs import Step, bench, of_files, pytest

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


def _locked(house, path, rng):
    corpus.lock_data(house, next(hub_id for hub_id, name in DATASETS.items() if path.match(name)))


def datasets(house, rng, hub):
    """Damage a data set in the cache, as if it had been locked so, or the lock file."""
    lock = ("--zoo", "hub", "--lock", DATA_LOCK)
    run = (*FAST, "--zoo=hub", f"--lock={DATA_LOCK}", "--chips=1", "--examples=1")
    study = ("bench/bench_layer_noise.py", *run, "--json=new.json")
    if rng.random() < 0.2:
        files, after = {DATA_LOCK: mutator.mutated}, None
        hub_id = rng.choice(sorted(DATASETS))
    else:
        hub_id, after = rng.choice(sorted(DATASETS)), _locked
        file = corpus.snapshot_of(house, hub_id, "datasets") / DATASETS[hub_id]
        files = {str(file.relative_to(house)): mutated_table}
    if hub_id == "rajpurkar/squad":
        model, layer, sources = BERT, "qa_outputs", ("squad", "hub")
    else:
        model, layer, sources = GPT2, "lm_head", ("wikitext-2", "wikitext-2-raw", "hub")
    data = rng.choice(sources)
    commands = [
        (bench("zoo", "score", model, *lock, "--data", data, "--examples", "2"),),
        (pytest(*study, f"--model={model}", f"--layer={layer}", f"--data={data}"),),
        (bench("zoo", "list", "--lock", DATA_LOCK),),
    ]
    return of_files(files, commands, after=after, also=(hub_id, "SQuAD", "WikiText", model))(
        house, rng, hub
    )


TEXTS = of_files(
    {
        "data/text.txt": mutator.mutated_text,
        "data/texts/b.txt": mutator.mutated_text,
        "data/shipped/wiki.test.raw": mutator.mutated_text,
    },
    [
        (bench("zoo", "score", GPT2, *TINY, "--data", "data/shipped", "--examples", "1"),),
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

_ONE_LAYER = (*("bench/bench_layer_noise.py", *FAST, *HUB, f"--model={GPT2}", "--layer=lm_head"),
              *("--chips=1", "--examples=1"))  # fmt: skip

TABLES = of_files(
    {"own/*.csv": mutator.mutated_cells},
    [
        (pytest(*_ONE_LAYER, "--noise=measured:{}", "--json=new.json"),),
        (pytest(*_ONE_LAYER, "--noise=measured:{}", "--drift=0", "--drift=3600", "--json=new.json"),
         bench("report", "new.json", "--markdown")),
        (bench(*GENERATE, "--variant", "direct", "--noise", "measured:{}"),),
    ],
)  # fmt: skip


def hardware(house, rng, hub):
    """Damage a file of hardware of one's own."""
    function = rng.choice(["tiles", "tiles", "compiled", "absent", "_parameters", ""])
    word = f"{{}}:{function}"
    commands = [
        (pytest(*_ONE_LAYER, "--noise=pcm", f"--hardware={word}", "--json=new.json"),),
        (pytest(*_ONE_LAYER, f"--noise=preset:{word}", "--drift=1", "--json=new.json"),),
        (bench(*GENERATE, "--variant", "direct", "--noise", f"preset:{word}"),),
    ]
    files = {"own/hardware.py": mutator.mutated_python}
    tried = of_files(files, commands, also=("hardware", "tiles", "compiled"))(house, rng, hub)
    return replace(tried, sound=tried.sound and function in ("tiles", "compiled"))


STUDIES = of_files(
    {"own/bench_own.py": mutator.with_another_value},
    [
        (pytest("{}", *FAST, *HUB, "--collect-only", "-q"),),
        (pytest("{}", *FAST, *HUB, "--json=new.json"),),
        (pytest("{}", *FAST, *HUB, "--json=new.json", "--budget=full", "--chips=1", "--examples=2"),
         bench("report", "new.json", "--markdown")),
    ],
    misplace=0,
    also=("the prompt's",),
)  # fmt: skip
