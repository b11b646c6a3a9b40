"""From a folder of photographs to a trained GAN: the 2D-only recipe on pictures of your own, one step after the other.

    python -m train.walkthrough IMAGES --out DIR [--data DIR] [--steps N]

To be read from top to bottom. Each step is a function that leaves files in DIR and prints a line about them; ``walk``
takes them in their order. What is trained is a small net in a minute or two, to show the way; the same joints train
the large one with ``python -m train.mpii2d --data DIR --set poses=DIR/joints.npz``.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from stream3d import results
from stream3d.errors import SettingsError, SourceError, Stream3DError
from stream3d.geometry import Camera
from stream3d.lift import LiftSettings, make_lifter
from stream3d.nets.lifter_torch import load_lifter
from stream3d.settings import from_table
from stream3d.sinks import RunInfo, open_sink
from stream3d.skeleton import H36M17
from stream3d.source import SourceSettings, open_source
from stream3d.source.images import read_image
from stream3d.trackfile import load_tracks
from stream3d.values import Frame, Result, Tracks2D
from train import album
from train.command import CONFIGS, settings_of
from train.data import Poses2DSet, load_poses2d, save_poses2d
from train.harness import Trainer, finish, run
from train.mpii2d import FromPhotographs, Recipe
from train.netfile import load_nets
from train.people import SURE, load_own, load_people
from train.photographs import Photographs

# After 700 steps of 64 a critic gave 200 people whom it was taught 0.26 more than others, and 2000 people 0.01 more.
FEW = 2000
_SHOWN = 6


def find_joints(images: Path, out: Path) -> None:
    """Step 1: the project's own 2D nets find everybody in the photographs.

    ``joints.json`` and ``joints.npz`` say the same: x, y and confidence of every joint, the image's name and size.
    """
    people, names, sizes, count = [], [], [], 0
    for result in tqdm(results(images), desc="photographs", unit="", mininterval=1.0):
        count += 1
        people += list(result.tracks.keypoints)
        names += [result.frame.name] * len(result.tracks)
        sizes += [result.frame.size] * len(result.tracks)
    if not people:
        raise SourceError(f"{images}: the 2D nets found nobody in its {count} photographs")
    layout, size = result.tracks.layout, np.array(sizes, np.int32)
    poses = Poses2DSet(keypoints=np.stack(people), layout=layout, images=tuple(names), sizes=size)
    for name in ("joints.json", "joints.npz"):
        save_poses2d(out / name, poses)
    print(f"1. joints.json, joints.npz: {len(poses)} people in {len(set(names))} of {count} photographs")


def look_at_joints(images: Path, out: Path, seed: int = 0) -> Poses2DSet:
    """Step 2: read the joints back and look at them; ``joints.png`` has some of the photographs with theirs."""
    poses = load_poses2d(out / "joints.json")
    names = np.array(poses.images)
    drawn = np.random.default_rng(seed).permutation(np.unique(names))[: 2 * _SHOWN]
    pictures = [(picture(images, name), poses.keypoints[names == name]) for name in sorted(drawn)]
    album.draw_photographs(out / "joints.png", pictures, poses.layout, SURE)
    sure = 100 * (poses.keypoints[..., 2] >= SURE).mean()
    print(f"2. joints.png: {poses.layout.size} joints each, {poses.layout.name}; {sure:.0f} % surer than {SURE}")
    return poses


def train_gan(recipe: Recipe, out: Path, data: Path | None, device: str = "cpu") -> Trainer[Photographs]:
    """Step 3: the GAN learns depth from those who are seen whole, and from MPII's people where ``data`` has them.

    The generator goes to ``mpii2d.safetensors``, the critic to ``mpii2d_critics.safetensors``; ``losses.png`` shows
    the losses.
    """
    recipe = replace(recipe, poses=str(out / "joints.npz"), sets=("mpii",) if data else ())
    count = len(load_own(out / "joints.npz"))
    if count < FEW and not data:
        print(f"   {count} whole people are few: a critic learns them by heart, but not {FEW}; --data adds MPII's")
    trainer = Trainer(FromPhotographs(recipe, load_people(data or out, recipe.sets, recipe.poses)), device)
    # Another folder of photographs may have been here before: its training must not be gone on with.
    (out / "mpii2d_checkpoint.safetensors").unlink(missing_ok=True)
    run(trainer, out, log_every=10)
    finish(trainer, out, out / "mpii2d.safetensors")
    album.draw_losses(out / "losses.png", out / "mpii2d.jsonl")
    whom = f"{count} whole people{' and MPII' if data else ''}"
    print(f"3. mpii2d.safetensors, mpii2d_critics.safetensors, losses.png: {trainer.step} steps on {whom}")
    return trainer


def learned_joints(trainer: Trainer[Photographs]) -> npt.NDArray[np.bool_]:
    """Which of the 17 joints somebody had labelled, and the spine, which is held between its neighbours."""
    return trainer.game.people.known.any(0) | (np.array(H36M17.names) == "spine")


def lift_everybody(images: Path, poses: Poses2DSet, out: Path) -> None:
    """Step 4: load the generator from its file and lift everybody, whole or not.

    ``lifted.npz`` is a track file (``stream3d view`` plays it, ``load_tracks`` reads it), ``lifted.jsonl`` the same as
    text; ``frame`` counts the photographs, ``person`` the rows of ``joints.npz``.
    """
    lifter = make_lifter(LiftSettings(lifter=str(out / "mpii2d.safetensors")))
    names = np.array(poses.images)
    with open_source(images) as source, ExitStack() as stack:
        info = source.info
        about = RunInfo(
            source=info.source_id,
            width=info.width,
            height=info.height,
            fps=1.0,
            camera=Camera.from_fov(info.width, info.height),
            keypoint_layout=poses.layout,
            joint_layout=H36M17,
            image_names=True,
            lifter=lifter.about,
        )
        sinks = [open_sink(out / name, about) for name in ("lifted.npz", "lifted.jsonl")]
        for sink in sinks:
            stack.callback(sink.close, {})
        for frame in source:
            lifter.forget(frame.source_id)
            tracks = tracks_in(frame, poses, np.flatnonzero(names == frame.name))
            lifted = lifter(tracks, Camera.from_fov(*frame.size))
            for sink in sinks:
                sink.write(Result(frame=frame, tracks=tracks, poses=lifted))
    print(f"4. lifted.npz, lifted.jsonl: {len(poses)} people in 3D, metres before their cameras")


def tracks_in(frame: Frame, poses: Poses2DSet, rows: npt.NDArray[np.int64]) -> Tracks2D:
    """Some of the people as the lifter wants them."""
    return Tracks2D(
        source_id=frame.source_id,
        index=frame.index,
        pts=frame.pts,
        captured_at=frame.captured_at,
        keypoints=poses.keypoints[rows],
        layout=poses.layout,
        person=rows,
    )


def look_at_lifted(images: Path, poses: Poses2DSet, out: Path, learned: npt.NDArray[np.bool_], seed: int = 0) -> None:
    """Step 5: read the results back; ``lifted.png`` shows some of the people as photographed, in 2D and in 3D.

    Joints that were not ``learned``, bool [17], are left out: nobody had them labelled.
    """
    tracks = load_tracks(out / "lifted.npz")
    body = poses.to(H36M17)
    whole = np.flatnonzero((body.keypoints[tracks.person][..., 2] >= SURE).mean(1) > 0.8)
    rows = np.random.default_rng(seed).permutation(whole)[:_SHOWN]
    portraits = []
    for row in sorted(rows.tolist()):
        person = int(tracks.person[row])
        photograph, joints = (
            picture(images, poses.images[person]),
            np.where(learned[:, None], tracks.joints3d[row], np.nan),
        )
        portraits.append(album.Portrait(image=photograph, keypoints=body.keypoints[person], joints=joints))
    title = f"{len(rows)} of {len(poses)} people, drawn from the {len(whole)} who are seen almost whole"
    album.draw_lifted(out / "lifted.png", portraits, title)
    print(f"5. lifted.png: {len(rows)} people as photographed, in 2D, and in 3D from two sides")


def use_again(out: Path, data: Path | None) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Step 6: generator and critic from their files, at work once more.

    The generator lifts people, who are turned and seen anew; the critic scores them, and people as they were seen.
    Returns its scores [N] of the latter and of the former; ``scores.png`` shows them.
    """
    critics, notes = load_nets(out / "mpii2d_critics.safetensors")
    recipe = from_table(Recipe, json.loads(notes["recipe"]), "recipe")
    game = FromPhotographs(recipe, load_people(data or out, recipe.sets, recipe.poses))
    game.lifter, game.critics = load_lifter(out / "mpii2d.safetensors"), critics
    with torch.no_grad():
        views = game.views(game.batch(0), Trainer(game))
        real, fake = (critics["view"](people)[0][:, 0].numpy() for people in (views.real, views.fake))
    album.draw_scores(out / "scores.png", real, fake)
    print(f"6. scores.png: the critic gives people seen {real.mean():.2f}, lifted people turned {fake.mean():.2f}")
    return real, fake


def picture(images: Path, name: str) -> npt.NDArray[np.uint8]:
    """A photograph, uint8 [H, W, 3] RGB."""
    return read_image(images / name, SourceSettings())


def walk(images: Path, out: Path, recipe: Recipe, data: Path | None = None, device: str = "cpu") -> None:
    """All steps in their order."""
    if not images.is_dir():
        raise SettingsError(f"{images}: is no folder; the walk begins with a folder of photographs")
    out.mkdir(parents=True, exist_ok=True)
    find_joints(images, out)
    poses = look_at_joints(images, out)
    trainer = train_gan(recipe, out, data, device)
    lift_everybody(images, poses, out)
    look_at_lifted(images, poses, out, learned_joints(trainer))
    use_again(out, data)


def main(arguments: list[str] | None = None) -> None:
    """The command; a failure is one line and exit code 1, wrong usage exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m train.walkthrough", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of photographs with people in them")
    parser.add_argument("--out", type=Path, required=True, help="folder for all that the steps make")
    parser.add_argument("--data", type=Path, help="folder that holds the training data: MPII's people are mixed in")
    parser.add_argument("--config", type=Path, default=CONFIGS / "walkthrough.toml", help="settings (walkthrough.toml)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings that win over the file's")
    parser.add_argument("--minutes", type=float, help="wall time of training, instead of --steps")
    parser.add_argument("--steps", type=int, help="of training")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--device", default="cpu", help="for training: cpu, cuda, cuda:1, … (cpu)")
    parser.add_argument("--threads", type=int, default=1, help="of the nets on a CPU (1)")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        walk(given.images, given.out, settings_of(Recipe, given), given.data, given.device)
    except Stream3DError as error:
        print(f"train.walkthrough: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from error


if __name__ == "__main__":
    main()
