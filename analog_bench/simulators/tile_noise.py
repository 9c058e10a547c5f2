"""How each tile family changes a tile's configuration.

Every handler starts from `kit.base_config`: everything ideal, or the preset that the case names
as hardware. Units are aihwkit's normalised ones unless said otherwise: the largest weight of an
output column and the largest input of a vector are 1.
"""

from __future__ import annotations

from typing import Any

from analog_bench.analog.effect import Site, handles
from analog_bench.noise import (
    Hermes,
    Ideal,
    InpNoise,
    IrDrop,
    OutNoise,
    Pcm,
    PcmRead,
    Preset,
    Quantise,
    ReramCmo,
    ReramWan2022,
    SShape,
    Stuck,
)
from analog_bench.simulators import aihwkit as kit
from analog_bench.simulators.tile_effect import TileEffect

_S_SHAPE_BOUND = 10.0


def _base(site: Site) -> Any:
    return kit.base_config(site.tile, site.hardware)


@handles(Ideal)
def _ideal(noise: Ideal, site: Site) -> TileEffect:
    """Formula: y = W x."""
    return TileEffect(site, _base(site))


@handles(Preset)
def _preset(noise: Preset, site: Site) -> TileEffect:
    """Exactly the preset, with nothing changed."""
    return TileEffect(site, kit.base_config(site.tile, noise.name))


@handles(OutNoise)
def _out_noise(noise: OutNoise, site: Site) -> TileEffect:
    """y_i = max|w_i| max|x| (W' x' + N(0, std²)), W' and x' normalised; one draw a tile."""
    return TileEffect(site, kit.set_forward(_base(site), out_noise=noise.std))


@handles(InpNoise)
def _inp_noise(noise: InpNoise, site: Site) -> TileEffect:
    """y_i = max|w_i| max|x| W' (x' + N(0, std²)); one draw an input and tile."""
    return TileEffect(site, kit.set_forward(_base(site), inp_noise=noise.std))


@handles(Quantise)
def _quantise(noise: Quantise, site: Site) -> TileEffect:
    """Round to steps of 2·bound/(2^bits − 2) and clip at the bound.

    The input's bound is 1, the output's `out_bound`. A perfect output converter (0 bits) has no
    bound either.
    """
    config = kit.set_forward(
        _base(site),
        inp_res=_steps(noise.dac_bits),
        out_res=_steps(noise.adc_bits),
        out_bound=noise.out_bound if noise.adc_bits else 0.0,
    )
    return TileEffect(site, config)


@handles(Pcm)
def _pcm(noise: Pcm, site: Site) -> TileEffect:
    """Programming, drift and 1/f noise of PCM (Nandakumar et al., ICECS 2019).

    With g the conductance relative to g_max = 25 µS: programming adds
    N(0, prog · (0.26348 + 1.965 g − 1.1731 g²)) µS, clamped at 0; drift multiplies by
    ((t + t0)/t0)^−ν with t0 = 20 s, ν = drift · |N(μ(g), σ(g)²)|,
    μ = −0.0155 ln g + 0.0244 within [0.049, 0.1], σ = −0.0125 ln g − 0.0059 within [0.008, 0.045];
    read noise is N(0, read · g_t Q √ln((t + t0 + t_r)/(2 t_r))), t_r = 250 ns,
    Q = 0.0088/g^0.65, at most 0.2. Drift time 0 means t0 after programming: no drift, but read
    noise.
    """
    model = kit.PCMLikeNoiseModel(
        prog_noise_scale=noise.prog, read_noise_scale=noise.read, drift_scale=noise.drift
    )
    return _devices(site, model, noise.compensate)


@handles(Hermes)
def _hermes(noise: Hermes, site: Site) -> TileEffect:
    """PCM of the HERMES chip (Le Gallo et al., Nat. Electron. 2023).

    As `pcm` with polynomials of its own; g_max = 20.7 µS and t0 = 300 s for 2 devices a weight,
    10.35 µS and 200 s for 1; t_r = 512 ns.
    """
    model = kit.HermesNoiseModel(
        num_devices=noise.devices,
        prog_noise_scale=noise.prog,
        read_noise_scale=noise.read,
        drift_scale=noise.drift,
    )
    return _devices(site, model, noise.compensate)


@handles(ReramWan2022)
def _reram_wan2022(noise: ReramWan2022, site: Site) -> TileEffect:
    """Deviation from the target after 1 s, 1 and 2 days (Wan et al., Nature 2022).

    N(0, scale · p_t(g)) µS with a polynomial of order 4 in g = G/g_max for each time, clamped at
    0, drawn anew at each time. Two habits of aihwkit's: it applies the polynomials, fitted at
    g_max = 40 µS, to its g_max of 25 µS without rescaling, and it returns from conductances to
    weights by the scale of the *programmed* weights, so that a drifted tile comes out larger by
    its largest programmed magnitude (in normalised units; some percent above 1).
    """
    config = _base(site)
    config.noise_model = kit.ReRamWan2022NoiseModel(noise_scale=noise.scale)
    return TileEffect(site, config)


@handles(ReramCmo)
def _reram_cmo(noise: ReramCmo, site: Site) -> TileEffect:
    """CMO/HfOx ReRAM, one device a weight, 9 to 88.2 µS (Falcone et al.).

    Programming adds N(0, prog · (a + b G)) µS by acceptance range; after t seconds the mean falls
    by drift · 0.089 ln t and N(0, drift · (0.042 ln t + 0.412)) µS is added; read noise is
    N(0, read · 0.0277 log10(G) √ln((t + t_r)/(2 t_r))), t_r = 1 µs.
    """
    config = _base(site)
    config.noise_model = kit.ReRamCMONoiseModel(
        prog_noise_scale=noise.prog,
        read_noise_scale=noise.read,
        drift_scale=noise.drift,
        acceptance_range=noise.acceptance,
    )
    return TileEffect(site, config)


@handles(IrDrop)
def _ir_drop(noise: IrDrop, site: Site) -> TileEffect:
    """Voltage drop along the columns; one model for each tile engine.

    C++ tile, n inputs, i-th output: y_i − scale · c_i Σ_j w_ij x_j (1 − (1 − j/n)²) with
    c = a(a(0.05 a − 0.2) + 0.5), a_i = n/571 429 · Σ_j |w_ij x_j|
    (Rasch et al., Nat. Commun. 2023). Torch tile: see `ir_drop` and `kit.with_timed_ir_drop`.
    """
    config = _base(site)
    if site.tile == "torch":
        return TileEffect(site, kit.with_timed_ir_drop(config, noise.scale))
    return TileEffect(site, kit.set_forward(config, ir_drop=noise.scale))


@handles(PcmRead)
def _pcm_read(noise: PcmRead, site: Site) -> TileEffect:
    """y_i + N(0, std² Σ_j |w_ij| x_j²) in normalised units, at every product."""
    config = kit.set_forward(
        _base(site), w_noise=noise.std, w_noise_type=kit.WeightNoiseType.PCM_READ
    )
    return TileEffect(site, config)


@handles(SShape)
def _s_shape(noise: SShape, site: Site) -> TileEffect:
    """Formula: y / (1 + strength |y| / bound), then clipped at the bound.

    The bound is the preset's; on ideal hardware it is 10, that of `StandardHWATrainingPreset`.
    """
    config = kit.set_forward(_base(site), out_nonlinearity=noise.strength)
    if config.forward.out_bound <= 0:
        config = kit.set_forward(config, out_bound=_S_SHAPE_BOUND)
    return TileEffect(site, config)


@handles(Stuck)
def _stuck(noise: Stuck, site: Site) -> TileEffect:
    """Stick weights at 0 (p_zero) or ±1, the tile's largest magnitude in its units (p_max)."""
    config = _base(site)
    config.noise_model = kit.StuckDevices(config.noise_model, noise.p_zero, noise.p_max)
    return TileEffect(site, config)


def _devices(site: Site, model: Any, compensate: bool) -> TileEffect:
    config = _base(site)
    config.noise_model = model
    config.drift_compensation = kit.GlobalDriftCompensation() if compensate else None
    return TileEffect(site, config)


def _steps(bits: int) -> float:
    return float(2**bits - 2) if bits else -1.0
