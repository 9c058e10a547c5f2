"""Device tables, as users have them."""

import math
from pathlib import Path

from analog_bench.noise import Measured, Noise
from analog_bench.simulators.physics import closed_form as form

TABLE = Path(__file__).with_name("two_levels.csv")


def plain(family: type[Noise]) -> Noise:
    """Make a noise of a family, at its defaults; devices are those of `TABLE`."""
    return Measured(str(TABLE)) if family is Measured else family()


def pcm_table(path: Path, rows: int = 400) -> str:
    """Tabulate aihwkit's PCM from its formulae: spread, drift exponents, reads at time 0."""
    lines = ["g_us,sigma_us,nu_mean,nu_std,read_sigma_us"]
    for row in range(rows + 1):
        g = row / rows
        log = math.log(max(g, 1e-7))
        read = 0.0 if g == 0 else form.pcm_read(g, 0.0) * g * form.PCM_G_MAX
        values = (
            g * form.PCM_G_MAX,
            form.polynomial(form.PCM_PROGRAMMING, g),
            min(max(-0.0155 * log + 0.0244, 0.049), 0.1),
            min(max(-0.0125 * log - 0.0059, 0.008), 0.045),
            read,
        )
        lines.append(",".join(map(repr, values)))
    path.write_text("\n".join(lines))
    return str(path)
