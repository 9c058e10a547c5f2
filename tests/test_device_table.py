"""Device tables: what is read, under which name, and what is refused in one line."""

import os
import pickle

import pytest

from analog_bench.case import Case
from analog_bench.content_name import content_name, is_content_name
from analog_bench.errors import UsageError
from analog_bench.noise import EqualError, Measured, parse_noise
from analog_bench.simulators.registry import check_case
from tests.odd_paths import odd_paths

PLAIN = "g_us,sigma_us\n0,0.2\n25,1\n"


@pytest.fixture
def table(tmp_path):
    """Write a table, and return its path as a text."""

    def write(text, name="mine.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_what_is_in_a_table(table):
    text = (
        "\ufeff# IBM's? No: invented.\n"
        "\n"
        'g_us, sigma_us, "nu_mean", nu_std, read_sigma_us\r\n'
        "0, 0.2, 0.05, 0.01, 0.1\r\n"
        "  # between rows\n"
        "2.5e1, 1, .06, 0, 0.2\n"
    )
    found = Measured(table(text)).table
    assert (found.g, found.sigma) == ((0.0, 25.0), (0.2, 1.0))
    assert (found.nu_mean, found.nu_std) == ((0.05, 0.06), (0.01, 0.0))
    assert found.read_sigma == (0.1, 0.2)
    assert found.time_s == found.factor == ()


def test_retention_stands_beside_the_rest(table):
    text = "time_s,factor,g_rel,sigma_rel\n1,1,0,0.01\n10,0.9,0.5,0.02\n,,1,0.02\n"
    found = Measured(table(text)).table
    assert (found.g, found.sigma) == ((0.0, 0.5, 1.0), (0.01, 0.02, 0.02))
    assert (found.time_s, found.factor) == ((1.0, 10.0), (1.0, 0.9))


def test_its_name_says_what_is_in_it(table, tmp_path):
    one = Measured(table(PLAIN))
    assert is_content_name(one.file)
    assert one.file == content_name(tmp_path / "mine.csv", PLAIN.encode())
    assert str(one) == f"measured:file={one.file},prog=1,read=1,drift=1,t0=20,compensate=yes"
    assert Measured(table(PLAIN, "elsewhere/mine.csv")) == one
    other = Measured(table(PLAIN.replace("0.2", "0.3"), "elsewhere/mine.csv"))
    assert other.file.startswith("mine.csv@")
    assert other != one
    assert one.table.sigma != other.table.sigma
    ids = {
        Case("s", "bert", ("dense",), noise, 0.0, "torch", "ideal", "direct", "dense").id
        for noise in (one, other)
    }
    assert len(ids) == 2
    assert all(id.count("/") == 3 for id in ids)


def test_results_are_read_where_the_file_is_not(table):
    noise = parse_noise(f"measured:{table(PLAIN)},prog=2")
    assert parse_noise(str(noise)) == noise == pickle.loads(pickle.dumps(noise))
    within = EqualError(str(noise).replace(",", "+"), 0.1)
    assert parse_noise(str(within)) == within
    gone = parse_noise("measured:file=theirs.csv@0123abcd")
    assert gone.DRIFTS
    with pytest.raises(UsageError, match=r"table theirs\.csv@0123abcd is not at hand; name its"):
        check_case(gone, 0.0, "torch", "ideal")
    with pytest.raises(UsageError, match=r"measured: no device table; name its file"):
        check_case(parse_noise("measured"), 0.0, "torch", "ideal")


def test_only_what_depends_on_time_drifts(table):
    assert not Measured(table(PLAIN)).DRIFTS
    for column in ("nu_mean", "read_sigma_us"):
        assert Measured(table(f"g_us,sigma_us,{column}\n0,0,0\n1,0,0\n")).DRIFTS
    kept = Measured(table("g_us,sigma_us,time_s,factor\n0,0,1,1\n1,0,86400,0.9\n"))
    assert kept.DRIFTS
    for seconds in (0.0, 1.0, 3600.0, 86_400.0):
        check_case(kept, seconds, "torch", "ideal")
    for seconds in (0.5, 86_401.0):
        with pytest.raises(UsageError, match=r"retention from 1 to 86400 s, found a drift time"):
            check_case(kept, seconds, "torch", "ideal")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mine.csv is empty"),
        ("# nothing\n", "mine.csv is empty"),
        (b"\xff\xfe\x00g", "mine.csv cannot be read as a device table"),
        ("g_us;sigma_us\n0;1\n", "line 1: no column 'g_us;sigma_us'; separate columns by commas"),
        ("0,0.2\n25,1\n", "line 1: no column '0'"),
        ("g,sigma\n", "line 1: no column 'g'"),
        ("#\ng_us,sigm_us\n", "line 2: no column 'sigm_us'; did you mean 'sigma_us'?"),
        ("g_us,sigma_rel\n", "line 1: no column 'sigma_rel'"),
        ("g_us\n0\n1\n", "line 1: the column sigma_us is missing"),
        ("sigma_us\n0\n1\n", "line 1: the column g_us is missing"),
        ("g_us,sigma_us,nu_std\n", "line 1: the column nu_mean is missing"),
        ("g_us,sigma_us,time_s\n", "line 1: the column factor is missing"),
        ("g_us,sigma_us,factor\n", "line 1: the column time_s is missing"),
        ("g_us,sigma_us,g_us\n", "line 1: the column g_us is there twice"),
        ("g_us,sigma_us,nu_mean,time_s,factor\n", "nu_mean and time_s both say what is lost"),
        ("g_us,sigma_us\n0,0.2\n1\n", "line 3 has 1 cells under 2 columns"),
        ("g_us,sigma_us\n0,0,2\n", "line 2 has 3 cells under 2 columns"),
        ("g_us,sigma_us\n0,0.2\n", "two rows or more in column g_us, found 1"),
        ("g_us,sigma_us,time_s,factor\n0,1,1,1\n9,1,,\n", "more in column time_s, found 1"),
        ("g_us,sigma_us\n0,0.2\n1,\n", "line 3, column sigma_us must be a number from 0 to"),
        ("g_us,sigma_us\n0,x\n", "line 2, column sigma_us must be a number from 0 to 1e+06, found"),
        ("g_us,sigma_us\n0,nan\n", "column sigma_us must be a number from 0 to 1e+06, found 'nan'"),
        ("g_us,sigma_us\n0,inf\n", "found 'inf'"),
        ("g_us,sigma_us\n-1,0\n", "line 2, column g_us must be a number from 0 to 1e+06"),
        ("g_us,sigma_us\n0,-1\n", "line 2, column sigma_us must be a number from 0"),
        (
            "g_us,sigma_us,nu_mean\n0,0,5\n",
            "column nu_mean must be a number from 0 to 1, found '5'",
        ),
        ("g_us,sigma_us\n5,0\n1,0\n", "line 3, column g_us must go up from row to row, found 1"),
        ("g_us,sigma_us\n5,0\n5,0\n", "line 3, column g_us must go up from row to row, found 5"),
        (
            "g_us,sigma_us,time_s,factor\n0,0,9,1\n9,0,1,1\n",
            "line 3, column time_s must go up from row to row",
        ),
        (
            "g_us,sigma_us,time_s,factor\n0,0,0,1\n9,0,1,1\n",
            "line 2, column time_s must be a number from 1e-09",
        ),
        (
            "g_us,sigma_us,time_s,factor\n0,0,1,100\n9,0,9,97\n",
            "line 2, column factor must be a number from 1e-06 to 2, found '100'",
        ),
        ("g_rel,sigma_rel\n0,0.01\n0.9,0.01\n", "so the last is 1, found 0.9"),
        ("g_us,sigma_us\n0,1e-7\n2.5e-5,1e-6\n", "is it in siemens?"),
        ("g_us,sigma_us\n0,3\n25,40\n", "sigma_us reaches 40, beyond the largest conductance, 25"),
    ],
)
def test_a_mistake_in_a_table_is_one_line(table, text, said):
    path = table(text)
    with pytest.raises(UsageError) as caught:
        parse_noise(f"measured:{path}")
    message = str(caught.value)
    assert said in message
    assert message.startswith(path)
    assert "\n" not in message


def test_a_path_that_leads_to_no_file(tmp_path):
    for path, why in odd_paths(tmp_path, ".csv").items():
        with pytest.raises(UsageError, match=" device table") as caught:
            parse_noise(f"measured:{path}")
        assert why in str(caught.value)


def test_a_table_that_is_not_there(table, tmp_path):
    path = table(PLAIN)
    with pytest.raises(
        UsageError, match=r"no device table '.*/mne\.csv'; did you mean 'mine\.csv'"
    ):
        Measured(path.replace("mine", "mne"))
    with pytest.raises(UsageError, match="cannot be read as a device table"):
        Measured(str(tmp_path))
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    for name in ("pipe", "endless"):
        with pytest.raises(
            UsageError, match=rf"{name}\.csv cannot be read .* not an ordinary file"
        ):
            Measured(str(tmp_path / f"{name}.csv"))
    with pytest.raises(UsageError, match="rename the file"):
        Measured(table(PLAIN, "a+b.csv"))
    with pytest.raises(UsageError, match="t0 must be at least 1e-06 s, found 0"):
        Measured(path, t0=0.0)
