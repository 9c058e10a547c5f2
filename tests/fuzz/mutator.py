"""Damage to files: of their bytes, their words, and what they say. Seeded throughout.

Whatever a function is given, it returns other content of the same kind of file, or of none.
"""

import copy
import io
import json
import os
import sqlite3
import struct
import tempfile
from contextlib import closing, contextmanager, suppress

NASTY = [
    *(None, True, False, -1, 0, 1, 2, 3, 1.0, 1.5, 999, 1000, 2**63, -(2**70), 10**400),
    *("", "x", "measured", "\ud800", "a\nb", "a\u0000b", "\x1b[31m", float("nan"), float("inf")),
    *([], {}, [None], [[]], [1, "2"], {"": 1}, {"a": {"b": {}}}, {"f1": []}, {"f1": 1}),
    *({"a\nb": 1}, [[[[[[[[[1]]]]]]]]]),
]
TRICKS = [
    *("../../x", "/etc/passwd", "con", "nul.txt", "a\u0000b", "..", ".", "", "a/b", "a\\b"),
    *("C:\\x", "~", "-rf", "x" * 300, "é", "\u202egpj", "a\nb", "$HOME", "direct", "digital", " "),
    *("[*?%#&'\"]", "{0}", "%s", "1\u0661", "<b>&amp;", "[red]x[/]", "\U0001f600", "a\u0301"),
]
NAMED = ("model", "study", "case_id", "variant", "protocol")
# Words that no JSON writer would write, or that Python's reader would take for something else.
RAW = [
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e999",
        "1e-400",
        "9" * 5000,
        "1" + "0" * 400,
        "01",
    ),
    *("0x10", "1.", "+1", "'x'", "True", "None", "undefined", "", '"\\ud83d"', '"\\u0000"', "//"),
    *("[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000),
]


def damaged(content, rng):
    """Return a file with something amiss in its bytes."""
    kind = rng.choice(["cut", "flip", "flip", "insert", "drop", "double", "zero", "foreign", "raw"])
    data = bytearray(content)
    at = rng.randrange(len(data))
    upto = min(len(data), at + rng.choice([1, 2, 10, 200]))
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "insert":
        data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
    elif kind == "drop":
        del data[at:upto]
    elif kind == "double":
        data[at:at] = data[at:upto]
    elif kind == "zero":
        data[at:upto] = bytes(upto - at)
    elif kind == "foreign":
        data = rng.choice(
            [b"", b"\xef\xbb\xbf" + data, data.decode("utf-8", "replace").encode("utf-16"), b"null"]
        )
    else:
        data[at:at] = rng.choice(RAW).encode()
    return bytes(data)


def _walked(document, rng):
    """Return the way to some place below the top: near it as often as far from it."""
    at, node = [], document
    while isinstance(node, dict | list) and node and not (at and rng.random() < 0.25):
        at.append(rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node)))
        node = node[at[-1]]
    return at


def _parent(document, at):
    for key in at[:-1]:
        document = document[key]
    return document


def altered(document, rng):
    """Return a document that says something else: the value of some place, or its key."""
    document = copy.deepcopy(document)
    at = _walked(document, rng)
    if not at:
        return rng.choice(NASTY)
    parent = _parent(document, at)
    kind = rng.choice(["put", "put", "near", "near", "delete", "add", "move", "copy", "version"])
    if kind == "put":
        parent[at[-1]] = rng.choice(NASTY)
    elif kind == "near":
        parent[at[-1]] = _near(parent[at[-1]], rng)
    elif kind == "delete":
        del parent[at[-1]]
    elif kind == "version" and isinstance(document, dict):
        document["schema_version"] = rng.choice(
            [0, 1, 2, 3, 4, 1.0, 2.0, "1", "2", None, True, 10**30]
        )
    elif isinstance(parent, list):
        other = parent[rng.randrange(len(parent))]
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(other))
    elif kind == "add":
        parent[rng.choice(["unheard_of", "f1", "chips", "", "a\nb", "résumé"])] = rng.choice(NASTY)
    elif kind == "move":
        parent[rng.choice(["unheard_of", "f1", "em", "a\u0000b"])] = parent.pop(at[-1])
    else:
        source = rng.choice(list(parent))
        parent[at[-1]] = copy.deepcopy(parent[source])
    return document


def _near(value, rng):
    """Return a value of the same kind."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return rng.choice([0, -value, -1, value + 1, value * 3, value // 2, 10**6, 2**31, 2**62])
    if isinstance(value, float):
        return rng.choice([0.0, -value, value * 1e-300, 1e308, -1e308, 5e-324, value + 1])
    if isinstance(value, str):
        if value[:1] == "{":  # a document inside of one
            return mutated(value.encode(), rng).decode("utf-8", "replace")
        cut = rng.randrange(len(value) + 1)
        return rng.choice([*TRICKS, value[:cut], value + value, value.upper(), f" {value}"])
    if isinstance(value, list):
        return rng.choice([value[:-1], value + value, value[::-1], value[:1], [value]])
    return rng.choice([{}, {"x": value}, dict(list(value.items())[:1]), [value]])


def reworded(document, rng):
    """Return the text of a document with a value that no JSON holds, or a key given twice."""
    document = copy.deepcopy(document)
    at = _walked(document, rng)
    word = rng.choice(RAW)
    if not at:
        return word.encode()
    parent = _parent(document, at)
    if isinstance(parent, dict) and rng.random() < 0.4:
        value = json.dumps(parent[at[-1]])
        word = f"{value}, {json.dumps(at[-1])}: {value}"
    parent[at[-1]] = "@@here@@"
    return json.dumps(document).replace('"@@here@@"', word).encode("utf-8", "replace")


def renamed(document, rng):
    """Return a document with a path, a device or worse in place of some name, anywhere in it."""
    key, trick = rng.choice(NAMED), rng.choice(TRICKS)

    def walk(node):
        if isinstance(node, list):
            return [walk(value) for value in node]
        if isinstance(node, dict):
            return {k: trick if k == key else walk(value) for k, value in node.items()}
        return node

    return walk(document)


def mutated(content, rng):
    """Return a file of one JSON document with something amiss in it, whatever it may be."""
    kind = rng.choice([damaged, altered, altered, altered, reworded, renamed])
    if kind is damaged:
        return damaged(content, rng)
    document = json.loads(content)
    if kind is reworded:
        return reworded(document, rng)
    return json.dumps(kind(document, rng)).encode("utf-8", "replace")


def mutated_text(content, rng):
    """Return a text with something amiss in its bytes or its lines."""
    if rng.random() < 0.5:
        return damaged(content, rng)
    lines = content.decode().split("\n")
    at = rng.randrange(len(lines))
    kind = rng.choice(["drop", "double", "swap", "trick", "long", "ends", "none"])
    if kind == "drop":
        del lines[at]
    elif kind == "double":
        lines.insert(at, lines[at])
    elif kind == "swap":
        lines[at], lines[0] = lines[0], lines[at]
    elif kind == "trick":
        lines[at] = rng.choice(TRICKS)
    elif kind == "long":
        lines[at] = "x" * 200_000
    elif kind == "ends":
        return "\r\n".join(lines).encode()
    else:
        lines = [rng.choice(["", " ", "\n\n", "\ufeff"])]
    return "\n".join(lines).encode("utf-8", "replace")


def mutated_lines(content, rng):
    """Return lines of JSON with something amiss in one of them, or among them."""
    if rng.random() < 0.3:
        return mutated_text(content, rng)
    lines = content.splitlines()
    at = rng.randrange(len(lines))
    lines[at] = mutated(lines[at], rng)
    return b"\n".join(lines) + b"\n"


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


def misplaced(path, rng):
    """Put something in a file's place that is not the file; return what."""
    content = path.read_bytes() if path.is_file() else b""
    path.unlink()
    kind = rng.choice(["missing", "folder", "pipe", "endless", "loop", "closed", "huge", "empty"])
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "closed":
        path.write_bytes(content)
        path.chmod(0)
    elif kind == "huge":
        path.write_bytes(content)
        os.truncate(path, 5 * 2**30)
    elif kind == "empty":
        path.touch()
    return kind


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
