"""Damage to files that are no text: weights, databases, tables. Seeded throughout."""

import io
import json
import os
import sqlite3
import struct
import tempfile
from contextlib import closing, contextmanager, suppress

from tests.fuzz.mutator import TRICKS, damaged, mutated

DTYPES = ["F16", "BF16", "F32", "F64", "I8", "I64", "U8", "BOOL", "C64", "F8_E4M3", "F4"]


def mutated_tensors(content, rng):
    """Return a safetensors file with something amiss in its header or its numbers."""
    (length,) = struct.unpack("<Q", content[:8])
    text, data = content[8 : 8 + length], bytearray(content[8 + length :])
    header = json.loads(text)
    names = [name for name in header if name != "__metadata__"]
    kind = rng.choice(["bytes", "length", "header", "header", "tensor", "tensor", "numbers"])
    if kind == "bytes" or not names:
        return damaged(content, rng)
    if kind == "length":
        wrong = rng.choice([0, 1, length - 1, length + 1, len(content), 2**31, 2**63, 2**64 - 1])
        return struct.pack("<Q", wrong) + content[8:]
    if kind == "header":
        text = mutated(text, rng)
    elif kind == "numbers":
        at = rng.randrange(len(data) // 4) * 4
        number = rng.choice([float("nan"), float("inf"), 3e38, -3e38, 1e-45, 0.0])
        data[at : at + 4] = struct.pack("<f", number)
    else:
        name = rng.choice(names)
        one = header[name]
        what = rng.choice(["dtype", "shape", "data_offsets", "name", "drop"])
        if what == "dtype":
            one["dtype"] = rng.choice(DTYPES)
        elif what == "name":
            header[rng.choice([*TRICKS, *names])] = header.pop(name)
        elif what == "drop":
            del header[name]
        else:
            old = one[what]
            one[what] = rng.choice([old[::-1], [*old, 1], [1, *old], [], [0], [2**40, 2**40]])
        text = json.dumps(header).encode("utf-8", "replace")
    return struct.pack("<Q", len(text)) + text + bytes(data)


def mutated_database(content, rng):
    """Return an SQLite database with something amiss in its bytes, its rows or its tables."""
    if rng.random() < 0.25:
        return damaged(content, rng)
    with _opened(content) as (database, path):
        database.execute("PRAGMA journal_mode = delete")
        with suppress(sqlite3.Error):  # what the table's own rules refuse
            _alter_database(database, rng)
        with open(path, "rb") as file:
            return file.read()


@contextmanager
def _opened(content):
    """Yield a database of this content, and its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "database")
        with open(path, "wb") as file:
            file.write(content)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            yield database, path


def _alter_database(database, rng):
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    filled = []
    for (table,) in found:
        rows = database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        filled += [table] * bool(rows)
    table = rng.choice(filled)
    columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    column = rng.choice(columns)
    rowids = [n for (n,) in database.execute(f'SELECT rowid FROM "{table}"')]
    one = (rng.choice(rowids),)
    kind = rng.choice(["value", "value", "value", "delete", "empty", "drop", "rename", "version"])
    if kind == "value":
        row = database.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?', one)
        (old,) = row.fetchone()
        text = old.encode() if isinstance(old, str) else old
        if isinstance(text, bytes) and text[:1] in (b"{", b"[", b'"'):
            new = mutated(text, rng)
        else:
            new = rng.choice([None, -1, 0, 2**62, 1e308, "", "x", b"\xff", "\u202e", *TRICKS])
        database.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (new, *one))
    elif kind == "delete":
        database.execute(f'DELETE FROM "{table}" WHERE rowid = ?', one)
    elif kind == "empty":
        database.execute(f'DELETE FROM "{table}"')
    elif kind == "drop":
        database.execute(f'DROP TABLE "{table}"')
    elif kind == "rename":
        database.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO strange')
    else:
        database.execute(f"PRAGMA user_version = {rng.choice([0, 1, 3, 5, 2**31 - 1])}")


def mutated_table(content, rng):
    """Return a Parquet file with something amiss in its bytes, its columns or its values."""
    if rng.random() < 0.4:
        return damaged(content, rng)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    n = rng.randrange(table.num_columns)
    name, values = table.column_names[n], table.column(n).to_pylist()
    kind = rng.choice(["drop", "rename", "null", "type", "odd", "rows", "none", "twice", "more"])
    if kind == "drop":
        table = table.remove_column(n)
    elif kind == "rename":
        names = list(table.column_names)
        names[n] = rng.choice([*TRICKS, *names])
        table = table.rename_columns(names)
    elif kind == "null":
        table = table.set_column(n, name, pa.array([None] * len(values), table.schema.types[n]))
    elif kind == "type":
        new = rng.choice([list(map(repr, values)), [[v] for v in values], [1] * len(values)])
        table = table.set_column(n, name, pa.array(new))
    elif kind == "odd":
        odd = {str: TRICKS[:-1], float: [float("nan"), float("inf"), 1e308, -0.0], bool: [None]}
        odd = odd.get(type(values[0]), [None, 2**62, -1, 0])
        with suppress(pa.ArrowException, UnicodeEncodeError):
            values[rng.randrange(len(values))] = rng.choice(odd)
            table = table.set_column(n, name, pa.array(values, table.schema.types[n]))
    elif kind == "rows":
        table = pa.concat_tables([table, table])
    elif kind == "none":
        table = table.slice(0, 0)
    elif kind == "twice":
        table = table.append_column(name, table.column(n))
    else:
        table = table.append_column(rng.choice(TRICKS), table.column(n))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def first_difference(old, new):
    """Return in one line where two contents part, and what then stands in each."""
    if old[:15] == new[:15] == b"SQLite format 3":
        with suppress(sqlite3.Error):
            old, new = _without_common_lines(_dumped(old), _dumped(new))
    with suppress(ValueError, RecursionError):  # laid out alike
        old, new = (json.dumps(json.loads(content)).encode() for content in (old, new))
    at = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    at = min(len(old), len(new)) if at is None else at
    start = max(0, at - 30)
    return f"at byte {at} of {len(old)}: {old[start : at + 50]!r} became {new[start : at + 50]!r}"


def _dumped(content):
    with _opened(content) as (database, _):
        return list(database.iterdump())


def _without_common_lines(old, new):
    """Return the lines of each that the other has not."""
    pairs = ((old, new), (new, old))
    apart = [[line for line in mine if line not in other] for mine, other in pairs]
    return tuple("\n".join(lines).encode() for lines in apart)
