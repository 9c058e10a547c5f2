"""Damage to models: their files in the cache, on the hub and in folders, and what locks them."""

import itertools
import json
import random
import shutil

from tests.fuzz import corpus, mutator
from tests.fuzz.binary_mutators import first_difference, mutated_tensors
from tests.fuzz.corpus import (
    BERT,
    FAST,
    GENERATE,
    GPT2,
    HUB,
    LOCK,
    MERGES,
    OWN,
    OWN_LOCK,
    RUN,
    TINY,
    snapshot_of,
)
from tests.fuzz.inputs import Input, bench, of_files, pytest, python

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
    corpus.lock_again(
        house,
        next(
            model
            for model in MODEL_FILES
            if path.match(f"models--{model.replace('/', '--')}/*/*/*")
        ),
    )


def cached_model(house, rng, hub):
    """Damage a file of a model in the cache, as if it had been locked so."""
    text, questions = "data/text.txt", "data/questions.json"
    model, data = rng.choice([(GPT2, text), (BERT, questions), (BERT, questions), (MERGES, text)])
    folder = snapshot_of(house, model).relative_to(house)
    commands = [
        (bench("zoo", "coverage", model, *TINY),),
        (bench("zoo", "score", model, *TINY, "--data", data, "--examples", "2"),),
        (pytest(*RUN, f"--model={model}", "--json=new.json"),),
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
        "model.safetensors": mutated_tensors,
    },
    BERT: {
        "config.json": mutator.mutated,
        "vocab.txt": mutator.mutated_text,
        "tokenizer_config.json": mutator.mutated,
        "special_tokens_map.json": mutator.mutated,
        "added_tokens.json": mutator.mutated,
        "model.safetensors": mutated_tensors,
    },
    MERGES: {"vocab.json": mutator.mutated, "merges.txt": mutator.mutated_text},
}


def own_model(house, rng, hub):
    """Damage a file of a model in a folder of one's own, or the lock file it was added to."""
    run = ("bench/bench_layer_noise.py", *FAST, "--layer=qa_outputs", "--chips=1", "--examples=2")
    lock = ("--lock", OWN_LOCK)
    commands = [
        (bench("zoo", "score", OWN, "--data", "data/questions.json", "--examples", "2"),),
        (bench("zoo", "coverage", f"./{OWN}"),),
        (bench("zoo", "add", OWN, "--lock", "new.lock.json"),
         bench("zoo", "list", "--lock", "new.lock.json")),
        (pytest(*run, f"--model={OWN}", "--json=new.json"),),
        (pytest(*run, "--model=saved", f"--lock={OWN_LOCK}", "--json=new.json"),),
        (bench("zoo", "score", "saved", *lock, "--data", "data/questions.json"),),
        (bench("zoo", "list", *lock),),
    ]  # fmt: skip
    files = {f"{OWN}/{name}": damage for name, damage in MODEL_FILES[BERT].items()}
    if rng.random() < 0.3:
        files = {OWN_LOCK: mutator.mutated}
    return of_files(files, commands, also=(OWN, "saved", "tokeniser"))(house, rng, hub)


def locked_model(house, rng, hub):
    """Damage a file of a model on the hub, and lock the model."""
    model = rng.choice([GPT2, BERT, MERGES])
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
    told = f"{name}: {first_difference(old, served[name])}"
    names = ("someone/new", "someone--new", name, "tokeniser")
    return Input(told, steps, names, served[name] == old)


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


WEIGHTS = shipped(
    "distilgpt2",
    {
        "record.json": mutator.mutated,
        "tokenizer.json": mutator.mutated,
        "model.safetensors": mutated_tensors,
    },
)
ADAPTER = shipped(
    "bert",
    {
        "record.json": mutator.mutated,
        "adapter_config.json": mutator.mutated,
        "adapter_model.safetensors": mutated_tensors,
    },
)


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
        "        if isinstance(getattr(module, 'WEIGHTS', None), Path):\n"
        "            module.WEIGHTS = Path('weights')\n"
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
        f"{folder}/delta.safetensors": mutated_tensors,
    }
    commands = [
        (bench(*GENERATE, "--hwa", "hwa", "--variant", "hwa"),),
        (pytest(*RUN, "--hwa=hwa", "--variant=hwa", "--json=new.json"),),
    ]
    also = ("input ranges",)
    return of_files(files, commands, after=_recorded, also=also)(house, rng, hub)
