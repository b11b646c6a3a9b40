"""Set a lifter's sigma by people it was not trained on.

Training makes sigma say which joints are in doubt; it is trained on damaged input, so it says too much of the doubt on
good input. Here each joint's sigma gets one factor, from the validation subjects, streamed as at run time. The lifter's
recipe ends with it; for other weights: ``python -m train.calibrate FILE --data DIR``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import torch

from stream3d.nets.lifter import describe_lifter
from stream3d.nets.lifter_torch import Lifter, load_lifter, save_lifter
from stream3d.skeleton import H36M17
from train.evaluation.streams import CONDITIONS, Answer, Clip, clips_of, lifted, observed
from train.mocap.takes import TRAINING, load_takes, validation

_SHARES = (0.683, 0.95)
_PELVIS = 0


def factors(answers: Sequence[Answer]) -> npt.NDArray[np.float64]:
    """What each joint's sigma [17] has to be multiplied by.

    The geometric mean of two: that after which 68.3 % of the distances from the truth lie within sigma, and that after
    which 95 % lie within 1.96 sigma.
    """
    distance = np.concatenate([np.linalg.norm(a.pose - a.stream.truth, axis=-1) / a.sigma for a in answers])
    wanted = [NormalDist().inv_cdf((1 + share) / 2) for share in _SHARES]
    each = [np.quantile(distance, share, axis=0) / sigmas for share, sigmas in zip(_SHARES, wanted, strict=True)]
    out = np.sqrt(np.maximum(each[0] * each[1], 1e-12))
    out[_PELVIS] = 1.0  # the origin is never wrong
    return np.asarray(out)


@torch.no_grad()
def widened(net: Lifter, by: npt.NDArray[np.float64]) -> None:
    """Multiply every joint's sigma by a factor [17], in place."""
    net.head.bias.view(H36M17.size, -1)[:, -1] += torch.from_numpy(np.log(by)).to(net.head.bias)


def calibrate(net: Lifter, clips: Sequence[Clip]) -> None:
    """Do it in place, under all CONDITIONS that show the whole body.

    Of the factors of the subjects the largest count, joint by joint: a stranger is expected to be as hard as the
    hardest of those few.
    """
    shown = [condition for condition in CONDITIONS if not condition.no_legs]
    answers: dict[str, list[Answer]] = {}
    for number, clip in enumerate(clips):
        for k, condition in enumerate(shown):
            stream = observed(clip, condition, np.random.default_rng([5, number, k]))
            answers.setdefault(clip.subject, []).append(lifted(net, stream))
    widened(net, np.max([factors(own) for own in answers.values()], axis=0))


def calibrate_file(weights: Path, data: Path, work: Path) -> bool:
    """Calibrate a file of weights on the validation subjects; False where ``data`` has none of them."""
    clips = clips_of(validation(load_takes(data, work, TRAINING)))
    if not clips:
        return False
    net = load_lifter(weights)
    notes = describe_lifter(weights).notes
    calibrate(net, clips)
    save_lifter(net, weights, {**notes, "sigma": "calibrated on the validation subjects"})
    return True


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m train.calibrate", description=__doc__)
    parser.add_argument("weights", type=Path, help="a lifter's .safetensors, changed in place")
    parser.add_argument("--data", type=Path, required=True, help="folder with mocap/")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="caches (runs)")
    given = parser.parse_args(arguments)
    if not calibrate_file(given.weights, given.data, given.work):
        raise SystemExit(f"{given.data} holds none of the validation subjects; see python -m train.data")


if __name__ == "__main__":
    main()
