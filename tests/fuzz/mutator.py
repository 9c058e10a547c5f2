"""Damage to files: of their bytes, their words, and what they say. Seeded throughout.

Whatever a function is given, it returns other content of the same kind of file, or of none.
"""

import ast
import copy
import json
import os

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


CELLS = [
    *("", " ", "nan", "inf", "-1", "0", "-0", "1e308", "1e-400", "1e309", "0x10", "1_0", "+5"),
    *("\uff15", "x", '"', '"5"', '"a,b"', "5;6", "5\t6", "9" * 5000, "x" * 300, "1,2", "#"),
    *("g_us", "g_rel", "sigma_us", "sigma_rel", "nu_mean", "time_s", "factor", "\u202e", "\u0000"),
]


def mutated_cells(content, rng):
    """Return a CSV file with something amiss in its bytes, its lines, or a cell or column of it."""
    kind = rng.choice(["text", "text", "cell", "cell", "cell", "drop", "double", "swap"])
    if kind == "text":
        return mutated_text(content, rng)
    rows = [line.split(",") for line in content.decode().splitlines()]
    filled = [row for row in rows if len(row) > 1]
    column = rng.randrange(len(filled[0]))
    if kind == "cell":
        rng.choice(filled)[column] = rng.choice(CELLS)
    for row in filled:
        if kind == "drop":
            del row[column]
        elif kind == "double":
            row.insert(column, row[column])
        elif kind == "swap":
            row[0], row[column] = row[column], row[0]
    return "\n".join(map(",".join, rows)).encode("utf-8", "replace")


VALUES = [
    *(
        "None",
        "True",
        "-1",
        "0",
        "1",
        "0.0",
        "1.5",
        "1e308",
        "-1e-300",
        "2**31",
        "2**63",
        "10**400",
    ),
    *("float('nan')", "float('inf')", "'x'", "''", "b'x'", "'\\ud800'", "'a\\nb'", "'x' * 5000"),
    *("()", "[]", "{}", "(1,)", "('x',)", "{'x': 1}", "{1: 'x'}", "object()", "object", "print"),
    *(
        "1j",
        "range(3)",
        "...",
        "NotImplemented",
        "{1}",
        "[[]] * 3",
        "iter(())",
        "type('T', (), {})",
    ),
]


def mutated_python(content, rng):
    """Return Python with another value in place of one, or with something amiss in its text."""
    if rng.random() < 0.15:
        return mutated_text(content, rng)
    return with_another_value(content, rng)


def with_another_value(content, rng):
    """Return Python in which some argument by name, or a number or text, has another value."""
    text = content.decode()
    tree = ast.parse(text)
    places = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg]
    places += [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    # Not the text that says what it is.
    places = [node for node in places if node.lineno > 1 and text.isascii()]
    at = rng.choice(places)
    lines = text.splitlines(keepends=True)
    begin, end = (
        sum(map(len, lines[: line - 1])) + column
        for line, column in ((at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset))
    )
    return (text[:begin] + rng.choice(VALUES) + text[end:]).encode()


def mutated_lines(content, rng):
    """Return lines of JSON with something amiss in one of them, or among them."""
    if rng.random() < 0.3:
        return mutated_text(content, rng)
    lines = content.splitlines()
    at = rng.randrange(len(lines))
    lines[at] = mutated(lines[at], rng)
    return b"\n".join(lines) + b"\n"


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
