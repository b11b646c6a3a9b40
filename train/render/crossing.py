"""Two people whose ways cross in front of the camera, with the truth about both.

``python -m train.render.crossing --data DIR --out FILE.mp4`` also writes ``FILE_truth_0.npz`` and ``FILE_truth_1.npz``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from train.mocap.archives import iter_motions
from train.render.clip import camera_truth, truth_of, write_video
from train.render.figure import make_figure
from train.render.motion import facing, part, starting_at, worn_by
from train.render.paint import Look
from train.render.sample import FPS, sample_view
from train.render.scene import FigureMotion, render_clip

OTHER = Look(
    stature_m=1.66,
    girth=1.12,
    skin=(0.50, 0.35, 0.26),
    hair=(0.07, 0.06, 0.06),
    shirt=(0.24, 0.42, 0.30),
    stripe=(0.85, 0.78, 0.45),
    trousers=(0.42, 0.38, 0.33),
    shoe=(0.45, 0.40, 0.36),
)


def crossing(data: Path, *, detail: float = 1.0) -> list[FigureMotion]:
    """One walks to the right at 3.6 m, the other to the left behind at 4.8 m; they cover each other half-way."""
    takes = {take.trial: take for take in iter_motions(data, archives=["cmu_asfamc_maxxgx"], subjects=["02"])}
    people = []
    for trial, look, heading_deg, x, y in (("01", Look(), 80.0, -1.35, 3.75), ("02", OTHER, -85.0, 1.75, 5.0)):
        walk = part(takes[trial], 0.0, 2.4)
        figure = make_figure(walk.skeleton, look, detail=detail)
        people.append(worn_by(figure, starting_at(facing(walk, np.radians(heading_deg)), x, y)))
    frames = min(len(person) for person in people)
    return [replace(person, joints=person.joints[:frames], rotations=person.rotations[:frames]) for person in people]


def main() -> None:
    """Write the clip and one truth file a person."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mocap/")
    parser.add_argument("--out", type=Path, required=True, help="the video to write")
    args = parser.parse_args()
    people, view = crossing(args.data), sample_view()
    for number, person in enumerate(people):
        truth = truth_of(person, view) | camera_truth(view, len(person), FPS)
        np.savez_compressed(args.out.with_name(f"{args.out.stem}_truth_{number}.npz"), **truth)
    print(f"{args.out}: {write_video(args.out, render_clip(people, view), FPS, crf=19)} frames")


if __name__ == "__main__":
    main()
