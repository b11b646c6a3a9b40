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
    max_gap_s: float = 2.0

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        betas = [name for name in values if "beta" in name]
        for name in betas:
            if not 0 <= values.pop(name) < float("inf"):
                raise SettingsError(f"{name} must be a number >= 0, not {getattr(self, name)}")
        check_positive(**values)


@dataclass(frozen=True, kw_only=True, slots=True)
class KalmanSettings:
    """What the Kalman filter takes motion and measurements to be like, in physical units.

    ``drift_mps2`` is by how much an acceleration changes in a second (standard deviation per axis; with the root of the
    time): the more, the less is smoothed. ``depth_drift_mps2`` is that of the pelvis along the line of sight. A
    newcomer's speed and acceleration are 0 give or take ``speed_mps`` and ``acceleration_mps2``.

    A joint's measurements are off by ``noise_per_sigma`` of its sigma per axis. Sigma is the whole distance from the
    truth, most of which wanders slowly and no filter can take away: on the sample 0.02 to 0.04 of it is new in each
    frame, and more serves better against the wandering. ``noise_m`` stands in where sigma is not known;
    ``pelvis_noise_m`` is across the line of sight, ``depth_noise_m`` along it.

    A measurement farther off than right ones are with ``gate_probability`` has turned, if its place can be reached from
    the last one at ``leap_mps``: the filter follows it at once. If not, it is rejected, and what was expected stands
    in. After ``max_rejected`` rejections in a row (a newcomer: as many as were believed before), or ``predict_s`` after
    the last that was believed, the next is the new beginning. A joint unseen is predicted for ``predict_s`` too, then
    it is NaN; unseen for longer than ``max_gap_s`` it starts anew.

    With the defaults, limbs of the sample tremble as little as with One-Euro, at less than half its lag; a punch of
    6 m/s does not lag, but overshoots by 2 cm; somebody still trembles more (``python -m benchmarks.filters``).

    Raises:
        SettingsError: a value out of its range.
    """

    drift_mps2: float = 10.0
    depth_drift_mps2: float = 3.0
    speed_mps: float = 2.0
    acceleration_mps2: float = 20.0
    noise_per_sigma: float = 0.3
    noise_m: float = 0.02
    pelvis_noise_m: float = 0.05
    depth_noise_m: float = 0.1
    gate_probability: float = 0.999
    leap_mps: float = 8.0
    max_rejected: int = 3
    predict_s: float = 0.12
    max_gap_s: float = 2.0

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        leap, rejected, predict_s = (values.pop(name) for name in ("leap_mps", "max_rejected", "predict_s"))
        check_positive(**values)
        if not self.gate_probability < 1:
            raise SettingsError(f"gate_probability must be below 1, not {self.gate_probability}")
        if not 0 <= leap < float("inf"):
            raise SettingsError(f"leap_mps must be a number >= 0, not {leap}")
        if rejected < 0:
            raise SettingsError(f"max_rejected must be 0 or more, not {rejected}")
        if not 0 <= predict_s <= self.max_gap_s:
            raise SettingsError(f"predict_s must be from 0 to max_gap_s ({self.max_gap_s:g}), not {predict_s}")
