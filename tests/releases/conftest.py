"""A package index of tiny wheels, a cache of one's own, and code that stands in for ours."""

import os

import pytest
import tiny_wheels
from packaging.requirements import Requirement

from analog_bench.cache_folder import CACHE_VARIABLE
from analog_bench.releases.environment_recipe import requirements
from analog_bench.releases.release_environment import environments_folder


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Keep uv from every index but the folder that is returned; nothing is in it yet."""
    shelf = tmp_path / "index"
    shelf.mkdir()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(shelf))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    # What steers the pytest that runs this is not for those that it starts.
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    # They are many, and take a second to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return shelf


@pytest.fixture
def cache(alone):
    """Provide tiny wheels of two packages, torch and aihwkit; return where environments go."""
    for name, *versions in (("numpy", "2.4.6", "2.9.9"), ("torch", "2.15.0", "2.16.0")):
        for version in versions:
            tiny_wheels.wheel(alone, name, version)
    tiny_wheels.wheel(alone, "aihwkit", "1.2.0", {"aihwkit/__init__.py": ""}, ["torch"])
    return environments_folder()


@pytest.fixture
def index(alone):
    """Provide tiny wheels of all that an environment asks for, with real packages behind them."""
    return tiny_wheels.index(alone, [Requirement(text).name for text in requirements()])
