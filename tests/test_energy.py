"""Joules from counters as Linux shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import measure as measuring
from benchmarks import peers, sides
from benchmarks.energy import counters, joules_since

ROUND = 1_000_000_000


def write(folder: Path, **packages: int) -> None:
    for name, microjoules in packages.items():
        (folder / f"intel-rapl:{name[1:]}").mkdir(exist_ok=True)
        (folder / f"intel-rapl:{name[1:]}" / "energy_uj").write_text(f"{microjoules}\n")
        (folder / f"intel-rapl:{name[1:]}" / "max_energy_range_uj").write_text(f"{ROUND}\n")


def test_packages_are_added_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    write(tmp_path, p0=1_000_000, p1=5_000_000)
    (tmp_path / "intel-rapl:0:0").mkdir()
    (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("7")
    before = counters(tmp_path)
    assert len(before) == 2
    write(tmp_path, p0=3_500_000, p1=6_000_000)
    assert joules_since(before, tmp_path) == pytest.approx(3.5)


def test_a_counter_that_began_anew_goes_on(tmp_path: Path) -> None:
    write(tmp_path, p0=ROUND - 2_000_000)
    before = counters(tmp_path)
    write(tmp_path, p0=1_000_000)
    assert joules_since(before, tmp_path) == pytest.approx(3.0)
    (tmp_path / "intel-rapl:0" / "max_energy_range_uj").unlink()
    assert joules_since(before, tmp_path) is None


def test_a_machine_that_tells_nothing_has_no_energy(tmp_path: Path) -> None:
    assert joules_since(counters(tmp_path), tmp_path) is None
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("not a number")
    assert counters(tmp_path) == {}


def test_energy_goes_into_the_figures_only_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def side(energy_j: float | None) -> sides.Figures:
        done = measuring.Measured(wall_s=1, cpu_s=1, peak_mb=1, output="", energy_j=energy_j)
        monkeypatch.setattr(sides, "measure", lambda _: done)
        said = {"frames": 1.0, "cpu_ms_per_frame": 2.0, "fps": 3.0}
        return sides.Side(name="a", command=lambda clip: [clip], read=lambda _: said).run("clip")

    assert "energy_j" not in peers.ratios([side(None)], [side(None)])
    assert "energy_j" not in peers.ratios([side(4.0)], [side(None)])
    assert peers.ratios([side(4.0)], [side(8.0)])["energy_j"]["median"] == 0.5
