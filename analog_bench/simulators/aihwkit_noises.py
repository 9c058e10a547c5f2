"""How each noise family changes the configuration of aihwkit's tiles.

Every handler receives `config.base_config` (everything ideal, or the preset of the case) and `kit`,
its only access to aihwkit, because this module is read at collection, where aihwkit must not load.
Units are aihwkit's normalised ones unless stated otherwise: the largest weight of an output column
and the largest input of a vector are 1.
"""

from __future__ import annotations

from typing import Any

from analog_bench.noise import (
    Hermes,
    Ideal,
    InpNoise,
    IrDrop,
    IrDropShipped,
    Measured,
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
from analog_bench.simulators.aihwkit_engines import CPP_TILE, TORCH_TILE, configures

_S_SHAPE_BOUND = 10.0


@configures(Ideal)
def _unchanged(noise: Ideal, config: Any, kit: Any) -> Any:
    """Ideal hardware computes y = W x."""
    return config


@configures(Preset)
def _preset(noise: Preset, config: Any, kit: Any) -> Any:
    """A preset is used exactly as defined, except for terms that are switched off."""
    return kit.with_terms(config, noise.named_terms) if noise.terms else config


@configures(OutNoise)
def _out_noise(noise: OutNoise, config: Any, kit: Any) -> Any:
    """y_i = max|w_i| max|x| (W' x' + N(0, std²)), W' and x' normalised; one draw per tile."""
    return kit.set_forward(config, out_noise=noise.std)


@configures(InpNoise)
def _inp_noise(noise: InpNoise, config: Any, kit: Any) -> Any:
    """y_i = max|w_i| max|x| W' (x' + N(0, std²)); one draw per input and tile."""
    return kit.set_forward(config, inp_noise=noise.std)


@configures(Quantise)
def _quantise(noise: Quantise, config: Any, kit: Any) -> Any:
    """Round to steps of 2·bound/(2^bits − 2) and clip at the bound.

    The bound of inputs is 1, that of outputs `out_bound`. A perfect output converter (0 bits) has
    no bound either.
    """
    return kit.set_forward(
        config,
        inp_res=_steps(noise.dac_bits),
        out_res=_steps(noise.adc_bits),
        out_bound=noise.out_bound if noise.adc_bits else 0.0,
    )


@configures(Pcm)
def _pcm(noise: Pcm, config: Any, kit: Any) -> Any:
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
    return _with_devices(config, model, noise.compensate, kit)


@configures(Hermes)
def _hermes(noise: Hermes, config: Any, kit: Any) -> Any:
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
    return _with_devices(config, model, noise.compensate, kit)


@configures(ReramWan2022)
def _reram_wan2022(noise: ReramWan2022, config: Any, kit: Any) -> Any:
    """Deviation from the target after 1 s, 1 and 2 days (Wan et al., Nature 2022).

    N(0, scale · p_t(g)) µS with a polynomial of order 4 in g = G/g_max for each time, clamped at 0,
    drawn anew at each time. aihwkit has two quirks. It applies the polynomials, fitted at g_max =
    40 µS, to its g_max of 25 µS without rescaling. It converts conductances back to weights by the
    scale of the *programmed* weights, so a drifted tile is larger by its largest programmed
    magnitude (in normalised units; some percent above 1).
    """
    config.noise_model = kit.ReRamWan2022NoiseModel(noise_scale=noise.scale)
    return config


@configures(ReramCmo)
def _reram_cmo(noise: ReramCmo, config: Any, kit: Any) -> Any:
    """CMO/HfOx ReRAM, one device a weight, 9 to 88.2 µS (Falcone et al.).

    Programming adds N(0, prog · (a + b G)) µS by acceptance range; after t seconds the mean falls
    by drift · 0.089 ln t and N(0, drift · (0.042 ln t + 0.412)) µS is added; read noise is
    N(0, read · 0.0277 log10(G) √ln((t + t_r)/(2 t_r))), t_r = 1 µs.
    """
    config.noise_model = kit.ReRamCMONoiseModel(
        prog_noise_scale=noise.prog,
        read_noise_scale=noise.read,
        drift_scale=noise.drift,
        acceptance_range=noise.acceptance,
    )
    return config


@configures(IrDrop, CPP_TILE)
def _fast_ir_drop(noise: IrDrop, config: Any, kit: Any) -> Any:
    """Voltage drop along the columns, fast: n inputs, i-th output.

    y_i − scale · c_i Σ_j w_ij x_j (1 − (1 − j/n)²) with c = a(a(0.05 a − 0.2) + 0.5),
    a_i = n/571 429 · Σ_j |w_ij x_j| (Rasch et al., Nat. Commun. 2023).
    """
    return kit.set_forward(config, ir_drop=noise.scale)


@configures(IrDrop, TORCH_TILE)
def _timed_ir_drop(noise: IrDrop, config: Any, kit: Any) -> Any:
    """Time-dependent voltage drop along the columns: see `ir_drop` and `with_timed_ir_drop`."""
    return kit.with_timed_ir_drop(config, noise.scale)


@configures(IrDropShipped, TORCH_TILE)
def _shipped_ir_drop(noise: IrDropShipped, config: Any, kit: Any) -> Any:
    """Time-dependent voltage drop along the columns, with all other effects of aihwkit's model."""
    return kit.with_shipped_ir_drop(config, noise.scale)


@configures(PcmRead, CPP_TILE)
def _pcm_read(noise: PcmRead, config: Any, kit: Any) -> Any:
    """y_i + N(0, std² Σ_j |w_ij| x_j²) in normalised units, at every product."""
    return kit.set_forward(config, w_noise=noise.std, w_noise_type=kit.WeightNoiseType.PCM_READ)


@configures(SShape, CPP_TILE)
def _s_shape(noise: SShape, config: Any, kit: Any) -> Any:
    """Formula: y / (1 + strength |y| / bound), then clipped at the bound.

    The bound is the preset's; on ideal hardware it is 10, that of `StandardHWATrainingPreset`.
    """
    config = kit.set_forward(config, out_nonlinearity=noise.strength)
    if config.forward.out_bound <= 0:
        config = kit.set_forward(config, out_bound=_S_SHAPE_BOUND)
    return config


@configures(Measured)
def _measured(noise: Measured, config: Any, kit: Any) -> Any:
    """Devices from the user's table; `Measured` gives the formulae."""
    return _with_devices(config, kit.MeasuredDevices(noise), noise.compensate, kit)


@configures(Stuck)
def _stuck(noise: Stuck, config: Any, kit: Any) -> Any:
    """Stick weights at 0 (p_zero) or ±1, the tile's largest magnitude in its units (p_max)."""
    config.noise_model = kit.StuckDevices(config.noise_model, noise.p_zero, noise.p_max)
    return config


def _with_devices(config: Any, model: Any, compensate: bool, kit: Any) -> Any:
    config.noise_model = model
    config.drift_compensation = kit.GlobalDriftCompensation() if compensate else None
    return config


def _steps(bits: int) -> float:
    return float(2**bits - 2) if bits else -1.0
