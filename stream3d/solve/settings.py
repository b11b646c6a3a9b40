"""How hard 3D skeletons are smoothed."""

from __future__ import annotations

from dataclasses import dataclass, fields

from stream3d.errors import SettingsError
from stream3d.kernels.one_euro import check_positive


@dataclass(frozen=True, kw_only=True, slots=True)
class SmoothSettings:
    """One-Euro cut-offs in physical units.

    What moves at v m/s is low-passed at ``min_cutoff_hz + beta_hz_per_mps * v``; ``speed_cutoff_hz`` smooths the speed
    itself. The first three are for joints relative to the pelvis and for the pelvis across the line of sight; the
    ``depth_`` ones are for its distance, which one camera sees worst. A joint or person unseen for longer than
    ``max_gap_s`` starts anew.

    The defaults, with 10 mm of white noise per axis at 30 fps: the jitter of a still joint (mean absolute second
    difference) falls to a fifth, a punch of 6 m/s lags 6 ms at its middle, a wrist swinging 0.3 m at 1 Hz is 20 mm off.
    Depth noise of 40 mm jitters a tenth as much, and somebody who sets off at 1.4 m/s is at most 47 mm behind.

    Raises:
        SettingsError: a value that is not positive.
    """

    min_cutoff_hz: float = 0.5
    beta_hz_per_mps: float = 8.0
    speed_cutoff_hz: float = 2.0
    depth_min_cutoff_hz: float = 0.3
    depth_beta_hz_per_mps: float = 4.0
    depth_speed_cutoff_hz: float = 0.5
    max_gap_s: float = 0.5

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        betas = [name for name in values if "beta" in name]
        for name in betas:
            if not 0 <= values.pop(name) < float("inf"):
                raise SettingsError(f"{name} must be a number >= 0, not {getattr(self, name)}")
        check_positive(**values)
