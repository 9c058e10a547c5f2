"""Conversion energies against those of the package that fitted them, and of the paper's figures."""

import pytest

from analog_bench.planning.adc_survey import conversion_pj

# What hwcomponents-adc 1.0.21 on hwcomponents 1.0.114 says: bits, samples a second, node in nm, and
# `ADC(bits, node * 1e-9, rate).get_energy()` in J. It needs Python 3.12, pandas and 170 MB.
PACKAGE = [
    (8, 1e7, 7, 9.840469431284607e-14),
    (8, 1e7, 14, 3.6221240730878806e-13),
    (8, 1e7, 22, 8.472361984262006e-13),
    (8, 1e7, 32, 1.7137119697683604e-12),
    (8, 1.28e9, 32, 1.9292116496183116e-12),
    (6, 1e8, 14, 2.251194510125043e-13),
    (10, 1e7, 32, 3.3096716617602926e-12),
    (9, 5e9, 14, 2.8778462712056003e-12),
    (4, 1.28e9, 32, 9.23749333095006e-13),
]


@pytest.mark.parametrize(("bits", "rate", "node", "joules"), PACKAGE)
def test_energies_are_those_of_the_package(bits, rate, node, joules):
    assert conversion_pj(bits, rate, node) == pytest.approx(joules * 1e12, rel=1e-4)


def test_hermes_takes_far_more_than_converters_at_their_best():
    assert 256 * conversion_pj(8, 1e7, 14) / 1e3 == pytest.approx(0.09, abs=0.005)


def test_coarser_converters_are_outside_of_the_survey():
    with pytest.raises(ValueError, match="4 bits or more, found 3"):
        conversion_pj(3, 1e7, 14)
