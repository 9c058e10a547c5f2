"""Which sub-networks are measured next, what is kept of them, and how they are ranked."""

import numpy as np
import pytest

from analog_bench.codec import write_record
from analog_bench.errors import StoreError, UsageError
from analog_bench.planning.subnetwork_ranking import front, rank_subnetworks
from analog_bench.planning.subnetwork_record import SubNetworkStudy, read_study
from analog_bench.planning.subnetworks import (
    RANDOM,
    head_counts,
    next_subnetwork,
    random_subnetwork,
    widths,
)
from analog_bench.zoo.mobilebert_parts import SubNetwork
from tests.planning.some_subnetworks import WHOLE, measured


def measured_in_turn(count, noise=0.0):
    found = []
    while len(found) < count:
        found.append(measured(next_subnetwork(WHOLE, found, 3), noise))
    return found


@pytest.fixture(scope="module")
def some():
    return measured_in_turn(RANDOM + 12)


def test_what_there_is_to_choose_from():
    assert (head_counts(WHOLE), widths(WHOLE)) == ((4, 8, 12), (128, 256, 352))
    tiny = SubNetwork((1, 1), 1, 1)
    assert (head_counts(tiny), widths(tiny)) == ((1,), (1,))
    draw = np.random.default_rng(0)
    drawn = [random_subnetwork(WHOLE, draw) for _ in range(200)]
    assert all(len(part.blocks) >= 3 for part in drawn)
    assert {n for part in drawn for n in part.feed_forwards} == {0, 1, 2}


def test_the_whole_then_random_then_proposed(some):
    parts = [one.part for one in some]
    assert parts[0] == WHOLE
    assert len(set(parts)) == len(parts)
    proposed = some[RANDOM + 1 :]
    # Optuna heads for the front: better than chance in score for the energy.
    per_energy = [
        np.mean([one.one_day / (1000 + one.pj) for one in group])
        for group in (some[1 : RANDOM + 1], proposed)
    ]
    assert per_energy[1] > per_energy[0]


def test_the_next_depends_on_those_before_alone(some):
    for count in (5, RANDOM + 6):
        assert next_subnetwork(WHOLE, some[:count], 3) == some[count].part
    assert next_subnetwork(WHOLE, some[:5], 4) != some[5].part


def test_there_is_an_end():
    tiny, found = SubNetwork((1, 1), 1, 1), []
    while (part := next_subnetwork(tiny, found, 0)) is not None:
        found.append(measured(SubNetwork((*part.feed_forwards, 0, 0, 0, 0), 1, 1)))
        found[-1] = type(found[-1])(part, 1, 1.0, 1.0, ((1.0, 1.0, 1.0),), 0.0)
    assert [one.part for one in found] == [tiny]


def test_a_surrogate_ranks_what_it_has_not_seen():
    by = {(one.name, one.target): one for one in rank_subnetworks(measured_in_turn(25, 2.0), 1)}
    surrogate, parameters = by["surrogate", "one_day"], by["parameters", "one_day"]
    assert surrogate.low <= surrogate.tau <= surrogate.high
    assert surrogate.tau > parameters.tau
    assert by["digital F1", "one_day"].tau > 0.8
    assert by["halves of the chips", "one_day"].tau < 1.0
    assert by["surrogate", "avm"].tau > 0.5  # a block costs a point of it
    with pytest.raises(UsageError, match="3 sub-networks have no order worth the name; measure 10"):
        rank_subnetworks(measured_in_turn(3), 1)


def test_the_front_is_what_none_beats(some):
    numbers = front(some)
    best = [some[n] for n in numbers]
    assert [one.pj for one in best] == sorted(one.pj for one in best)
    for n, one in enumerate(some):
        beaten = any(b.one_day >= one.one_day and b.pj <= one.pj for b in best)
        assert beaten or n in numbers


def test_a_study_comes_back(some, tmp_path):
    path = tmp_path / "deep" / "study.json"
    assert read_study(path) is None
    study = SubNetworkStudy(1, {"seed": 3}, tuple(some), (some[0],))
    write_record(path, study)
    assert read_study(path) == study
    path.write_text('{"schema_version": 1}')
    with pytest.raises(StoreError, match=r"is no study of sub-networks: .*made_with.* --out"):
        read_study(path)
