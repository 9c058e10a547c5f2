"""Runs programs many times in forks of one process that has imported all but the plugin.

A forked run is a process of its own, which saves some 10 s of imports. Reads one JSON request a
line on stdin and answers with the exit code; see `run` for what a request says.
"""

import gc
import importlib
import json
import os
import signal
import sys
import traceback

REPLACEABLE = ("aihwkit", "analog_bench")
PATIENCE_S = 300


def run(args, cwd, env, output, errors=None, first_on_path=(), program="pytest"):
    """Run `program` as if it had been started so; what it prints goes to the files."""
    os.chdir(cwd)
    os.environ.update(env)
    # The hub's client reads the environment once, when this is imported.
    importlib.reload(sys.modules["huggingface_hub.constants"])
    sys.path[0] = ""
    sys.path[:0] = first_on_path
    if any(os.path.exists(os.path.join(p, name)) for p in first_on_path for name in REPLACEABLE):
        # The test's own is to be found in place of what was imported, and by all that imports it.
        for name in [name for name in sys.modules if name.split(".")[0] in REPLACEABLE]:
            del sys.modules[name]
    redirect(0, os.devnull, os.O_RDONLY)
    redirect(1, output)
    if errors is None:
        os.dup2(1, 2)
    else:
        redirect(2, errors)
    signal.alarm(PATIENCE_S)
    sys.argv = [program, *args]
    try:
        code = PROGRAMS[program](args)
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def redirect(descriptor, path, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    file = os.open(path, flags, 0o600)
    os.dup2(file, descriptor)
    os.close(file)


def run_pytest(args):
    import pytest

    return int(pytest.main(args))


def run_analog_bench(args):
    from analog_bench.cli import main

    return main(args)


def run_python(args):
    """Run code with arguments, as `python -c` does."""
    code, *sys.argv[1:] = args
    exec(compile(code, "<block>", "exec"), {"__name__": "__main__"})
    return 0


PROGRAMS = {"pytest": run_pytest, "analog-bench": run_analog_bench, "python": run_python}


def serve():
    import datasets  # noqa: F401
    from scipy import stats  # noqa: F401
    from transformers import BertForQuestionAnswering  # noqa: F401

    import analog_bench.report.page.document
    import analog_bench.session.case_measurement
    import analog_bench.simulators.aihwkit  # noqa: F401

    # Pytest collects garbage at the end of each run, and would look at all of this.
    gc.freeze()
    # Pytest rewrites the plugin's own modules, and warns where it comes too late.
    assert not any(name.startswith("analog_bench.plugin") for name in sys.modules)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                code = run(**json.loads(line))
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
