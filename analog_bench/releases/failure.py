"""What can keep one release from being compared, and becomes its row in the table."""

from __future__ import annotations

from analog_bench.errors import BenchError


class ReleaseFailed(BenchError):
    """A release that could not be had, built, surveyed or measured; the text says why."""


class NoPython(ReleaseFailed):
    """No interpreter of the version that a release needs."""


class InstallError(ReleaseFailed):
    """An environment that could not be made; the text is the installer's own reason."""
