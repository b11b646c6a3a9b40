"""What is kept of a rendered clip: the video, and the truth about every joint in it."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.geometry import project
from stream3d.skeleton import COCO17, H36M17
from train.mocap.h36m import POINTS, to_points
from train.mocap.motion import Motion
from train.render.scene import FigureMotion, View

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

_BONES = {
    "hip": "hipjoint",
    "knee": "femur",
    "ankle": "tibia",
    "shoulder": "clavicle",
    "elbow": "humerus",
    "wrist": "wrist",
}
FEET = tuple(f"{side}_{place}" for side in ("left", "right") for place in ("heel", "toe"))


def named_places(person: FigureMotion, t: int) -> dict[str, Float64]:
    """World position [3] of every place of h36m17 and coco17, of heels and toes, where the meshes have them."""
    places = person.figure.places(person.joints[t], person.rotations[t])
    for side in ("left", "right"):
        places |= {f"{side}_{joint}": places[side[0] + bone] for joint, bone in _BONES.items()}
    places["pelvis"] = (places["left_hip"] + places["right_hip"]) / 2
    places["spine"] = 0.9 * places["lowerback"] + 0.1 * places["upperback"]
    return places


def _by_convention(person: FigureMotion) -> Float32:
    """World joints [T, 17, 3] of h36m17 as the lifter's training data define them."""
    motion = Motion(
        joints=person.joints.astype(np.float32),
        rotations=person.rotations.astype(np.float32),
        names=person.figure.skeleton.names,
        parents=person.figure.skeleton.parents,
        fps=30.0,
        subject="",
        trial="",
    )
    return to_points(motion)[:, [POINTS.index(name) for name in H36M17.names]]


def _boxes(person: FigureMotion, view: View) -> Float64:
    """The person's outline [T, 4] as x0, y0, x1, y1 in pixels."""
    out = np.empty((len(person), 4))
    for t in range(len(person)):
        vertices, _ = person.figure.posed(person.joints[t], person.rotations[t])
        pixels = project(view.to_camera(vertices.astype(np.float64)), view.camera)
        out[t] = (*pixels.min(0), *pixels.max(0))
    return out


def truth_of(person: FigureMotion, view: View) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays of one person as ``stream3d.sample.SampleTruth`` documents them."""
    places = [named_places(person, t) for t in range(len(person))]

    def seen(names: Iterable[str]) -> Float64:
        return view.to_camera(np.stack([[place[name] for name in names] for place in places]))

    joints, coco, feet = seen(H36M17.names), seen(COCO17.names), seen(FEET)
    arrays = {
        "joints3d": joints,
        "keypoints2d": project(joints, view.camera),
        "convention3d": view.to_camera(_by_convention(person).astype(np.float64)),
        "coco3d": coco,
        "coco2d": project(coco, view.camera),
        "feet3d": feet,
        "feet2d": project(feet, view.camera),
        "box": _boxes(person, view),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()} | {
        "height_m": np.float64(person.figure.height_m)
    }


def camera_truth(view: View, frames: int, fps: int) -> dict[str, npt.NDArray[np.generic]]:
    """What a clip's truth says about its camera, its names and its times."""
    camera = view.camera
    intrinsics = {name: np.float64(getattr(camera, name)) for name in ("fx", "fy", "cx", "cy")}
    return intrinsics | {
        "width": np.int64(camera.width),
        "height": np.int64(camera.height),
        "fps": np.float64(fps),
        "time": np.arange(frames) / fps,
        "joint_names": np.array(H36M17.names),
        "coco_names": np.array(COCO17.names),
        "feet_names": np.array(FEET),
        "camera_position": np.asarray(view.position, np.float64),
        "camera_from_world": np.asarray(view.rotation, np.float64),
    }


def write_video(path: Path, pictures: Iterable[UInt8], fps: int, crf: int) -> int:
    """H.264, yuv420p, one picture every 1 / fps seconds; returns how many there were."""
    import av

    count = 0
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as video:
        stream = video.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "slower", "threads": "1"})
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = count, Fraction(1, fps)
            if count == 0:
                stream.height, stream.width = picture.shape[:2]
            video.mux(stream.encode(frame))
            count += 1
        video.mux(stream.encode())
    return count
