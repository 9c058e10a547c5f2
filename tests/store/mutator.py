"""Damage to files of JSON: of their bytes, their words, and what they say. Seeded throughout."""

import copy
import json

from tests.store.examples import places

NASTY = [
    *(None, True, False, -1, 0, 1, 2, 3, 1.0, 1.5, 999, 1000, 2**63, -(2**70), 10**400),
    *("", "x", "measured", "\ud800", "a\nb", "a\u0000b", "\x1b[31m", float("nan"), float("inf")),
    *([], {}, [None], [[]], [1, "2"], {"": 1}, {"a": {"b": {}}}, {"f1": []}, {"f1": 1}),
    *({"a\nb": 1}, [[[[[[[[[1]]]]]]]]]),
]
TRICKS = [
    *("../../x", "/etc/passwd", "con", "nul.txt", "a\u0000b", "..", ".", "", "a/b", "a\\b"),
    *("C:\\x", "~", "-rf", "x" * 300, "é", "\u202egpj", "a\nb", "$HOME", "direct", "digital", " "),
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


def altered(document, rng):
    """Return a document that says something else: the value of some place, or its key."""
    document = copy.deepcopy(document)
    at = rng.choice([place for place in places(document) if place])
    parent = document
    for key in at[:-1]:
        parent = parent[key]
    kind = rng.choice(["put", "put", "put", "delete", "add", "move", "copy", "version"])
    if kind == "put":
        parent[at[-1]] = rng.choice(NASTY)
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


def reworded(document, rng):
    """Return the text of a document with a value that no JSON holds, or a key given twice."""
    document = copy.deepcopy(document)
    at = rng.choice([place for place in places(document) if place])
    parent = document
    for key in at[:-1]:
        parent = parent[key]
    word = rng.choice(RAW)
    if isinstance(parent, dict) and rng.random() < 0.4:
        value = json.dumps(parent[at[-1]])
        word = f"{value}, {json.dumps(at[-1])}: {value}"
    parent[at[-1]] = "@@here@@"
    return json.dumps(document).replace('"@@here@@"', word).encode("utf-8", "replace")


def renamed(document, rng):
    """Return a document with a path, a device or worse in place of some name, anywhere in it."""
    document = copy.deepcopy(document)
    key, trick = rng.choice(NAMED), rng.choice(TRICKS)
    for at in list(places(document)):
        if at and at[-1] == key:
            parent = document
            for step in at[:-1]:
                parent = parent[step]
            parent[key] = trick
    return document


def mutated(content, rng):
    """Return a file of one JSON document with something amiss in it, whatever it may be."""
    kind = rng.choice([damaged, altered, altered, reworded, renamed])
    if kind is damaged:
        return damaged(content, rng)
    document = json.loads(content)
    if kind is reworded:
        return reworded(document, rng)
    return json.dumps(kind(document, rng)).encode("utf-8", "replace")
