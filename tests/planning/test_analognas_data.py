"""AnalogNAS-Bench's table: what is read, what is refused, and the data set itself."""

import gzip
import os
from pathlib import Path

import pytest

from analog_bench.errors import DataError
from analog_bench.planning.analognas_data import read_analognas_bench
from analog_bench.planning.nas_cells import canonical_classes
from analog_bench.tasks.data_folder import ANALOGNAS_FILE
from tests.planning.some_cells import COLUMNS, scored_cells, write_table

TABLE = Path(os.environ.get("ANALOG_BENCH_DATA", "nowhere")) / ANALOGNAS_FILE
HEAD = ",".join(COLUMNS)


def test_what_was_written_is_read(tmp_path):
    scores = scored_cells(20)
    found = read_analognas_bench(write_table(tmp_path / "table.csv.gz", scores))
    assert found.cells == tuple(cell for cell in scores.cells if cell != "000000")
    assert found.one_day == pytest.approx(scores.one_day)
    assert found.avm == pytest.approx(scores.avm)
    assert found.digital == pytest.approx(scores.digital)


def test_the_corrupt_row_is_left_out(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text(f"{HEAD}\n000000,60.8,87.5,53.8,50.4\n000001,84,75,73,71\n")
    found = read_analognas_bench(path)
    assert found.cells == ("000001",)
    assert found.avm == pytest.approx([-4])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "is not AnalogNAS-Bench's table: it has no column 'arch'"),
        ("", "it has no column 'arch'"),
        (f"{HEAD}\n00000,1,1,1,1\n", "line 2: '00000' is no cell of NAS-Bench-201"),
        (f"{HEAD}\n000001,1,1,1,1\n000001,1,1,1,1\n", "line 3: cell 000001 is there twice"),
        (f"{HEAD}\n000001,1,1,x,1\n", "analog_drift_86400 is 'x', where a percentage belongs"),
        (f"{HEAD}\n000001,1,1,nan,1\n", "analog_drift_86400 is 'nan'"),
        (f"{HEAD}\n000001,1,1,1\n", "analog_drift_2592000 is None"),
        (f"{HEAD}\n000001,101,1,1,1\n", "baseline_accuracy is '101'"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_analognas_bench(path)
    assert said in str(caught.value)


def test_damaged_and_missing_files_are_refused(tmp_path):
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(HEAD.encode())[:-9])
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\xfd")
    for path in (cut, binary):
        with pytest.raises(DataError, match="is damaged, or no CSV file"):
            read_analognas_bench(path)
    with pytest.raises(DataError, match=r"cannot read .*: No such file"):
        read_analognas_bench(tmp_path / "none.csv")


@pytest.mark.skipif(not TABLE.is_file(), reason="needs AnalogNAS-Bench in ANALOG_BENCH_DATA")
def test_the_data_set():
    found = read_analognas_bench(TABLE)
    assert len(found.cells) == 5**6 - 1
    assert len(set(canonical_classes(found.cells))) == 5_043
