"""Wheels of a few bytes, and a package index made of them: real installers, no downloads."""

import base64
import hashlib
import site
import zipfile
from importlib import metadata
from pathlib import Path


def here():
    """Return the folder of this interpreter's packages, aihwkit among them."""
    return next(path for path in map(Path, site.getsitepackages()) if (path / "aihwkit").is_dir())


def wheel(folder, name, version, files=None, requires=(), command=""):
    """Write a wheel.

    Args:
        folder: Where.
        name: Name of the distribution.
        version: Its version.
        files: Path inside the environment to content.
        requires: What it depends on.
        command: `name = module:function` of a command that it brings along.
    """
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
    contents = {
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{command}\n",
    }
    path = folder / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for inside, content in contents.items():
            data = content if isinstance(content, bytes) else content.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{inside},sha256={digest},{len(data)}\n"
            archive.writestr(inside, data)
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return path


def index(folder, requirements):
    """Fill a folder with wheels of everything that an environment asks for.

    torch brings a `.pth` file along that leads to the packages of this very interpreter: what is
    installed is tiny, what is imported is real.
    """
    folder.mkdir(exist_ok=True)
    for name in (*requirements, "pytest-xdist"):
        command = "pytest = pytest:console_main" if name == "pytest" else ""
        wheel(folder, name, metadata.version(name), command=command)
    wheel(folder, "torch", metadata.version("torch"), {"here.pth": f"{here()}\n"})
    wheel(folder, "aihwkit", metadata.version("aihwkit"))
    return folder


def faulty_aihwkit(folder, old, new):
    """Write a wheel of the installed aihwkit with a change to its PCM noise model.

    Args:
        folder: Where.
        old: What stands in `inference/noise/pcm.py`.
        new: What is to stand there.
    """
    packages = here()
    parts = [packages / name for name in ("aihwkit", "aihwkit.libs")]
    files = {
        str(path.relative_to(packages)): path.read_bytes()
        for part in parts
        for path in part.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    model = "aihwkit/inference/noise/pcm.py"
    text = files[model].decode()
    assert text.count(old) == 1
    files[model] = text.replace(old, new).encode()
    return wheel(folder, "aihwkit", f"{metadata.version('aihwkit')}+fault", files)
