"""A mistake in a bench file is one line with its place; it measures nothing else, nor nothing."""

import pytest

HEAD = """
import pytest
from analog_bench.noise import Pcm, SShape, WhiteOutput
from analog_bench.records import Margin
from analog_bench.study import Budget, Study
"""
STUDY = """
STUDY = Study(
    **dict(
        name="mine",
        question="what then?",
        models=("bert",),
        noises=(WhiteOutput(),),
        budgets={{"smoke": Budget(chips=1, examples=4)}},
    )
    | dict({fields})
)
"""
MARKED = """
@pytest.mark.study(STUDY)
def bench_mine(case, measure, baseline):
    baseline.check(measure(case))
"""
GOOD = HEAD + STUDY.format(fields='name="other", models=("mobilebert",)') + MARKED
# Of the file's line where the study is made, and of the function that is marked with it.
MADE, FUNCTION = 7, 18


@pytest.fixture
def run(warm, project, tmp_path):
    """Return a function that collects bench files by their name and text."""

    def collect(*args, **files):
        for name, text in files.items():
            (project / f"{name}.py").write_text(text)
        done = warm("--collect-only", "-q", *args, folder=tmp_path, cwd=project)
        assert "Traceback" not in done.out
        assert "INTERNALERROR" not in done.out
        return done

    return collect


def said_of(done, place):
    """Return what is said of a place, which is said in one line, once."""
    lines = done.out.partition("short test summary")[0].splitlines()
    (line,) = [line for line in lines if place in line]
    return line.partition(place)[2]


CANNOT_BE_MADE = (
    ('layers="block"', "Study mine: layers 'block' is unknown; did you mean 'blocks'?"),
    ('noises=("pcm",)', "Study mine: noises must hold noises, found 'pcm'; write Pcm(...)"),
    ("noises=()", "Study mine: noises must not be empty"),
    ('models="bert"', "Study mine: models must be a tuple, found 'bert'; write ('bert',)"),
    ('variants=("digital",)', "'digital' is unknown; known: calibrated, direct, hwa"),
    ('budgets={"smoek": Budget(1, 4)}', "'smoek' is unknown; did you mean 'smoke'?"),
    ('budgets={"smoke": Budget(1, 3.5)}', "Budget: examples must be a whole number of at"),
    ('budgets={"smoke": Budget(True, 4)}', "Budget: chips must be a whole number from 1 to"),
    ('margins={"f1": 0.5}', "margins['f1'] must be Margin(...), found 0.5"),
    ('margins={"f1": Margin("0.5", "a reason")}', "a margin must be a number of at least 0"),
    ("drift_s=(float('nan'),)", "drift_s must be 0 or a number of seconds"),
    ("noises=(WhiteOutput(1e308),)", "white_output: std must be 0 or a number from"),
    ("noises=(WhiteOutput('1'),)", "white_output: std must be 0 or a number from"),
)


def test_what_cannot_be_made(run):
    files = {
        f"bench_{n}": HEAD + STUDY.format(fields=fields) + MARKED
        for n, (fields, _) in enumerate(CANNOT_BE_MADE)
    }
    done = run(**files)
    assert done.code == 2, done.out
    for file, (_, said) in zip(files, CANNOT_BE_MADE, strict=True):
        told = said_of(done, f"{file}.py, line ")
        assert said in told
        assert MADE <= int(told.partition(":")[0]) < FUNCTION


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ('models=("brt",)', "no embedded model or folder 'brt'; did you mean 'bert'?"),
        ('models=("owner/name",)', "there is no folder owner/name; if it is the id of a model"),
        (
            'budgets={"smoke": Budget(1, 4, layers=("qa_outptus",))}',
            "budgets['smoke']: the layer 'qa_outptus' fits no layer of bert; did you mean "
            "'qa_outputs'?",
        ),
        (
            'budgets={"smoke": Budget(1, 4), "nightly": Budget(3, 9, layers=("encoder.99.*",))}',
            "budgets['nightly']: the layer 'encoder.99.*' fits no layer of bert; ",
        ),
        ('margins={"f2": Margin(0.5, "why")}', "margins: the metric 'f2' is unknown; known: "),
        ("noises=(SShape(),)", "s_shape cannot be had on the torch tile; use --tile cpp"),
        ('noises=(Pcm(),), tiles={Pcm(): "ccp"}', "no tile 'ccp'; did you mean 'cpp'?"),
    ],
)
def test_what_cannot_be_measured(run, fields, said):
    done = run(bench_mine=HEAD + STUDY.format(fields=fields) + MARKED, bench_other=GOOD)
    assert done.code == 4, done.out
    (error,) = done.errors
    assert error.startswith(f"ERROR: bench_mine.py, line {FUNCTION}: Study mine: {said}")


def test_another_study_is_measured_all_the_same_where_the_bad_one_is_not_asked_for(run):
    bad = HEAD + STUDY.format(fields='models=("brt",)') + MARKED
    done = run("-k", "mobilebert_other", bench_mine=bad, bench_other=GOOD)
    assert done.code == 0, done.out
    assert len(done.cases) > 50


def test_a_mark_without_a_study(run):
    marks = {"bench_a": ("", "None"), "bench_b": ('("mine")', "'mine'"), "bench_c": ("(3)", "3")}
    text = HEAD + STUDY.format(fields="") + MARKED
    done = run(**{name: text.replace("(STUDY)", mark) for name, (mark, _) in marks.items()})
    assert done.code == 2, done.out
    for name, (_, found) in marks.items():
        said = said_of(done, f"{name}.py, line {FUNCTION}: ")
        assert said == f"mark it with @pytest.mark.study(STUDY), found {found}"


def test_two_studies_of_one_name(run):
    done = run(bench_a=GOOD, bench_b=GOOD.replace("what then?", "what else?"))
    assert done.code == 2, done.out
    said = said_of(done, f"bench_b.py, line {FUNCTION}: ")
    assert said == "another study in bench_a.py is called 'other'; results go by the name"


def test_a_study_of_two_functions(run):
    again = MARKED.replace("bench_mine", "bench_again")
    done = run(bench_a=GOOD + again)
    assert done.code == 0, done.out


def test_workers_say_the_same(run):
    done = run("-n", "1", bench_mine=HEAD + STUDY.format(fields='layers="block"') + MARKED)
    assert done.code != 0
    assert "layers 'block' is unknown; did you mean 'blocks'?" in done.out
