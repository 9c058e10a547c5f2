"""Every value of an option that cannot be is one line, before anything is collected."""

import pytest

from analog_bench.errors import UsageError
from analog_bench.plugin.run_options import read_settings

pytest_plugins = ["pytester"]
NUMBERS = ("", "0", "-1", str(2**63), "1" + "0" * 400, "9" * 5000, "nan", "inf", "1e3", "1.5")


@pytest.fixture
def read(pytester):
    """Return a function that reads options as a session does."""
    return lambda *words: read_settings(pytester.parseconfig(*words))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--noise", "white_outptu"), "did you mean 'white_output'?"),
        (("--noise", "pcm:pro=1"), "noise 'pcm' has no parameter 'pro'; did you mean 'prog'?"),
        (
            ("--noise", "white_output:std=-1"),
            "std must be 0 or a number from 1e-12 to 1e+12, found '-1'",
        ),
        (("--noise", "pcm:drift=1e308"), "pcm: drift must be 0 or a number from 1e-12 to 1e+12"),
        (("--noise", "pcm:prog=1,prog=2"), "gives 'prog' twice"),
        (("--noise", "pcm", "--drift=-1"), "--drift must be 0 or a number of seconds from 1e-12"),
        (("--noise", "pcm", "--drift", "1e308"), "seconds from 1e-12 to 1e+12, found '1e308'"),
        (("--drift", "day"), "--drift must be 0 or a number of seconds from 1e-12 to 1e+12, found"),
        (("--chips", str(2**63)), "--chips must be a whole number from 1 to 1000, found '92233"),
        (("--chips", "1e3"), "--chips must be a whole number from 1 to 1000, found '1e3'"),
        (("--chips", ""), "--chips is empty; give N, or leave it out"),
        (("--json", ""), "--json is empty; give FILE, or leave it out"),
        (("--examples", "few"), "--examples must be a whole number of at least 1, found 'few'"),
        (("--examples", "9" * 400), "--examples must be a whole number from 1 to 2^63 - 1, found"),
        (
            ("--max-drop", "f1=nan"),
            "--max-drop f1 must be 0 or a number from 1e-12 to 1e+12, found",
        ),
        (("--budget", "nightyl"), "--budget 'nightyl' is unknown; did you mean 'nightly'?"),
        (("--tile", "torhc"), "--tile 'torhc' is unknown; did you mean 'torch'?"),
        (("--zoo", "embeded"), "--zoo 'embeded' is unknown; did you mean 'embedded'?"),
        (("--noise", "pcm", "--hardware", "standard"), "--hardware 'standard' is unknown; known: "),
        (("--hardware", "StandardHWATrainingTorhc"), "did you mean 'StandardHWATrainingTorch'?"),
        (("--hardware", "Ideal"), "--hardware 'Ideal' is unknown; did you mean 'ideal'?"),
        (("--variant", "hw"), "--variant 'hw' is unknown; did you mean 'hwa'?"),
        (("--hwa", "nowhere"), "--hwa must be a folder with one folder a model, found "),
        (("--hwa", "x" * 300), "--hwa must be a folder with one folder a model, found "),
        (("--seed=-1",), "--seed must be a whole number of at least 0, found '-1'"),
        (("--seed", str(2**63)), "--seed must be a whole number from 0 to 2^63 - 1, found '9223"),
        (("--seed", "nan"), "--seed must be a whole number of at least 0, found 'nan'"),
        (("--device", "meta"), "--device must be cpu, cuda or cuda:N, found 'meta'"),
        (("--device", "mps"), "--device must be cpu, cuda or cuda:N, found 'mps'"),
        (("--device", "cuda:-1"), "--device must be cpu, cuda or cuda:N, found 'cuda:-1'"),
        (("--replay", "maybe"), "--replay 'maybe' is unknown"),
    ],
)
def test_a_value_that_cannot_be(read, args, said):
    with pytest.raises(UsageError) as caught:
        read(*args)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "fine"),
    [("seed", {"0"}), ("chips", set()), ("examples", set()), ("drift", {"0", "1e3", "1.5"})],
)
@pytest.mark.parametrize("ini", [False, True])
def test_numbers_that_cannot_be(read, pytester, option, fine, ini):
    for number in NUMBERS:
        words = [f"--{option}={number}"]
        if ini:
            # An empty value in the ini file is none.
            pytester.makeini(f"[pytest]\nanalog_bench_{option} = {number or '-'}")
            words = []
        if number in fine:
            read(*words)
            continue
        with pytest.raises(UsageError, match=f"^--{option} (must be|is empty)") as caught:
            read(*words)
        assert len(str(caught.value)) < 200


def test_the_largest_numbers(read):
    settings = read(
        f"--seed={2**63 - 1}", "--chips=1000", f"--examples={2**63 - 1}", "--drift=1e12"
    )
    assert (settings.seed, settings.chips, settings.examples) == (2**63 - 1, 1000, 2**63 - 1)
    assert settings.choice.drift_s == (1e12,)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("json", "[[1]]", "analog_bench_json must be one text in quotes, found [[1]]"),
        ("chips", "[2]", "analog_bench_chips must be one text in quotes, found [2]"),
        ("chips", "0", "--chips must be a whole number from 1 to 1000, found '0'"),
        ("report", "false", "--report 'False' is unknown"),
        ("budget", '["smoke", "full"]', "analog_bench_budget must be one text in quotes, found ["),
        ("model", '["bert", 1]', "analog_bench_model must be texts in quotes, found ['bert', 1]"),
        ("drift", "[[0]]", "analog_bench_drift must be texts in quotes, found [[0]]"),
    ],
)
@pytest.mark.filterwarnings("ignore:Passing a value that is not a string")
def test_values_in_toml_that_are_no_texts(read, pytester, option, value, said):
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\nanalog_bench_{option} = {value}\n")
    with pytest.raises(UsageError) as caught:
        read()
    assert str(caught.value).startswith(said)


def test_texts_in_toml(read, pytester):
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\nanalog_bench_model = ["bert", "distilgpt2"]\n'
        'analog_bench_chips = "2"\nanalog_bench_budget = "full"\nanalog_bench_data = ""\n'
    )
    found = read()
    assert (found.choice.models, found.chips) == (("bert", "distilgpt2"), 2)
    assert (found.budget, found.data) == ("full", "embedded")
