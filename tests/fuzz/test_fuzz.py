"""A few inputs of every kind; `python -m tests.fuzz` tries thousands."""

import pytest

from tests.fuzz.kinds import KINDS
from tests.fuzz.trials import Finding, Trials, shared_out
from tests.hub_stand_in import HubStandIn

FEW, SEED = 40, 20261123


@pytest.fixture(scope="module")
def trials(warm_python, tmp_path_factory):
    with HubStandIn() as hub:
        yield Trials(warm_python, tmp_path_factory.mktemp("fuzz"), hub, SEED)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_input_is_refused_in_one_line_or_read_rightly(trials, kind):
    ended = [trials.run(kind, number) for number in range(shared_out(FEW, KINDS)[kind])]
    assert [one for one in ended if isinstance(one, Finding)] == []
