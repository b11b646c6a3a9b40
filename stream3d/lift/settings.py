"""What a user can say about lifting."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stream3d.errors import SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class LiftSettings:
    """How 2D becomes metres.

    ``lifter`` names weights that ship (``default``, ``mpii2d``) or a file of them, ``lookahead`` how many frames after
    a frame its answer waits for and sees; None is as many as the named weights do. ``height_m`` is the stature that
    everybody is taken to have: one camera cannot tell a child nearby from a grown-up far away, so all lengths and
    distances are proportional to it. The default is 1.70 m. ``reset_gap_s`` seconds without a person end the history of
    their motion, ``forget_s`` what is known of their body (as long as tracking knows them again);
    ``keypoint_noise_m`` is how far keypoints lie off across the ray, in metres on a body of the reference stature: the
    smaller, the nearer joints stay to where they were seen; ``min_score`` is the score below which a joint is unseen;
    ``max_people`` histories are kept at most, of which the longest unseen goes first.

    Raises:
        SettingsError: a value outside its range.
    """

    lifter: str = "default"
    lookahead: int | None = None
    height_m: float = 1.70
    reset_gap_s: float = 1.0
    forget_s: float = 5.0
    keypoint_noise_m: float = 0.03
    min_score: float = 0.1
    max_people: int = 1024

    def __post_init__(self) -> None:
        if self.lookahead is not None and self.lookahead < 0:
            raise SettingsError(f"lookahead must be 0 or more frames, not {self.lookahead}")
        if not 0.3 <= self.height_m <= 3.0:
            raise SettingsError(f"height_m must be between 0.3 and 3 metres, not {self.height_m}")
        if not (math.isfinite(self.reset_gap_s) and self.reset_gap_s > 0):
            raise SettingsError(f"reset_gap_s must be positive seconds, not {self.reset_gap_s}")
        if not (math.isfinite(self.forget_s) and self.forget_s > 0):
            raise SettingsError(f"forget_s must be positive seconds, not {self.forget_s}")
        if not 0.0 < self.keypoint_noise_m <= 1.0:
            raise SettingsError(f"keypoint_noise_m must be above 0 and at most 1 metre, not {self.keypoint_noise_m}")
        if not 0.0 <= self.min_score < 1.0:
            raise SettingsError(f"min_score must be at least 0 and below 1, not {self.min_score}")
        if self.max_people < 1:
            raise SettingsError(f"max_people must be at least 1, not {self.max_people}")
