"""The job files of docs/many-machines.md run as their schedulers would start them."""

import re
import subprocess

import pytest
import yaml
from blocks import blocks_of

from analog_bench.store.run_file import read_run
from analog_bench.store.shard import Shard, shard_of
from tests.conftest import ROOT, clean_environment

PAGE = ROOT / "docs" / "many-machines.md"
# One case, of a tiny model: it lies in the middle of the row, which is the ninth of 16 parts.
SMALL = "--model=./my_model --layer=qa_outputs -k my_model_layer_noise --chips=1 --examples=2"
OF, NUMBER = 16, 9


def job_file(name):
    (block,) = [block for block in blocks_of(PAGE) if block.rest == name]
    return block.text


def of_container(text):
    """Return what a pod's container runs, and how many pods there are."""
    job = yaml.safe_load(text)["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert job["completionMode"] == "Indexed"
    assert (container["command"], len(container["args"])) == (["bash", "-c"], 1)
    return container["args"][0], job["completions"]


def of_array(pattern, text):
    """Return a script, and how many of it the line for the scheduler asks for."""
    (last,) = re.findall(pattern, text, re.M)
    return text, int(last)


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("shards.sbatch", {"SLURM_ARRAY_TASK_ID": str(NUMBER), "SLURM_CPUS_PER_TASK": "1"}),
        ("shards.lsf", {"LSB_JOBINDEX": str(NUMBER)}),
        ("shards.yaml", {"JOB_COMPLETION_INDEX": str(NUMBER - 1)}),
    ],
)
def test_a_job_file_measures_its_shard(name, variables, clone, warm_python):
    text = job_file(name)
    script, asked = {
        "shards.sbatch": lambda: of_array(r"^#SBATCH --array=1-(\d+)$", text),
        "shards.lsf": lambda: of_array(r"^#BSUB -J \"bench\[1-(\d+)\]\"$", text),
        "shards.yaml": lambda: of_container(text),
    }[name]()
    assert asked == OF
    program = clone / "bin" / "pytest"
    program.parent.mkdir()
    program.write_text(f'#!/bin/bash\nexec {warm_python} -m pytest "$@"\n')
    program.chmod(0o700)
    where = clean_environment(**variables, PYTEST_ADDOPTS=SMALL)
    where["PATH"] = f"{program.parent}:{where['PATH']}"

    def start():
        return subprocess.run(
            ["bash", "-c", script], cwd=clone, env=where, capture_output=True, text=True, timeout=60
        )

    done = start()
    assert done.returncode == 0, done.stdout + done.stderr
    run = read_run(clone / f"shards/{NUMBER}.json")
    shard = shard_of(run.manifest)
    assert shard == Shard(NUMBER, OF, shard.selection)
    assert [result.case_id for result in run.results] == ["my_model/qa_outputs/white_output:std=1"]
    # As after a node was lost.
    again = start()
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"shard {NUMBER}/{OF} is complete: 1 case" in again.stdout + again.stderr
