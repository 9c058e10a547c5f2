import pytest

from analog_bench.report.html.page import page
from tests.report.html.example_report import example_contents, verdict


@pytest.fixture(scope="session")
def contents():
    """The example; its first layer improved, its second regressed."""
    return example_contents(at0=verdict("improved", 3.0), at2=verdict("regressed", -4.0))


@pytest.fixture(scope="session")
def html(contents):
    return page(contents)
