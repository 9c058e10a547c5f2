"""Shards joined into a run: what comes out, and what is refused."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from analog_bench.errors import StoreError
from analog_bench.store.merged_run import ShardFile, merge_shards
from analog_bench.store.run import Incomplete, Repository, Run, Sources, Unmeasured
from analog_bench.store.run_file import run_to_json
from tests.store.examples import example_run

WHOLE = example_run(5)
PARTS = (WHOLE.results[3:], WHOLE.results[:2], (), WHOLE.results[2:3])
OF = len(PARTS)
HERE = {"torch": "2", "cpu": "one", "machine": "x86_64", "device": "cpu"}


def shard(number, results=None, **changes):
    """Return a shard's file; `changes` are of its manifest."""
    words = f"pytest bench --shard {number}/{OF} -k bert --json={number}.json --resume"
    manifest = replace(
        WHOLE.manifest,
        created=f"2026-01-0{number}T00:00:00+00:00",
        command=words,
        environment=HERE,
        options={"k": "v", "json": f"{number}.json", "shard": f"{number}/{OF}@0a1b2c3d"},
    )
    results = PARTS[number - 1] if results is None else results
    scopes, metrics = (WHOLE.scopes, WHOLE.metrics) if results else ((), {})
    shapes = WHOLE.shapes if results else {}
    return ShardFile(
        Path(f"{number}.json"),
        Run(replace(manifest, **changes), metrics, scopes, results, shapes=shapes),
    )


def shards(**changed):
    """Return all shards; `changed` are changes of the second one's manifest."""
    return [shard(number, **(changed if number == 2 else {})) for number in range(1, OF + 1)]


def changed_run(file, **changes):
    return file._replace(run=replace(file.run, **changes))


def test_shards_in_any_order_are_the_run():
    run = merge_shards(reversed(shards()))
    whole = replace(
        WHOLE,
        manifest=replace(
            WHOLE.manifest,
            created="2026-01-01T00:00:00+00:00",
            command="pytest bench -k bert",
            environment=HERE,
            options={"k": "v"},
        ),
    )
    assert run_to_json(run) == run_to_json(whole)
    assert run.results == WHOLE.results


def test_other_processors_are_recorded():
    other = {**HERE, "cpu": "two", "machine": "aarch64", "devices": ["cuda:0 (H100)"]}
    run = merge_shards(shards(environment=other))
    assert run.manifest.environment == {
        "torch": "2",
        "device": "cpu",
        "cpu": "one, two",
        "machine": "x86_64, aarch64",
        "devices": "None, ['cuda:0 (H100)']",
        "shards": [
            {"cpu": "two", "devices": ["cuda:0 (H100)"], "machine": "aarch64"}
            if number == 2
            else {"cpu": "one", "devices": None, "machine": "x86_64"}
            for number in range(1, OF + 1)
        ],
    }
    run_to_json(run)


def test_a_case_that_shards_measured_alike_is_one_result():
    (first, *_) = WHOLE.results
    slower = replace(first, chips=tuple(replace(chip, seconds=9.0) for chip in first.chips))
    files = shards()
    files[3] = shard(4, (*PARTS[3], slower))
    assert merge_shards(files).results == WHOLE.results
    other = tuple(replace(chip, scores={"f1": 1.0, "em": 1.0}) for chip in first.chips)
    files[3] = shard(4, (*PARTS[3], replace(first, chips=other)))
    with pytest.raises(StoreError, match=r"'2.json' and '4.json'.*other numbers of bert/c0"):
        merge_shards(files)


def test_what_failed_is_missing_from_the_run_too():
    gap = Incomplete((Unmeasured("layer_noise", "bert/c9", "ValueError: so"),), "pytest --resume")
    files = shards()
    files[0] = changed_run(files[0], incomplete=gap)
    assert merge_shards(files).incomplete == gap
    stopped = Incomplete((Unmeasured("layer_noise", "bert/c9"),), "pytest --resume")
    files[0] = changed_run(files[0], incomplete=stopped)
    why = r"shard 1/4 in '1.json' was stopped, and lacks 1 case; complete it with pytest --resume"
    with pytest.raises(StoreError, match=why):
        merge_shards(files)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seed": 8}, "seed was 7, is 8"),
        ({"environment": {**HERE, "torch": "3"}}, "torch was '2', is '3'"),
        ({"environment": {**HERE, "device": "cuda"}}, "device was 'cpu', is 'cuda'"),
        ({"options": {"k": "w", "shard": "2/4@0a1b2c3d"}}, "--k was 'v', is 'w'"),
        ({"options": {"k": "v", "shard": "2/5@0a1b2c3d"}}, "shards were of 4, are of 5"),
        ({"options": {"k": "v", "shard": "2/4@00000000"}}, "other cases were selected by 'pytest"),
        ({"options": {"k": "v", "shard": "1/4@0a1b2c3d"}}, "shard 1/4 stands twice, in '1.json'"),
        ({"options": {"k": "v"}}, "'2.json' is a whole run, and no shard of one"),
        ({"options": {"k": "v", "shard": "9/4"}}, "run file '2.json': --shard must be K/N"),
    ],
)
def test_shards_that_do_not_go_together_are_refused(changes, why):
    with pytest.raises(StoreError) as refused:
        merge_shards(shards(**changes))
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_shards_are_named():
    with pytest.raises(StoreError, match=r"^2 shards missing: 2/4, 3/4$"):
        merge_shards([shard(1), shard(4)])
    with pytest.raises(StoreError, match="no shard to merge"):
        merge_shards([])


@pytest.mark.parametrize(
    ("field", "what"),
    [("weights", "weights of bert direct"), ("protocol", "data of layer_noise bert")],
)
def test_other_weights_or_data_are_refused(field, what):
    files = shards()
    files[3] = shard(4, tuple(replace(r, **{field: "x" * 64}) for r in PARTS[3]))
    with pytest.raises(StoreError, match=f"they differ in {what}"):
        merge_shards(files)


def test_another_scope_is_refused():
    files = shards()
    files[3] = changed_run(files[3], scopes=tuple(replace(s, examples=8) for s in WHOLE.scopes))
    with pytest.raises(StoreError, match="they differ in the scope of layer_noise bert"):
        merge_shards(files)


def test_shapes_are_joined_unless_they_differ():
    bert = WHOLE.shapes["bert"]
    files = shards()
    files[2] = changed_run(files[2], shapes={"albert": bert})
    assert merge_shards(files).shapes == {"albert": bert, "bert": bert}
    files[3] = changed_run(files[3], shapes={"bert": replace(bert, tokens=9)})
    with pytest.raises(StoreError, match=r"'1.json' and '4.json'.*differ in the shape of bert"):
        merge_shards(files)


def test_own_code_is_joined_unless_a_file_differs():
    sources = WHOLE.manifest.sources
    more = replace(sources.files[0], role="conftest", file="conftest.py")
    repository = Repository("clone", ("d" * 40 + "-dirty", "e" * 40))
    own = Sources(repository, (*sources.files, more))
    joined = merge_shards(shards(sources=own)).manifest.sources
    assert joined.repository == Repository("mine", (*sources.repository.commits, "e" * 40))
    assert joined.files == (*sources.files, more)
    changed = Sources(repository, (replace(sources.files[0], sha256="f" * 64),))
    with pytest.raises(StoreError, match=r"differ in the file bench bench/bench_mine\.py"):
        merge_shards(shards(sources=changed))
