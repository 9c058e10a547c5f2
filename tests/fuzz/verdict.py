"""What came of a command: fine, refused in one line, or something to find."""

import re

# What pytest says with a code of its own: tests failed, it was misused, or nothing was selected.
_PYTEST = (0, 1, 4, 5)
# What it says, with code 2, of files that it cannot collect: it names them and what they raise.
_UNCOLLECTED = re.compile(r"^!+ Interrupted: \d+ errors? during collection !+$", re.MULTILINE)
_SIGNS = ("Traceback (most recent call last)", "INTERNALERROR", "Fatal Python error", "panicked at")
_SIGNS += ("Exception ignored in", "Segmentation fault")
TOO_LONG = "Timeout ("
LONGEST_LINE = 1500


def refusal_of(program, code, output, errors):
    """Return the lines in which a command says what it refuses; none where it refuses nothing."""
    if program == "pytest":
        begin = {4: "ERROR: "}.get(code)
    else:
        begin = {2: ("Error: ", "analog-bench: error: "), 4: "analog-bench: error: "}.get(code)
    said = (output + errors).splitlines() if begin else []
    return [line for line in said if line.startswith(begin)]


def finding_in(step, code, output, errors, names):
    """Return what is wrong with how a command ended; empty where nothing is."""
    said = output + errors
    if TOO_LONG in errors:
        return f"hang: {_frame(errors)}"
    if code < 0:
        return f"killed by signal {-code}"
    for sign in _SIGNS:
        if sign in said:
            return f"{sign}: {_last(said)}"
    if code == 2 and step.program == "pytest" and _UNCOLLECTED.search(said):
        return ""
    if code not in (_PYTEST if step.program == "pytest" else (0, 1, 2, 4)):
        return f"exit code {code}"
    if code not in (2, 4):
        return ""
    lines = refusal_of(step.program, code, output, errors)
    if len(lines) != 1:
        return f"{len(lines)} lines of error with exit code {code}"
    (line,) = lines
    shown = said[said.index(line) :].splitlines()
    if len(shown) > 1 and any(shown[1:]) and code == 4:
        return f"an error of several lines: {shown[1]!a}"
    if not line.isprintable():
        return f"an error that cannot be printed: {line!a}"
    if len(line) > LONGEST_LINE + len(max(names, key=len, default="")):
        return f"an error of {len(line)} characters"
    # A line that cannot be read is told by the parser, which names what it cannot read.
    if (
        code == 4
        and names
        and not any(name and _plain(name)[:40] in _plain(line) for name in names)
    ):
        return f"an error that names none of {names!a}: {line!a}"
    return ""


def _plain(text):
    """Return a text as quoting, escapes and line breaks leave it comparable."""
    return re.sub(r"\W+", "", ascii(text))


def _last(said):
    """Return the last line of a traceback: the exception."""
    raised = r"(?:INTERNALERROR> )?(?:\w+\.)*\w*(?:Error|Exception|Warning|Interrupt|Exit)\b.*"
    lines = re.findall(f"^{raised}$", said, re.MULTILINE)
    return (lines or said.strip().splitlines()[-1:])[-1][:200]


def _frame(errors):
    """Return where a process stood, innermost call first."""
    frames = re.findall(r'File "(.*)", line (\d+)', errors)
    return " < ".join(f"{file[-60:]}:{line}" for file, line in frames[:4])
