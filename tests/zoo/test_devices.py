"""Which devices there are to compute on, on machines with any number of GPUs."""

import pytest

from analog_bench.errors import UsageError
from analog_bench.zoo.devices import check_device, device_type


@pytest.mark.parametrize(
    "name", ["", "meta", "mps", "xpu", "CUDA", "cuda:", "cuda:01", "cuda:-1", "cpu:0", "cuda:1\n"]
)
def test_names_that_are_no_device(name):
    with pytest.raises(UsageError) as caught:
        check_device(name, gpus=8)
    assert str(caught.value) == f"--device must be cpu, cuda or cuda:N, found {name!r}"


@pytest.mark.parametrize(
    ("name", "gpus", "said"),
    [
        ("cuda", 0, "--device cuda: torch sees no GPU here"),
        ("cuda:1", 0, "--device cuda:1: torch sees no GPU here"),
        ("cuda:1", 1, "--device cuda:1 is not there; torch sees cuda:0 alone"),
        ("cuda:7", 4, "--device cuda:7 is not there; torch sees cuda:0 to cuda:3"),
    ],
)
def test_a_gpu_that_is_not_there(name, gpus, said):
    with pytest.raises(UsageError, match=said):
        check_device(name, gpus)


@pytest.mark.parametrize(
    ("name", "gpus"), [("cpu", 0), ("cpu", 2), ("cuda", 1), ("cuda:0", 1), ("cuda:3", 4)]
)
def test_a_device_that_is_there(name, gpus):
    check_device(name, gpus)
    assert device_type(name) in ("cpu", "cuda")
