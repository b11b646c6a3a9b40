"""Somebody in Plug-in-Gait markers."""

from __future__ import annotations

Place = tuple[float, float, float]


def upright(knee_y: float = 0.0) -> dict[str, Place]:
    """Marker by marker, a person standing upright, facing +y, in mm, z up."""
    place: dict[str, Place] = {}
    for side, x in (("L", -1), ("R", 1)):
        place |= {
            f"{side}FHD": (60 * x, 100, 1650),
            f"{side}BHD": (60 * x, -80, 1650),
            f"{side}SHO": (180 * x, 0, 1450),
            f"{side}ELB": (230 * x, 0, 1150),
            f"{side}WRA": (230 * x, 30, 900),
            f"{side}WRB": (230 * x, -30, 900),
            f"{side}ASI": (120 * x, 100, 1000),
            f"{side}PSI": (50 * x, -100, 1000),
            f"{side}KNE": (150 * x, knee_y, 500),
            f"{side}ANK": (130 * x, 0, 80),
        }
    return place | {"C7": (0, -80, 1460), "CLAV": (0, 80, 1400), "T10": (0, -100, 1200), "STRN": (0, 100, 1200)}
