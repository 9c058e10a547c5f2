"""What `--precision-target` takes."""

import pytest

from analog_bench.errors import UsageError
from analog_bench.precision_target import PrecisionTarget, parse_target
from analog_bench.study import Budget


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("1", PrecisionTarget(1.0)),
        ("0.5", PrecisionTarget(0.5)),
        ("5%", PrecisionTarget(0.0, 0.05)),
        ("1,5%", PrecisionTarget(1.0, 0.05)),
    ],
)
def test_a_target_is_read_and_spelt(text, target):
    assert parse_target(text) == target
    assert str(target) == text


def test_the_order_does_not_matter():
    assert parse_target(" 5%, 1 ") == parse_target("1,5%")


@pytest.mark.parametrize(
    "text", ["", "f1=1", "1,2", "5%,6%", "1,2,3%", "0", "0%", "-1", "nan", "1%%"]
)
def test_what_is_no_target_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match=r"^--precision-target [^\n]*$"):
        parse_target(text)


def test_the_wider_of_the_two_counts():
    target = PrecisionTarget(1.0, of_loss=0.1)
    assert [target.half_width(loss, 1.0) for loss in (0.3, -20.0, 77.0)] == [1.0, 2.0, 7.7]
    assert target.half_width(0.01, 0.02) == 0.02


def test_a_budget_has_room_for_its_precision_and_hands_it_on():
    with pytest.raises(UsageError, match="a precision takes 5 chips at least, found 3"):
        Budget(3, 8, precision=PrecisionTarget(1.0))
    with pytest.raises(UsageError, match="Budget: precision must be PrecisionTarget"):
        Budget(8, 8, precision=1.0)
    with pytest.raises(UsageError, match="cannot be reached"):
        Budget(8, 8, precision=PrecisionTarget(0.0))
    budget = Budget(8, 8, precision=PrecisionTarget(1.0), per_model={"bert": Budget(6, 4)})
    assert budget.of("bert").precision == PrecisionTarget(1.0)
