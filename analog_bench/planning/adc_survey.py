"""Energy of analog-to-digital conversion, from Murmann's survey of published converters."""

from __future__ import annotations

import math

from analog_bench.planning.constants import value_of

FEWEST_BITS = 4
"""Coarsest converter that the survey's formula covers."""


def conversion_pj(bits: int, rate_hz: float, node_nm: float) -> float:
    """Return the energy in pJ of one conversion by a converter as good as the best published.

    With SNDR = 20 log10(2^bits √1.5) = 6.02 bits + 1.76 dB, and Schreier's figure of merit FOM the
    smaller of a bound by rate, 213.78 - 2.872 ln(rate), and one by resolution, 128.31 + 3.2205
    bits, the energy is

        1/2 · 10^((SNDR - FOM)/10) · node^1.880 · bits^-2.829 · e^24.579

    (Andrulis et al., arXiv 2404.06553). This is what can be achieved, not what a given chip has:
    256 such conversions at 14 nm take 0.09 nJ, and HERMES takes 13.4 nJ for a whole product.

    Args:
        bits: Resolution of the converter.
        rate_hz: Conversions per second.
        node_nm: Technology node in nm.

    Raises:
        ValueError: Fewer than 4 bits.
    """
    if bits < FEWEST_BITS:
        raise ValueError(f"the survey holds for {FEWEST_BITS} bits or more, found {bits}")
    by_rate = value_of("adc_fom_intercept") + value_of("adc_fom_rate") * math.log(rate_hz)
    by_bits = value_of("adc_fom_zero") + value_of("adc_fom_bits") * bits
    sndr = 20 * math.log10(math.pow(2, bits) * math.sqrt(1.5))
    bound = 0.5 * math.pow(10, (sndr - min(by_rate, by_bits)) / 10)
    log_scale = (
        value_of("adc_log_scale")
        + value_of("adc_node_power") * math.log(node_nm)
        + value_of("adc_bits_power") * math.log(bits)
    )
    return bound * math.exp(log_scale)
