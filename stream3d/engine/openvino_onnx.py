"""ONNX files as OpenVINO models: one picture in, uint8 RGB, what the net wants done to its pixels done within."""

from __future__ import annotations

import openvino as ov
from openvino.frontend import FrontEndManager
from openvino.preprocess import ColorFormat, PrePostProcessor

from stream3d.errors import ModelError
from stream3d.nets.spec import OnnxSpec, Pixels


def read_onnx(spec: OnnxSpec) -> ov.Model:
    """The net with the input ``image`` uint8 [1, H, W, 3] RGB and the outputs that the spec names, in its order.

    Raises:
        ModelError: OpenVINO cannot read the file, or it cannot take pictures of this size.
    """
    height, width, _ = spec.inputs[0].shape
    try:
        model = _read(spec)
        planar = spec.pixels.planar
        model.reshape(ov.PartialShape([1, 3, height, width] if planar else [1, height, width, 3]))
        results = [model.output(name).node for name in spec.outputs]
        model = ov.Model(results, model.get_parameters(), spec.name)
        return _with_pixels(model, spec.pixels)
    except Exception as error:  # whatever the reader of a stranger's file fails with
        raise ModelError(
            f"OpenVINO cannot take {spec.path} with pictures of {width}x{height}: {str(error).strip()}"
        ) from error


def _read(spec: OnnxSpec) -> ov.Model:
    """By the ONNX frontend: ``Core.read_model`` would hand a file that is not ONNX to the readers of other formats."""
    frontend = FrontEndManager().load_by_framework("onnx")
    return frontend.convert(frontend.load(str(spec.path)))


def _with_pixels(model: ov.Model, pixels: Pixels) -> ov.Model:
    wanted = model.input(0).get_element_type()
    steps = PrePostProcessor(model)
    picture = steps.input(0)
    picture.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.RGB)
    picture.model().set_layout(ov.Layout("NCHW" if pixels.planar else "NHWC"))
    if pixels.channels == "bgr":
        picture.preprocess().convert_color(ColorFormat.BGR)
    if (pixels.mean, pixels.std) != ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) or wanted != ov.Type.u8:
        picture.preprocess().convert_element_type(ov.Type.f32)
        picture.preprocess().mean(list(pixels.mean)).scale(list(pixels.std))
        picture.preprocess().convert_element_type(wanted)
    for index in range(len(model.outputs)):
        if model.output(index).get_element_type() in (ov.Type.f16, ov.Type.bf16, ov.Type.f64):
            steps.output(index).tensor().set_element_type(ov.Type.f32)
    return steps.build()
