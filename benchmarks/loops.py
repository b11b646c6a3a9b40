"""Long clips out of short ones: packets are copied over and over, nothing is encoded again."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet


def repeat(clip: str, to: Path, *, minutes: float = 0.0, loops: int = 0) -> float:
    """Write the video of ``clip`` ``loops`` times, or until it lasts ``minutes``, and return its length in minutes.

    Raises:
        ValueError: there is no video in it, or its packets bear no times.
    """
    with av.open(clip) as source, av.open(str(to), "w") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        shown = [packet.pts for packet in packets if packet.pts is not None]
        if not packets or len(shown) < len(packets) or stream.time_base is None:
            raise ValueError(
                f"{clip} holds no video that can be repeated: {len(shown)} of {len(packets)} packets are timed"
            )
        length = max(shown) - min(shown) + round(1 / (stream.average_rate or Fraction(25)) / stream.time_base)
        loops = loops or math.ceil(minutes * 60 / float(length * stream.time_base))
        kept = [(bytes(packet), packet.is_keyframe) for packet in packets]
        times = _times(shown)
        for loop in range(loops):
            for (data, key), (pts, dts) in zip(kept, times, strict=True):
                packet = Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = out, stream.time_base, key
                packet.pts, packet.dts = pts + loop * length, dts + loop * length
                target.mux(packet)
        return loops * float(length * stream.time_base) / 60


def _times(shown: list[int]) -> list[tuple[int, int]]:
    """When each packet is shown and decoded: some files lack the latter, and rounding makes it collide between loops.

    >>> _times([0, 133, 67, 33])
    [(100, 0), (233, 33), (167, 67), (133, 133)]
    """
    decoded = sorted(shown)
    delay = max(dts - pts for dts, pts in zip(decoded, shown, strict=True))
    return [(pts + delay, dts) for pts, dts in zip(shown, decoded, strict=True)]
