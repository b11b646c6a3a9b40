"""What people do in a take, from the names that its source gives."""

from __future__ import annotations

import re

from train.mocap.takes import Take

# The held-out trials as mocap.cs.cmu.edu describes them; subject 01 on a playground, 03 on uneven ground.
_CMU = {
    "01": "climb, hang, swing",
    "02_01": "walk",
    "02_02": "walk",
    "02_03": "jog",
    "02_04": "jump, balance",
    "02_05": "punch",
    "02_06": "bend, scoop up, lift",
    "02_07": "swordplay",
    "02_08": "swordplay",
    "02_09": "swordplay",
    "02_10": "wash oneself",
    "03": "walk on uneven ground",
}


def action_of(take: Take) -> str:
    """The action, in a few words.

    HDM05 names trials by it (``kickLFront1Reps_001_120``); CMU's are told by a table; what neither knows is ``other``.

    >>> import numpy as np
    >>> points = np.zeros((1, 19, 3), np.float32)
    >>> action_of(Take(points=points, fps=60.0, subject="bd", trial="kickLFront1Reps_001_120"))
    'kick front'
    >>> action_of(Take(points=points, fps=60.0, subject="02", trial="05"))
    'punch'
    """
    if take.subject.isalpha() and len(take.subject) == 2:
        words = re.findall(r"[A-Z]?[a-z]+", re.split(r"\d|_", take.trial)[0])
        return " ".join(words).lower() or "other"
    return _CMU.get(f"{take.subject}_{take.trial}", _CMU.get(take.subject, "other"))
