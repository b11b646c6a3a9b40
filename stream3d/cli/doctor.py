"""``stream3d doctor``: what this machine has, and what is missing, in plain words."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import stream3d
from stream3d.paths import cache_dir

_PACKAGES = ("torch", "openvino", "av", "numpy", "opencv-python-headless", "numba", "open3d", "torch-tensorrt")


def command(arguments: argparse.Namespace) -> int:
    """Print the findings."""
    found = findings()
    if arguments.json:
        print(json.dumps(found))
        return 0
    for section, facts in found.items():
        print(section)
        for name, value in facts.items():
            print(f"  {name:<24}{value}")
    return 0


def findings() -> dict[str, dict[str, str]]:
    """Every section's facts."""
    return {
        "stream3d": {"version": stream3d.__version__, "python": sys.version.split()[0], "system": platform.platform()},
        "packages": {name: _version(name) for name in _PACKAGES},
        "devices": _devices(),
        "video": _video(),
        "caches": _caches(),
        "display": {"--view": _display()},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> dict[str, str]:
    import openvino
    import torch

    core = openvino.Core()
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "cpu": f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {os.cpu_count()} cores",
        "cuda": ", ".join(gpus) or "none",
        "engine that auto takes": _auto() if gpus else "openvino on the CPU",
    }


def _auto() -> str:
    from importlib.util import find_spec

    return ("tensorrt, else inductor" if find_spec("torch_tensorrt") else "inductor") + ", else torch, on CUDA"


def _video() -> dict[str, str]:
    import av

    from stream3d.source.cameras.listing import list_cameras
    from stream3d.source.network.address import srt_is_built_in

    wanted = ("h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg", "gif")
    return {
        "FFmpeg (in av)": av.ffmpeg_version_info,
        "decoders": ", ".join(name for name in wanted if name in av.codecs_available),
        "encoder of .mp4": "libx264" if "libx264" in av.codecs_available else "mpeg4",
        "srt://": "built in" if srt_is_built_in() else "not built in",
        "cameras": ", ".join(f"{camera.number} {camera.name}" for camera in list_cameras()) or "none",
    }


def _caches() -> dict[str, str]:
    from stream3d.models import list_models

    folder = cache_dir() / "engines"
    engines = [*folder.glob("*.xml"), *(folder / "tensorrt").glob("*.plan")]
    return {
        "folder": str(cache_dir()),
        **{model.name: model.state for model in list_models()},
        "built engines": str(len(engines)),
    }


def _display() -> str:
    from stream3d.errors import ViewerError
    from stream3d.sinks.viewer.display import check_viewer_possible

    try:
        check_viewer_possible()
    except ViewerError as error:
        return str(error)
    return "possible"
