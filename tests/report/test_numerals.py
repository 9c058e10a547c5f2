import pytest

from analog_bench.report.glyphs import glyphs
from analog_bench.report.numerals import percent, signed

GLYPH = glyphs(ascii_only=False)


@pytest.mark.parametrize(
    ("value", "spelt"), [(0.614, "+0.61"), (-0.614, "−0.61"), (-0.004, "0.00"), (0.0, "0.00")]
)
def test_correlations_have_their_sign_and_zero_has_none(value, spelt):
    assert signed(value, GLYPH) == spelt


@pytest.mark.parametrize(
    ("share", "spelt"), [(1.0, "100 %"), (0.99963, "99.9 %"), (0.5, "50 %"), (0.0004, "0 %")]
)
def test_a_share_is_never_rounded_up_to_all(share, spelt):
    assert percent(share) == spelt
