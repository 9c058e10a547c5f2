"""The settings of a run that a verb makes by itself: nothing is compared, resumed or reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analog_bench.session.settings import KeptExamples, Settings, read_calibration
from analog_bench.study import Choice
from analog_bench.zoo.range_folder import DEFAULT_METHOD


def settings_for(
    choice: Choice,
    *,
    zoo: str,
    lock: Path,
    device: str,
    seed: int,
    per_example: KeptExamples,
    hwa: Path | None = None,
    calibration: str = DEFAULT_METHOD,
    **more: Any,
) -> Settings:
    """Return settings for studies whose only budget is called `smoke`.

    `more` are further attributes of `Settings`.

    Raises:
        UsageError: No such folder of HWA weights, or a calibration that is no method and no folder.
    """
    usual: dict[str, Any] = {
        "data": "embedded",
        "data_folder": None,
        "plans": (),
    }
    return Settings(
        choice=choice,
        budget="smoke",
        chips=None,
        examples=None,
        zoo=zoo,
        hwa=hwa,
        calibration=read_calibration(calibration, Path()),
        lock=lock,
        device=device,
        seed=seed,
        replay=True,
        per_example=per_example,
        json=None,
        baselines=Path("baselines"),
        gate="off",
        requirements=(),
        update_baselines=False,
        report=False,
        resume=False,
        given={},
        root=Path.cwd(),
        extensions=(),
        **{**usual, **more},
    )
