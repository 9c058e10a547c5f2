"""Runs programs many times in forks of one process that has imported all but the plugin.

A forked run is a process of its own, which saves some 10 s of imports. Reads one JSON request a
line on stdin and answers with the exit code.
"""

import gc
import json
import os
import sys

REPLACEABLE = ("aihwkit", "analog_bench")


def run(args, cwd, env, output, first_on_path=(), program="pytest"):
    os.chdir(cwd)
    os.environ.update(env)
    sys.path[0] = ""
    sys.path[:0] = first_on_path
    if any(os.path.exists(os.path.join(p, name)) for p in first_on_path for name in REPLACEABLE):
        # The test's own is to be found in place of what was imported, and by all that imports it.
        for name in [name for name in sys.modules if name.split(".")[0] in REPLACEABLE]:
            del sys.modules[name]
    sys.argv = [program, *args]
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        code = PROGRAMS[program](args)
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def run_pytest(args):
    import pytest

    return int(pytest.main(args))


def run_analog_bench(args):
    from analog_bench.cli import main

    return main(args)


def run_python(args):
    exec(compile(args[0], "<block>", "exec"), {"__name__": "__main__"})
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
