"""What one sees of a training: lines in a file, a bar and the validations on a terminal."""

import io
import math

from rich.console import Console

from analog_bench.commands.hwa_progress import show_training
from analog_bench.hwa.training_report import Progress


def told(terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120)
    with show_training("f1", console) as tell:
        tell(Progress(0, 25, math.nan, 61.5, (60.0, 63.0), 61.5, 80.0, 0.0))
        for step in range(1, 26):
            score = 70.25 if step == 25 else None
            chips = (70.0, 70.5) if step == 25 else ()
            tell(Progress(step, 25, 2.0, score, chips, 70.25, 80.0, 1.5 * step))
    return file.getvalue()


def test_lines_where_there_is_no_terminal():
    lines = told(False).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        *("step 0 of 25", "step 10 of 25", "step 20 of 25", "step 25 of 25")
    ]
    assert lines[0].endswith("f1 61.500 on chips (60.00, 63.00), digital 80.000")
    assert lines[1].endswith("loss 2.000, 1.50 s a step")
    assert "f1 70.250 on chips (70.00, 70.50)" in lines[3]


def test_a_bar_and_validations_on_a_terminal():
    found = told(True)
    assert "training" in found
    assert "25/25" in found
    assert "step 25 of 25: loss 2.000, f1 70.250" in found
    assert "step 10 of 25" not in found
