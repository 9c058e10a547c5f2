"""A Python that starts in no time: forks of one process that has imported all but the plugin.

`python warm_process.py N` answers at the socket that is its descriptor N, until its stdin ends.
`PROGRAM` asks it: a script that can be started in place of Python, with `-c` or `-m`. What it runs
is a process of its own with the caller's words, environment, folder, streams and fate, and saves
some 5 s of imports.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
import types
from contextlib import suppress
from pathlib import Path

PROGRAM = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode() + b"\\n"
    # Descriptors go with the first byte.
    socket.send_fds(server, [asked[:1]], [0, 1, 2])
    server.sendall(asked[1:])
    code = int(server.makefile().readline())
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
ROOT = Path(__file__).parents[1]
REPLACEABLE = ("aihwkit", "analog_bench")


def serve(server):
    import datasets  # noqa: F401
    import pytest  # noqa: F401
    import pytest_benchmark.plugin  # noqa: F401
    from scipy import stats  # noqa: F401
    from transformers import BertForQuestionAnswering  # noqa: F401
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    for name in sys.argv[2:]:
        importlib.import_module(name)
    # What names weights had, of all models: made with the first one that is loaded.
    get_checkpoint_conversion_mapping("bert")
    # Pytest collects garbage at the end of each run, and would look at all of this.
    gc.freeze()
    # Pytest rewrites the plugin's own modules, and warns where it comes too late.
    assert not any(name.startswith("analog_bench.plugin") for name in sys.modules)
    waiting = {}
    ended, end = socket.socketpair()
    end.setblocking(False)
    signal.set_wakeup_fd(end.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while 0 not in (ready := select.select([0, server, ended, *waiting.values()], [], [])[0]):
        if server in ready:
            asking = server.accept()[0]
            waiting[start(asking)] = asking
        for child, asking in waiting.items():
            if asking in ready:
                # The caller is gone, and takes along what it called.
                with suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
        if ended in ready:
            ended.recv(64)
            tell_ends(waiting)


def tell_ends(waiting):
    """Tell callers how what they called has ended; its seconds count as this process's."""
    while waiting and (end := os.waitpid(-1, os.WNOHANG))[0]:
        with waiting.pop(end[0]) as asking, suppress(OSError):
            asking.sendall(f"{os.waitstatus_to_exitcode(end[1])}\n".encode())


def start(asking):
    """Start what is asked for; return the number of its process."""
    first, streams, *_ = socket.recv_fds(asking, 1, 3)
    asked = json.loads(first.decode() + asking.makefile().readline())
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # As in a terminal: a shell may have told us, in the background, to ignore it.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.closerange(3, min(streams))
            os.setsid()
            take_over(streams)
            code = run(*asked)
        finally:
            os._exit(code)
    for stream in streams:
        os.close(stream)
    return child


def take_over(streams):
    """Make the caller's streams this process's own, as Python does when it starts."""
    for descriptor, stream in enumerate(streams):
        os.dup2(stream, descriptor)
        os.close(stream)
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)


def run(words, cwd, environment):
    """Run a module or code as a fresh Python would; return the exit code."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    # The hub's client reads the environment once, when this is imported.
    importlib.reload(sys.modules["huggingface_hub.constants"])
    given = list(filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)))
    sys.path[:1] = ["", *given]
    if any(Path(p, name).exists() for p in given if Path(p) != ROOT for name in REPLACEABLE):
        # The test's own is to be found in place of what was imported, and by all that imports it.
        for name in [name for name in sys.modules if name.split(".")[0] in REPLACEABLE]:
            del sys.modules[name]
    sys.executable, *words = words
    while words[0] not in ("-c", "-m"):
        words.pop(0)
    how, what, *words = words
    sys.argv = [how, *words]
    try:
        if how == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), vars(main))
        code = 0
    except SystemExit as stopped:
        code = stopped.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    # Libraries that were imported for forks alone would report that nobody has cleared up.
    os._exit(0)
