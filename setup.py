"""Puts what stands beside the package in a checkout into its wheel: `analog-bench new` copies it.

Everything else about the build is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithProjectFiles(build_py):
    """Builds the package, and copies studies, baselines and the starter project into it."""

    def run(self) -> None:
        """Build; an editable installation finds the folders where they are."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "analog_bench" / "shipped"
        shutil.rmtree(target, ignore_errors=True)
        for folder in ("bench", "baselines", "starter"):
            ignored = shutil.ignore_patterns("__pycache__", "runs", ".*_cache")
            shutil.copytree(folder, target / folder, ignore=ignored)


setup(cmdclass={"build_py": BuildWithProjectFiles})
