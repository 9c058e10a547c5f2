"""Reads the file that an offline W&B run is kept in, record by record.

It is LevelDB's log format (https://github.com/google/leveldb/blob/main/doc/log_format.md) behind a
header of seven bytes; each record is a `wandb_internal_pb2.Record`.
"""

import json
from pathlib import Path

_BLOCK, _HEADER = 32768, 7
_LAST_PARTS = (1, 4)  # a whole record, or the last part of one


def records(path: Path):
    """Yield the records of a run's file."""
    # Takes two seconds, which other tests need not wait for.
    from wandb.proto import wandb_internal_pb2

    content = path.read_bytes()
    assert content[:4] == b":W&B"
    place, parts = _HEADER, b""
    while place + _HEADER <= len(content):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:
            place += left
            continue
        size = int.from_bytes(content[place + 4 : place + 6], "little")
        kind = content[place + 6]
        parts += content[place + _HEADER : place + _HEADER + size]
        place += _HEADER + size
        if kind in _LAST_PARTS:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def read_run(path: Path):
    """Return a run's facts: name, group, job type, config, history, summary, exit code."""
    facts = {"history": [], "summary": {}, "config": {}, "exit_code": None}
    for record in records(path):
        if record.HasField("run"):
            run = record.run
            facts |= {"name": run.display_name, "group": run.run_group, "job": run.job_type}
            facts["project"], facts["host"] = run.project, run.host
            facts["config"] |= _plain(run.config.update)
        elif record.HasField("config"):
            facts["config"] |= _plain(record.config.update)
        elif record.HasField("history"):
            facts["history"].append(_plain(record.history.item))
        elif record.HasField("summary"):
            facts["summary"] |= _plain(record.summary.update)
        elif record.HasField("exit"):
            facts["exit_code"] = record.exit.exit_code
    return facts


def _plain(items):
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}
