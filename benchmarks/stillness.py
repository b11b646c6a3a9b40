"""How still somebody still is: ``python -m benchmarks.stillness --data DIR [--clip NAME] [--at S] [--noise GREY]``.

One frame of a clip again and again, each time with fresh noise as of a camera's sensor. Jitter is told as a share of
the person's height in the picture: the standard deviation of a joint about its mean, and the mean length of its second
difference over time, of what each stage says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from stream3d.geometry import project
from stream3d.pipeline import RunSettings
from stream3d.pipeline.rooms import make_rooms
from stream3d.source import open_source
from stream3d.values import Frame, Tracks2D

Floats = npt.NDArray[np.float64]

FPS = 25.0
_SETTLE = 15  # frames until what is smoothed has come to rest
_SURE = 0.5  # score of a joint that counts as seen


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = make_parser(__doc__)
    add_clips(parser, ("taiji.mp4", "sample"))
    parser.add_argument("--at", type=float, default=2.0, metavar="S", help="the frame at this time (2)")
    parser.add_argument("--noise", type=float, default=2.5, metavar="GREY", help="standard deviation (2.5)")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="measured (60)")
    given = parser.parse_args(argv)
    clips = find_clips(given.data, list(given.clips))
    figures = {name: measured(file, given.at, given.noise, given.frames) for name, file in clips.items()}
    write_json("stillness", {"noise_grey": given.noise, "frames": given.frames, "clips": figures}, given.out)
    print(report(figures))


def measured(clip: str, at_s: float, noise: float, frames: int) -> dict[str, dict[str, float]]:
    """Jitter in percent of the height by stage.

    ``net`` are keypoints as the net says them, ``keypoints`` the 2D that goes out, ``skeleton`` is the smoothed 3D as
    it lies on the picture.

    Raises:
        SystemExit: not exactly one person was followed throughout.
    """
    settings = RunSettings()
    with open_source(clip) as source:
        image = next(frame.image for frame in source if frame.pts >= at_s)
        rooms = make_rooms(settings, source.info)
    said: list[Tracks2D] = []
    rooms = replace(rooms, smooth2d=_heard(rooms.smooth2d, said))
    height, width = image.shape[:2]
    results = [result for frame in _noisy(image, noise, frames + _SETTLE) for result in rooms(frame)]
    results = (results + rooms.finish("still"))[-frames:]
    if any(len(result.tracks) != 1 for result in results):
        raise SystemExit(
            f"{clip}: {[len(result.tracks) for result in results]} people were followed, not one throughout"
        )
    keypoints = np.stack([result.tracks.keypoints[0] for result in results]).astype(np.float64)
    net = np.stack([tracks.keypoints[0] for tracks in said[-frames:]]).astype(np.float64)
    seen = keypoints[..., 2].mean(0) > _SURE
    tall = np.ptp(keypoints[:, seen, 1], axis=1).mean()
    camera = settings.camera.load().of_size(width, height)
    skeleton = np.stack([project(result.poses.joints[0].astype(np.float64), camera) for result in results])
    return {
        "height_px": {"mean": round(float(tall), 1)},
        "net": jitter(net[:, seen, :2], tall),
        "keypoints": jitter(keypoints[:, seen, :2], tall),
        "skeleton": jitter(np.asarray(skeleton), tall),
    }


def _noisy(image: npt.NDArray[np.uint8], noise: float, frames: int) -> Iterator[Frame]:
    rng = np.random.default_rng(0)
    for index in range(frames):
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(noise)
        noisy = np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)
        yield Frame(source_id="still", index=index, pts=index / FPS, captured_at=0.0, image=noisy)


def _heard(smooth: Callable[[Tracks2D], Tracks2D], said: list[Tracks2D]) -> Callable[[Tracks2D], Tracks2D]:
    """``smooth``, with what it is given kept in ``said``."""

    def smoothed(tracks: Tracks2D) -> Tracks2D:
        said.append(tracks)
        return smooth(tracks)

    return smoothed


def jitter(points: Floats, tall: float) -> dict[str, float]:
    """Of ``points`` [T, J, 2] px, in percent of ``tall`` px: medians over joints.

    ``std_%`` is the root mean square distance from the mean place, ``shake_%`` the mean length of second differences.
    """
    away = points - points.mean(0)
    std = np.sqrt((away**2).sum(-1).mean(0))
    shake = np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1).mean(0)
    return {
        "std_%": round(100 * float(np.median(std)) / tall, 4),
        "shake_%": round(100 * float(np.median(shake)) / tall, 4),
    }


def report(figures: dict[str, dict[str, Any]]) -> str:
    """The table."""
    stages = ("net", "keypoints", "skeleton")
    rows = [
        (clip, of["height_px"]["mean"], *(v for s in stages for v in of[s].values())) for clip, of in figures.items()
    ]
    return table(("clip", "height px", *(f"{s} {k} %" for s in stages for k in ("std", "shake"))), rows)


if __name__ == "__main__":
    main()
