"""The benchmark of where pictures are cut."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks import pixels
from stream3d.planes import Planes, coefficients


def test_both_ways_are_measured_and_written(tmp_path: Path) -> None:
    pixels.main(["--device", "cpu", "--batches", "1", "2", "--seconds", "0", "--out", str(tmp_path)])
    (path,) = tmp_path.glob("pixels-cpu-torch-fp32-*.json")
    rows = json.loads(path.read_text())["rows"]
    assert [(row["cut"], row["crops"]) for row in rows] == [("host", 1), ("device", 1), ("host", 2), ("device", 2)]
    assert all(row["crops_per_s"] > 0 for row in rows)
    assert [row["upload_ms"] is None for row in rows] == [True, False] * 2
    assert path.with_suffix(".png").is_file()


def test_regions_lie_within_the_picture() -> None:
    half = np.zeros((50, 80), np.uint8)
    planes = Planes(y=np.zeros((100, 160), np.uint8), u=half, v=half, coefficients=coefficients(0.3, 0.1, full=True))
    regions = pixels.around(planes, 64)
    assert regions.shape == (64, 4)
    assert (np.abs(regions[:, :2] - [80, 50]) <= [48, 30]).all()
    assert len(np.unique(regions, axis=0)) == 64
