"""The files that are damaged: a user's folder, made by the project itself on tiny models."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import user_files
from tests.fuzz.user_files import PROSE, questions

ROOT = Path(__file__).parents[2]
GPT2, BERT, MERGES = "someone/tiny-gpt2", "someone/tiny-bert", "someone/tiny-merges"
COMMIT = "c" * 40
LOCK = "zoo.lock.json"
# A model in a folder of one's own, and a lock file that has it, too.
OWN, OWN_LOCK = "saved/bert", "own.lock.json"
# Locks the data sets too, each a file: that of questions, that of texts.
DATA_LOCK = "data.lock.json"
DATASETS = {
    "rajpurkar/squad": "plain_text/validation-00000-of-00001.parquet",
    "Salesforce/wikitext": "wikitext-2-raw-v1/test-00000-of-00001.parquet",
}
# What a night would be: two runs on the tiny models, which differ.
STUDIES = ("bench_layer_noise.py", "bench_drift.py", "bench_generation.py")
FAST = ("-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "--report=off")
TINY = ("--zoo", "hub", "--lock", LOCK)
HUB = ("--zoo=hub", f"--lock={LOCK}")
RUN = (
    *("bench/bench_layer_noise.py", *FAST, *HUB, "--chips=2", "--examples=2"),
    *(f"--model={GPT2}", f"--model={BERT}", "--layer=lm_head", "--layer=qa_outputs"),
)
QUESTIONS = ("--data", "data/questions.json")
TRAIN = (
    *("analog-bench", "hwa", "train", GPT2, *TINY, *QUESTIONS, "--steps", "1", "--batch", "2"),
    *("--chips", "1", "--held-out", "1", "--block", "16", "--validation-examples", "1"),
    *("--first-ranges", "sigma", "--out", "trained"),
)
SEARCH = (
    *("analog-bench", "hwa", "search", GPT2, *TINY, *QUESTIONS, "--steps", "1", "--chips", "1"),
    *("--examples", "1", "--trials", "2", "--fresh-chips", "2", "--pruner", "none"),
    *("--out", "search"),
)
COMPARE_RELEASES = (
    *("analog-bench", "releases", "1.1.0", "1.2.0", "--no-cases", "--turns", "0"),
    *("--out", "rel"),
)
GENERATE = ("generate", GPT2, *TINY, "--chips", "1", "--texts", "1", "--drift", "0")


def snapshot_of(house, hub_id, kind="models"):
    """Return the folder of a model's, or data set's, files in the hub's cache."""
    return Path(house) / "hub" / f"{kind}--{hub_id.replace('/', '--')}" / "snapshots" / COMMIT


def make_models(house):
    """Write a GPT-2 and a BERT to the hub's cache, and the lock file; imports torch."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering

    from tests.tiny_gpt2 import model_of, tokenizer_of

    tokenizer = tokenizer_of(positions=256)
    folder = snapshot_of(house, GPT2)
    model_of(tokenizer, positions=256).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str())
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": false}')
    merged = snapshot_of(house, MERGES)
    shutil.copytree(folder, merged, ignore=shutil.ignore_patterns("tokenizer*"))
    tokenizer.backend_tokenizer.model.save(str(merged))
    letters = "abcdefghijklmnopqrstuvwxyz0123456789?.,'"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = BertForQuestionAnswering(
            BertConfig(
                vocab_size=len(words) + 1, num_hidden_layers=1, max_position_embeddings=320, **sizes
            )
        )
    folder = snapshot_of(house, BERT)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": null}')
    (folder / "special_tokens_map.json").write_text('{"unk_token": "[UNK]", "cls_token": "[CLS]"}')
    (folder / "added_tokens.json").write_text(json.dumps({"barn": len(words)}))
    shutil.copytree(folder, Path(house) / OWN)
    for hub_id in (GPT2, BERT, MERGES):
        refs = snapshot_of(house, hub_id).parents[1] / "refs"
        refs.mkdir()
        (refs / "main").write_text(COMMIT)
        lock_again(house, hub_id, anew=True)


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock_again(house, hub_id, *, anew=False):
    """Lock what the cache holds now; the structure is observed `anew`, or stays as it was."""
    folder, path = snapshot_of(house, hub_id), Path(house) / LOCK
    files = {
        file.name: {"size": file.stat().st_size, "sha256": sha256_of(file)}
        for file in sorted(folder.iterdir())
    }
    document = json.loads(path.read_text()) if path.exists() else {"schema": 3, "datasets": {}}
    models = document.setdefault("models", {})
    entry = {**models.get(hub_id, {}), "revision": COMMIT, "locked_on": "2026-11-23"}
    if anew:
        from analog_bench.codec import plain
        from analog_bench.zoo.model_builder import observe
        from analog_bench.zoo.model_config import read_config

        entry["structure"] = plain(observe(read_config(folder / "config.json", hub_id), hub_id))
    models[hub_id] = {**entry, "files": files}
    path.write_text(json.dumps(document))


def make_datasets(house):
    """Write data sets to the hub's cache, and the lock file that has them, too."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "id": qa["id"],
            "title": article["title"],
            "context": paragraph["context"],
            "question": qa["question"],
            "answers": {key: [one[key] for one in qa["answers"]] for key in qa["answers"][0]},
        }
        for article in questions()["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    lines = [{"text": f"{line}\n"} for line in f" = A page = \n\n{PROSE * 8}".splitlines()]
    shutil.copy(Path(house) / LOCK, Path(house) / DATA_LOCK)
    for (hub_id, name), table in zip(DATASETS.items(), (rows, lines), strict=True):
        file = snapshot_of(house, hub_id, "datasets") / name
        file.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(table), file)
        lock_data(house, hub_id)


def lock_data(house, hub_id):
    """Lock the file of a data set as the cache holds it now."""
    name, path = DATASETS[hub_id], Path(house) / DATA_LOCK
    file = snapshot_of(house, hub_id, "datasets") / name
    held = {name: {"size": file.stat().st_size, "sha256": sha256_of(file)}}
    document = json.loads(path.read_text())
    document["datasets"][hub_id] = {"revision": COMMIT, "locked_on": "2026-11-23", "files": held}
    path.write_text(json.dumps(document))


def write_texts(house):
    """Write everything that needs no model: studies, data, a file of one's own."""
    house = Path(house)
    (house / "bench").mkdir(parents=True)
    for name in STUDIES:
        shutil.copy(ROOT / "bench" / name, house / "bench" / name)
    (house / "pytest.ini").write_text(
        "[pytest]\npython_files = bench_*.py\npython_functions = bench_*\n"
        "addopts = -p analog_bench.plugin --strict-markers\n"
    )
    for path, text in (
        ("extension.py", user_files.EXTENSION),
        ("own/hardware.py", user_files.HARDWARE),
        ("own/cells.csv", user_files.CELLS),
        ("own/retention.csv", user_files.RETENTION),
        ("own/bench_own.py", user_files.STUDY),
        ("constraints.txt", "# pinned\nnumpy==2.3.1\nscipy>=1.15  # why\n-e .\n"),
        ("data/questions.json", json.dumps(questions())),
        ("data/text.txt", PROSE * 8),
        ("data/texts/a.txt", PROSE * 4),
        ("data/texts/b.txt", PROSE * 4),
        ("mine/squad/dev-v1.1.json", json.dumps(questions())),
        ("data/shipped/wiki.test.raw", f" = A page = \n\n {PROSE * 8}"),
        ("mine/wikitext-2/test.txt", f" = A page = \n\n {PROSE * 8}"),
    ):
        (house / path).parent.mkdir(parents=True, exist_ok=True)
        (house / path).write_text(text)


def make_worse(house):
    """Write a run like the first, in which everything has become worse."""
    from msgspec.structs import replace

    from analog_bench.store.run_file import read_run, write_run

    def worse(chip):
        return replace(chip, scores={name: score + 30 for name, score in chip.scores.items()})

    run = read_run(Path(house) / "runs" / "bench-1.json")
    results = [replace(one, chips=tuple(map(worse, one.chips))) for one in run.results]
    write_run(Path(house) / "worse" / "bench-1.json", replace(run, results=tuple(results)))


def make_journal(house):
    """Write the journal that the first run would have left, had it been killed at its end."""
    from analog_bench.store.journal import Journal
    from analog_bench.store.run_file import read_run

    run = read_run(Path(house) / "runs" / "bench-1.json")
    scopes = {scope.study_and_model: scope for scope in run.scopes}
    with Journal.create(Path(house) / "killed.json", run.manifest) as journal:
        journal.select((result.study, result.case_id) for result in run.results)
        for result in run.results:
            journal.append(result, scopes[result.study_and_model])
        # As it is while the process runs, with what SQLite keeps beside it.
        for path in Path(house).glob("killed.json.journal*"):
            shutil.copy(path, path.with_name(path.name.replace("killed", "logged")))


def make_history(house):
    """Write the two runs as histories of both kinds."""
    from analog_bench.history.database import History
    from analog_bench.history.history_files import add_runs, write_table

    history = History([Path(house) / "runs"], print)
    add_runs(Path(house) / "history", history.table())
    write_table(Path(house) / "lines" / "all.jsonl", history.table())


def make_environment(house):
    """Write what the cache of releases says of an environment."""
    from analog_bench.codec import layout, plain
    from analog_bench.releases.release_environment import Manifest

    versions = {"aihwkit": "1.1.0", "torch": "2.11.0"}
    manifest = Manifest("abcdef012345", "1.1.0", "2026-01-02T03:04:05+00:00", 9.5, 10**9, versions)
    folder = Path(house) / "cache" / "releases" / manifest.key
    folder.mkdir(parents=True)
    (folder / "environment.json").write_bytes(layout({**plain(manifest), "recipe": {"format": 1}}))


def make_answers(house):
    """Write what other processes answer: a survey, a worker that is timed, GitHub's program."""
    from analog_bench.simulators.physics.survey_record import survey_as_plain
    from tests.releases.surveys import survey

    folder = Path(house) / "answers"
    folder.mkdir()
    issue = {"name": "regression", "number": 1, "title": "bert layer_noise", "body": "<!-- x -->"}
    for name, answer in (
        ("survey.json", survey_as_plain(survey())),
        ("turn.json", {"product": 0.01, "forward": 0.5}),
        ("gh.json", [issue]),
    ):
        (folder / name).write_text(json.dumps(answer) + "\n")


@dataclass(frozen=True)
class Part:
    """A part of the folder.

    Attributes:
        places: What is in it.
        needs: The parts that are needed to make it.
        made_by: Functions of this module, given the folder; or commands.
    """

    places: tuple[str, ...]
    needs: tuple[str, ...]
    made_by: tuple[str | tuple[str, ...], ...]


PARTS = {
    "texts": Part(
        ("bench", "pytest.ini", "extension.py", "own", "constraints.txt", "data", "mine"),
        (),
        ("write_texts",),
    ),
    "models": Part(("hub", LOCK, OWN), (), ("make_models",)),
    "own model": Part(
        (OWN_LOCK,),
        ("models",),
        (("analog-bench", "zoo", "add", OWN, "--lock", OWN_LOCK, "--name", "saved"),),
    ),
    "runs": Part(
        ("runs", "baselines", "worse"),
        ("texts", "models"),
        (
            ("pytest", *RUN, "--json=runs/bench-1.json", "--update-baselines"),
            ("pytest", *RUN, "--json=runs/bench-2.json", "--noise=white_output:std=1", "--seed=2"),
            "make_worse",
        ),
    ),
    "datasets": Part(("hub", DATA_LOCK), ("models",), ("make_datasets",)),
    "journal": Part(
        ("killed.json.journal", "logged.json.journal", "logged.json.journal-wal"),
        ("runs",),
        ("make_journal",),
    ),
    "history": Part(("history", "lines"), ("runs",), ("make_history",)),
    "releases": Part(("cache", "rel"), (), ("make_environment", COMPARE_RELEASES)),
    "answers": Part(("answers",), (), ("make_answers",)),
    "trained": Part(("trained",), ("texts", "models"), (TRAIN,)),
    "search": Part(("search",), ("texts", "models"), (SEARCH,)),
}
