"""Makes the built-in sample clip and its truth: ``python -m train.render.sample --data DIR``.

The movement is CMU's subject 02, whom no training sees.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

import stream3d
from stream3d.geometry import Camera
from train.mocap.archives import iter_motions
from train.render.clip import camera_truth, truth_of, write_video
from train.render.figure import make_figure
from train.render.motion import Clip, facing, joined, part, starting_at, turned, worn_by
from train.render.paint import Look
from train.render.scene import FigureMotion, View, render_clip

FPS = 30
_MARGIN_PX = 12
_CRF = 15


def sample_view() -> View:
    """At a standing person's chest, looking slightly down."""
    camera = Camera(fx=900.0, fy=900.0, cx=480.0, cy=360.0, width=960, height=720, origin="rendered")
    return View.looking(camera, (0.0, 0.0, 1.35), pitch_deg=4.0)


def turning_round(clip: Clip, start_s: float, end_s: float, angle_deg: float) -> Clip:
    """The walked way bends by an angle between two times."""
    time = np.clip((np.arange(len(clip)) / clip.fps - start_s) / (end_s - start_s), 0.0, 1.0)
    return turned(clip, time * time * (3 - 2 * time) * np.radians(angle_deg))


def sample_movement(data: Path) -> Clip:
    """Walks in, punches, bends and rises with one arm up, stretches, turns round and walks away."""
    takes = {take.trial: take for take in iter_motions(data, archives=["cmu_asfamc_maxxgx"], subjects=["02"])}
    walk = starting_at(facing(part(takes["01"], 0.0, 2.85), np.radians(17.0)), -1.45, 6.5)
    out = joined(walk, part(takes["05"], 0.4, 3.7), blend_s=0.6, ahead_m=0.12)
    out = joined(out, part(takes["06"], 0.4, 3.3), turn=np.radians(6.0))
    out = joined(out, part(takes["10"], 10.5, 13.3))
    return joined(out, turning_round(part(takes["02"], 0.0, 2.45), 0.25, 1.55, 150.0), blend_s=0.5)


def check_in_view(boxes: npt.NDArray[np.float32], view: View) -> None:
    """Refuse a clip in which the person touches the border or is too small or too large to be found.

    Raises:
        ValueError: says in which frame.
    """
    low, high = boxes[:, :2].min(1), (boxes[:, 2:] - (view.camera.width, view.camera.height)).max(1)
    share = (boxes[:, 3] - boxes[:, 1]) / view.camera.height
    for said, wrong in (
        ("is cut off", (low < _MARGIN_PX) | (high > -_MARGIN_PX)),
        ("has a bad size", (share < 0.32) | (share > 0.80)),
    ):
        if wrong.any():
            t = int(np.argmax(wrong))
            raise ValueError(
                f"the person {said} in frame {t}: box {boxes[t].round().tolist()}, {share[t]:.0%} of the height"
            )


def _counted(pictures: Iterable[npt.NDArray[np.uint8]], total: int) -> Iterator[npt.NDArray[np.uint8]]:
    for number, picture in enumerate(pictures, 1):
        if number % 30 == 0 or number == total:
            print(f"{number}/{total} frames", flush=True)
        yield picture


def main() -> None:
    """Write ``sample.mp4`` and ``sample_truth.npz``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds mocap/")
    parser.add_argument("--out", type=Path, default=Path(stream3d.__file__).parent / "data")
    args = parser.parse_args()
    movement, view = sample_movement(args.data), sample_view()
    person: FigureMotion = worn_by(make_figure(movement.skeleton, Look()), movement)
    truth = truth_of(person, view) | camera_truth(view, len(person), FPS)
    check_in_view(truth["box"], view)
    args.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.out / "sample_truth.npz", **truth)
    video = args.out / "sample.mp4"
    write_video(video, _counted(render_clip([person], view), len(person)), FPS, _CRF)
    print(f"{video}: {len(person)} frames, {video.stat().st_size / 1e6:.2f} MB, stature {truth['height_m']:.3f} m")


if __name__ == "__main__":
    main()
