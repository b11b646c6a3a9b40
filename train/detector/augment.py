"""Photographs laid into pictures of one size, as no camera took them: scaled, mirrored, turned, mixed, discoloured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from train.detector.people import LABEL
from train.detector.photos import Labels, Photos

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
Tile = tuple[int, int, int, int]  # x0, y0, x1, y1


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """How often, and how much.

    ``zoom`` is the range of scales over that at which a photograph half fits, half fills; the share ``close`` is
    instead scaled so that one person is ``person`` (range) of the picture. ``mosaic`` is the share of pictures made of
    four photographs, ``paste`` the mean number of people and of empty patches pasted into a picture, ``upright`` the
    share that is not turned by a quarter or a half; ``blur`` and ``grey`` are shares, ``colour`` the strength.
    """

    zoom: tuple[float, float] = (0.7, 1.7)
    close: float = 0.5
    person: tuple[float, float] = (0.12, 1.2)
    mosaic: float = 0.35
    paste: float = 0.15
    upright: float = 0.9
    blur: float = 0.12
    grey: float = 0.05
    colour: float = 0.3


@dataclass(kw_only=True)
class Canvas:
    """A picture in the making.

    ``picture`` uint8 [H, W, 3]; ``people`` a list of float32 [G, 9]; ``ignore`` and ``doubtful`` lists of boxes [K, 4]:
    in the first nothing is punished, in the second nothing but what lies in labelled people.
    """

    picture: UInt8
    people: list[Float32] = field(default_factory=list)
    ignore: list[Float32] = field(default_factory=list)
    doubtful: list[Float32] = field(default_factory=list)


def make_canvas(
    photos: Photos,
    numbers: npt.NDArray[np.int64],
    shape: tuple[int, int],
    rng: np.random.Generator,
    how: Augmentation,
    patches: npt.NDArray[np.int64] | None = None,
) -> Canvas:
    """A picture of ``shape`` = height, width from photographs drawn out of ``numbers``.

    What is pasted into it comes from ``patches``, or from them too.
    """
    canvas = Canvas(picture=np.zeros((*shape, 3), np.uint8))
    for tile in _tiles(shape, rng, how):
        number = int(rng.choice(numbers))
        _lay(canvas, photos.picture(number), photos.labels(number), tile, rng, how)
    for _ in range(rng.poisson(2 * how.paste)):
        _paste(canvas, photos, int(rng.choice(numbers if patches is None else patches)), rng)
    canvas.picture = recoloured(canvas.picture, rng, grey=how.grey, blur=how.blur, colour=how.colour)
    return canvas


def _tiles(shape: tuple[int, int], rng: np.random.Generator, how: Augmentation) -> list[Tile]:
    high, wide = shape
    if rng.random() >= how.mosaic:
        return [(0, 0, wide, high)]
    x, y = int(rng.uniform(0.35, 0.65) * wide), int(rng.uniform(0.35, 0.65) * high)
    return [(0, 0, x, y), (x, 0, wide, y), (0, y, x, high), (x, y, wide, high)]


def _lay(canvas: Canvas, photo: UInt8, labels: Labels, tile: Tile, rng: np.random.Generator, how: Augmentation) -> None:
    """Warp a photograph into a tile and note who is in it."""
    x0, y0, x1, y1 = tile
    matrix = _placed(photo.shape, labels.people, (x1 - x0, y1 - y0), rng, how)
    matrix[:, 2] += (x0, y0)
    inside = matrix.copy()
    inside[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5 - (x0, y0)  # OpenCV counts from the middles of pixels
    cv2.warpAffine(photo, inside, (x1 - x0, y1 - y0), dst=canvas.picture[y0:y1, x0:x1], flags=cv2.INTER_LINEAR)
    people, lost = _clipped(_moved(labels.people, matrix), tile)
    canvas.people.append(people)
    canvas.ignore += [lost, _boxes_moved(labels.ignore, matrix)]
    if not labels.complete:
        whole = np.array([[0, 0, photo.shape[1], photo.shape[0]]], np.float32)
        canvas.doubtful.append(_within(_boxes_moved(whole, matrix), tile))


def _placed(
    shape: tuple[int, ...], people: Float32, tile: tuple[int, int], rng: np.random.Generator, how: Augmentation
) -> npt.NDArray[np.float64]:
    """The map [2, 3] from a photograph's points to a tile's."""
    high, wide = shape[:2]
    scale = math.sqrt(tile[0] / wide * tile[1] / high) * np.exp(rng.uniform(*np.log(how.zoom)))
    focus = np.array([wide, high]) * rng.uniform(0.3, 0.7, 2)
    sides = (people[:, 2:4] - people[:, :2]).max(1) if len(people) else np.zeros(0)
    if len(people) and rng.random() < how.close:
        chosen = int(rng.integers(len(people)))
        scale = min(max(tile) * np.exp(rng.uniform(*np.log(how.person))) / max(sides[chosen], 4.0), 2.0)
        focus = (people[chosen, :2] + people[chosen, 2:4]) / 2
    turn = 0 if rng.random() < how.upright else int(rng.integers(1, 4))
    linear = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), turn) * scale
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    spare = np.array(tile) - np.abs(linear @ (wide, high))
    # what is smaller than the tile lies anywhere within, of what is larger the focus is seen
    anywhere = np.array(tile) / 2 + np.clip(spare, 0, None) * rng.uniform(-0.5, 0.5, 2)
    middle = np.where(spare > 0, linear @ (np.array([wide, high]) / 2), linear @ focus)
    jitter = np.where(spare > 0, 0, rng.uniform(-0.25, 0.25, 2) * np.array(tile))
    return np.concatenate([linear, (anywhere - middle + jitter)[:, None]], 1)


def _boxes_moved(boxes: Float32, matrix: npt.NDArray[np.float64]) -> Float32:
    ends = boxes.reshape(-1, 2, 2) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([ends.min(1), ends.max(1)], 1).astype(np.float32)


def _moved(people: Float32, matrix: npt.NDArray[np.float64]) -> Float32:
    points = people[:, 4:8].reshape(-1, 2, 2) @ matrix[:, :2].T + matrix[:, 2]
    moved = [_boxes_moved(people[:, :4], matrix), points.reshape(-1, 4), people[:, 8:]]
    return np.concatenate(moved, 1).astype(np.float32)


def _within(boxes: Float32, tile: Tile) -> Float32:
    return np.clip(boxes, np.tile(tile[:2], 2), np.tile(tile[2:], 2)).astype(np.float32)


def _area(boxes: Float32) -> Float32:
    out: Float32 = np.prod(np.clip(boxes[:, 2:4] - boxes[:, :2], 0, None), axis=1)
    return out


def _clipped(people: Float32, tile: Tile) -> tuple[Float32, Float32]:
    """People with their boxes cut to the tile, and the boxes of those of whom too little is left to be found."""
    boxes = _within(people[:, :4], tile)
    share = _area(boxes) / np.maximum(_area(people), 1e-6)
    enough = (share > 0.25) & ((boxes[:, 2:] - boxes[:, :2]).min(1) >= 2) & ((boxes[:, 2:] - boxes[:, :2]).max(1) >= 6)
    out = people.copy()
    out[:, :4] = boxes
    return out[enough].reshape(-1, LABEL), boxes[~enough & (share > 0)]


def _paste(canvas: Canvas, photos: Photos, number: int, rng: np.random.Generator) -> None:
    """A person, or as often something else, from another photograph with soft edges where nobody is."""
    labels, shape = photos.labels(number), canvas.picture.shape[1::-1]
    alone = _alone(labels)
    if len(alone):
        person = labels.people[int(rng.choice(alone))]
        margin = 0.08 * float((person[2:4] - person[:2]).max())
        low, high = person[:2] - margin, person[2:4] + margin
    elif photos.negative[number]:
        person, whole = None, photos.table["image_wh"][number]
        extent = rng.uniform(0.2, 0.7, 2) * whole
        low = rng.uniform(0, 1, 2) * (whole - extent)
        high = low + extent
    else:
        return
    side = max(shape) * np.exp(rng.uniform(np.log(0.06), np.log(0.5)))
    scale = min(side / float((high - low).max()), 2.0)
    wide, tall = (int(v) for v in np.maximum((high - low) * scale, 6))
    if wide >= shape[0] or tall >= shape[1]:
        return
    at = rng.integers(0, (shape[0] - wide, shape[1] - tall))
    box = np.stack([at, at + np.array([wide, tall])]).reshape(1, 4).astype(np.float32)
    others = np.concatenate([*canvas.people, np.zeros((0, LABEL), np.float32)])
    common = np.minimum(box[:, 2:], others[:, 2:4]) - np.maximum(box[:, :2], others[:, :2])
    if (np.prod(np.clip(common, 0, None), axis=1) > 0.2 * np.maximum(_area(others), 1)).any():
        return
    matrix = np.array([[scale, 0, at[0] - low[0] * scale], [0, scale, at[1] - low[1] * scale]])
    _blend(canvas.picture, photos.picture(number), matrix, (int(at[0]), int(at[1]), wide, tall))
    if person is not None:
        canvas.people.append(_moved(person[None], matrix))


def _alone(labels: Labels) -> npt.NDArray[np.int64]:
    """Rows of people with known joints, large enough, whom nobody else overlaps."""
    people = labels.people
    if len(labels.ignore) or not labels.complete:
        return np.zeros(0, np.int64)
    low = np.maximum(people[:, None, :2], people[None, :, :2])
    high = np.minimum(people[:, None, 2:4], people[None, :, 2:4])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    np.fill_diagonal(shared, 0)
    free = shared.max(1, initial=0) < 0.05 * np.maximum(_area(people), 1)
    return np.flatnonzero(free & (people[:, 8] >= 0.5) & ((people[:, 2:4] - people[:, :2]).max(1) > 60))


def _blend(picture: UInt8, photo: UInt8, matrix: npt.NDArray[np.float64], at: tuple[int, int, int, int]) -> None:
    x, y, wide, high = at
    inside = matrix.copy()
    inside[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5 - (x, y)
    patch = cv2.warpAffine(photo, inside, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    edge = 0.07 * max(wide, high)
    across = np.minimum(np.arange(wide) + 0.5, wide - np.arange(wide) - 0.5)
    down = np.minimum(np.arange(high) + 0.5, high - np.arange(high) - 0.5)
    alpha = np.clip(np.minimum(across[None], down[:, None]) / edge, 0, 1)[..., None].astype(np.float32)
    under = picture[y : y + high, x : x + wide]
    under[:] = (under + alpha * (patch.astype(np.float32) - under)).astype(np.uint8)


def recoloured(picture: UInt8, rng: np.random.Generator, *, grey: float, blur: float, colour: float) -> UInt8:
    """The picture with other colours, grey in the share ``grey``, blurred in the share ``blur``."""
    if rng.random() < grey:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < blur:
        reach = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))  # of unlike sides: as from moving
        picture = cv2.blur(picture, reach) if rng.random() < 0.7 else cv2.blur(picture, (1 + 2 * reach[0], 1))
    steps = np.arange(256, dtype=np.float32)[:, None] / 255
    gamma, contrast, shift = np.exp(rng.normal(0, colour, 3)) * (1, 1, 0) + (0, 0, rng.normal(0, 0.2 * colour))
    gains = np.exp(rng.normal(0, 0.3 * colour, 3))
    table = ((steps**gamma - 0.5) * contrast + 0.5 + shift) * gains * 255
    out: UInt8 = cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8)[None])
    return out
