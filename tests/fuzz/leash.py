"""Binds a program that is given odd input, so that it harms nothing, and tells where it would have.

python -m tests.fuzz.leash ARGUMENTS_OF_BIND PROGRAM WORDS...
"""

import ctypes
import errno
import faulthandler
import json
import os
import resource
import runpy
import sqlite3
import sys
import tempfile
from urllib.parse import unquote

MOST_MEMORY, LARGEST_FILE = 3 * 2**30, 2**28
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of the interpreter that change what they name, and which arguments are paths.
_CHANGING = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"), (0,)),
    **dict.fromkeys(("os.chown", "os.utime", "os.setxattr", "sqlite3.connect"), (0,)),
    **dict.fromkeys(("os.rename", "os.link"), (0, 1)),
    "os.symlink": (1,),
}
# Nothing is kept there.
_NOWHERE = ("/dev/null", "/dev/full", "/dev/zero", "/dev/tty", "/proc/self/fd")


class Guard:
    """An audit hook that refuses what reaches out of the folders `inside`, and reports it.

    What the user has named (`said`) is refused, too, but needs no report.
    """

    def __init__(self, inside, said, report):
        self._inside = tuple(os.path.realpath(folder) + os.sep for folder in inside)
        self._said = tuple(os.path.realpath(place) for place in said)
        self._report = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def __call__(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self._check(event, path)
        elif event in _CHANGING:
            for n in _CHANGING[event]:
                self._check(event, arguments[n])
        elif event == "socket.connect":
            host = arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1]
            if host != "127.0.0.1":
                self._refuse(f"{event} {host!a}", report=True)

    def _check(self, event, path):
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor: what opened it was looked at
        text = os.fsdecode(path)
        if event == "sqlite3.connect":
            if text.startswith("file:"):
                text = unquote(text.removeprefix("file://").partition("?")[0])
            if text == ":memory:":
                return
        place = os.path.realpath(text)
        if f"{place}{os.sep}".startswith(self._inside) or place.startswith(_NOWHERE):
            return
        named = any(place == one or place.startswith(one + os.sep) for one in self._said)
        self._refuse(f"{event} {place!a}", report=not named)

    def _refuse(self, what, *, report):
        if report:
            os.write(self._report, f"{what}\n".encode())
        if what.startswith("sqlite3"):
            raise sqlite3.OperationalError("unable to open database file")
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def bind(inside, said, report, seconds):
    """Bind this process, which must be a fork with its output redirected.

    It is ended where it takes longer, with the stack of every thread in its output; it gets no more
    memory than it has and 3 GiB, and writes no large file. The superuser becomes as others are.
    """
    sys.dont_write_bytecode = True
    tempfile.tempdir = None  # which remembers what the environment said before the fork
    faulthandler.dump_traceback_later(seconds, exit=True)
    _give_up_capabilities()
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[5]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_DATA: now + MOST_MEMORY,
        resource.RLIMIT_FSIZE: LARGEST_FILE,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))
    sys.addaudithook(Guard(inside, said, report))


def _give_up_capabilities():
    """Let permissions count for the superuser, too: version 3 of the kernel's calls, none kept."""
    version, own = 0x20080522, 0
    header = (ctypes.c_uint32 * 2)(version, own)
    ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)())


def run(program, words):
    """Run a command in this process; return or raise its exit code."""
    sys.argv = [program, *words]
    if program == "analog-bench":
        from analog_bench.cli import main

        return main()
    if program == "pytest":
        return runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    return exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    asked, name, *given = sys.argv[1:]
    bind(**json.loads(asked))
    sys.exit(run(name, given))
