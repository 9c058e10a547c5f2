"""Hardware of a user's own: by which name results know it, and every mistake in one line."""

import subprocess

import pytest

from analog_bench.case import Case
from analog_bench.content_name import content_name
from analog_bench.errors import UsageError
from analog_bench.noise import Pcm, Preset, WhiteOutput, parse_noise
from analog_bench.session.own_hardware import (
    load_hardware,
    spelt_with_content,
    try_own,
    with_hardware,
)
from analog_bench.simulators.registry import check_case, find_simulator, presets

kit = pytest.importorskip("analog_bench.simulators.aihwkit")

FILE = """
from aihwkit.inference import PCMLikeNoiseModel, ReRamWan2022NoiseModel
from aihwkit.simulator.configs import *
from aihwkit.simulator.parameters import *
from aihwkit.simulator.parameters.enums import *

class Mine(TorchInferenceRPUConfig):
    pass

def noisy(std=0.05):
    return TorchInferenceRPUConfig(forward=IOParameters(out_noise=std))

def fast():
    return InferenceRPUConfig(forward=IOParameters(out_noise=0.05))

def clipping():
    return TorchInferenceRPUConfig(pre_post=PrePostProcessingParameter(
        input_range=InputRangeParameter(enable=True)))

def argument(size):
    return TorchInferenceRPUConfig()

def raises():
    size = 0
    return 1 / size

def nothing():
    pass

def a_class():
    return TorchInferenceRPUConfig

def training():
    return SingleRPUConfig()

def other_ranges():
    return TorchInferenceRPUConfig(pre_post=PrePostProcessingParameter(
        input_range=InputRangeParameter(enable=True, init_from_data=10)))

def cpp_only():
    return TorchInferenceRPUConfig(
        forward=IOParameters(w_noise=0.1, w_noise_type=WeightNoiseType.PCM_READ))

def trained_with():
    return TorchInferenceRPUConfig(
        modifier=WeightModifierParameter(type=WeightModifierType.PROG_NOISE))

def at_three_times():
    return TorchInferenceRPUConfig(noise_model=ReRamWan2022NoiseModel())
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_hardware.py"
    path.write_text(FILE)
    return path


def case(noise, hardware="ideal", tile="torch", drift_s=0.0):
    return Case("s", "bert", ("dense",), noise, drift_s, tile, hardware, "direct", "dense")


def checked(file, function, **facts):
    """Do what a run does with the cases of a study."""
    (found,) = cases = [with_hardware(case(Preset(f"{file}:{function}"), **facts), tile=False)]
    check_case(found.noise, found.drift_s, found.tile, found.hardware)
    try_own(cases)
    return found


def test_results_know_it_by_its_content(file):
    name = load_hardware(f"{file}:noisy")
    stamped = content_name(file, FILE.encode()).replace(".py@", ".py:noisy@")
    assert name.startswith(f"{stamped}-")
    assert load_hardware(f"{file}:noisy") == load_hardware(name) == name
    assert presets()[name] is find_simulator("torch")
    first, again = (kit.base_config("torch", name) for _ in range(2))
    first.forward.out_noise = 1.0
    assert again.forward.out_noise == 0.05


def test_a_changed_file_is_other_hardware(file):
    names = [load_hardware(f"{file}:noisy")]
    for text in (FILE + "# a comment\n", FILE.replace("std=0.05", "std=0.07")):
        file.write_text(text)
        names.append(load_hardware(f"{file}:noisy"))
    assert len({name.rpartition("-")[0] for name in names}) == 3
    # The file says what may have changed, the configuration what has.
    assert len({name.rpartition("-")[2] for name in names}) == 2
    assert kit.base_config("torch", names[0]).forward.out_noise == 0.05
    assert kit.base_config("torch", names[2]).forward.out_noise == 0.07


def test_the_content_is_all_that_differs_from_aihwkits_own(monkeypatch):
    base = kit.base_config("torch", "ideal")
    known = {kit.content_fingerprint(base)}

    def differs(config):
        mark = kit.content_fingerprint(config)
        new = mark not in known
        known.add(mark)
        return new

    assert not differs(kit.base_config("torch", "ideal"))
    changed = kit.base_config("torch", "ideal")
    changed.mapping.max_input_size = 100
    assert differs(changed)
    for model in (
        kit.PCMLikeNoiseModel(),
        kit.PCMLikeNoiseModel(g_max=20.0),
        kit.PCMLikeNoiseModel(prog_coeff=[0.1, 0.2]),
        kit.HermesNoiseModel(),
    ):
        changed.noise_model = model
        assert differs(changed)
    changed.noise_model.mine = kit.torch_variant()
    assert differs(changed)

    class Devices:
        def __init__(self, values):
            self._values = values

    import numpy
    import torch

    for values in (1.0, [1.0], torch.ones(2), torch.tensor([1.0, 2.0]), numpy.ones(3), {"a": 1}):
        changed.noise_model.mine = [Devices(values)]
        assert differs(changed)
        changed.noise_model.mine = [Devices(values)]
        assert not differs(changed)
    # Another aihwkit's default is another aihwkit.
    plain = type(base)()
    before = kit.content_fingerprint(plain)
    monkeypatch.setattr(type(base.forward), "inp_res", 0.5)
    monkeypatch.setattr(
        type(base.forward), "__init__", lambda self, **terms: self.__dict__.update(terms)
    )
    assert kit.content_fingerprint(type(base)()) == before


def test_the_content_is_the_same_in_every_process(file, warm_python):
    code = (
        "import sys; from analog_bench.session.own_hardware import load_hardware;"
        f"print(load_hardware({str(file)!r} + ':clipping'))"
    )
    done = subprocess.run([warm_python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == load_hardware(f"{file}:clipping")


def test_the_engine_is_found_by_the_type(file):
    assert checked(file, "noisy").tile == "torch"
    assert checked(file, "fast").tile == "cpp"
    assert with_hardware(case(Pcm(), f"{file}:fast"), tile=False).tile == "cpp"
    assert with_hardware(case(Pcm(), "StandardHWATrainingPreset"), tile=False).tile == "cpp"
    chosen = with_hardware(case(Pcm(), f"{file}:fast"), tile=True)
    with pytest.raises(UsageError, match=r":fast@.* needs the C\+\+ tile; use --tile cpp"):
        check_case(chosen.noise, 0.0, chosen.tile, chosen.hardware)
    untouched = case(WhiteOutput(), f"{file}:gone")
    assert with_hardware(untouched, tile=False) is untouched


def test_ids_are_readable_and_read_again(file):
    found = checked(file, "noisy")
    assert found.id.count("/") == 4
    assert "my_hardware.py:noisy@" in found.id
    assert parse_noise(str(found.noise)) == found.noise
    assert found.draws
    assert find_simulator("torch").presets[found.noise.name] is False
    assert find_simulator("torch").presets[load_hardware(f"{file}:clipping")] is True


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nois", "my_hardware.py has no function 'nois'; did you mean 'noisy'?"),
        ("TorchInferenceRPUConfig", "has no function 'TorchInferenceRPUConfig'; known: Mine, a_cl"),
        ("argument", "my_hardware.py: TypeError: argument() missing 1 required positional"),
        ("raises", "my_hardware.py, line 25: ZeroDivisionError: division by zero"),
        ("nothing", "is no configuration of tiles (NoneType); use a TorchInferenceRPUConfig or"),
        ("a_class", "is the class TorchInferenceRPUConfig and no configuration; write Torch"),
        ("training", "is for training on devices (SingleRPUConfig); use a TorchInferenceRPU"),
        ("other_ranges", "has pre_post.input_range.init_from_data = 10, and input ranges are"),
        ("cpp_only", "cannot be used: ConfigError: forward.w_noise not supported in torch tile"),
        ("trained_with", "modifier noise type is not supported in the torch tile"),
        ("at_three_times", "cannot be used: ArgumentError: t_inference should be one of"),
    ],
)
def test_a_mistake_is_one_line(file, function, said):
    with pytest.raises(UsageError) as caught:
        checked(file, function, drift_s=5.0)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_it_can_do_at_some_times_it_does(file):
    assert checked(file, "at_three_times", drift_s=86_400.0).drift_s == 86_400.0
    assert checked(file, "Mine").tile == "torch"


def test_a_file_that_cannot_be_used(file, tmp_path):
    for given, said in (
        (f"{tmp_path}/my_hardwar.py:noisy", "no Python file .*; did you mean 'my_hardware.py'?"),
        (str(file), "names no function; write .*my_hardware.py:FUNCTION"),
    ):
        with pytest.raises(UsageError, match=said):
            load_hardware(given)
    file.write_text("import no_such_module")
    with pytest.raises(UsageError, match="line 1: ModuleNotFoundError"):
        load_hardware(f"{file}:noisy")


def test_every_preset_of_aihwkit_is_known_or_refused_with_the_reason():
    from aihwkit.simulator import presets as all_presets

    names = [name for name in dir(all_presets) if name.endswith("Preset")]
    assert len(names) > 40
    for name in names:
        if issubclass(getattr(all_presets, name), kit.base_config("cpp", "ideal").__class__):
            assert load_hardware(name) in presets()
        else:
            with pytest.raises(UsageError, match=f"{name} is for training on devices"):
                load_hardware(name)
    with pytest.raises(UsageError, match="PCMPresetDevice is no configuration of tiles"):
        load_hardware("PCMPresetDevice")
    assert load_hardware("NoSuchPreset") == "NoSuchPreset"


def test_a_preset_that_is_not_listed_is_found_in_aihwkit(monkeypatch):
    from aihwkit.simulator import presets as all_presets

    class NextYearsPreset(type(kit.base_config("cpp", "ideal"))):
        pass

    monkeypatch.setattr(all_presets, "NextYearsPreset", NextYearsPreset, raising=False)
    assert load_hardware("NextYearsPreset") == "NextYearsPreset"
    monkeypatch.delitem(find_simulator("cpp").presets, "NextYearsPreset")


def test_a_manifest_says_what_the_files_were(file):
    stamp = content_name(file, FILE.encode()).removeprefix(file.name)
    word = f"{file}:noisy"
    assert spelt_with_content(word) == word + stamp
    assert spelt_with_content(f"preset:{word}", Preset(word)) == f"preset:{word}{stamp}"
    assert spelt_with_content("ideal") == "ideal"
    assert spelt_with_content("pcm:2", Pcm(2)) == "pcm:2"
    assert spelt_with_content("gone.py:noisy") == "gone.py:noisy"
