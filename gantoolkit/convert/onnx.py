"""insightface's ONNX recognizers and detectors: recognized, and used as they are."""

from __future__ import annotations

from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part

FORMAT = "ONNX graph of insightface's form"
DETECTOR_OUTPUTS = (6, 9, 15)  # numbers of outputs of insightface's detectors


def find_parts(source: Source) -> list[Part] | None:
    """Return one part without a state: what the graph reads and gives."""
    if source.form != "onnx":
        return None
    import onnx

    try:
        graph = onnx.load(str(source.path), load_external_data=False).graph
    except Exception as error:  # protobuf raises a class of its own per backend
        raise WeightsError(
            f"{source.path} is not a readable ONNX file ({type(error).__name__})."
        ) from None
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [_shape_of(value) for value in graph.input if value.name not in constants]
    outputs = [_shape_of(value) for value in graph.output]
    facts = {
        "reads": " and ".join(map(_describe_shape, inputs)),
        "gives": " and ".join(map(_describe_shape, outputs[:3])),
        "use": "insightface reads this file as it is; nothing needs to be converted",
    }
    return [Part("network", {}, {}, FORMAT, _kind_of(inputs, outputs), facts)]


def _kind_of(inputs: list[list], outputs: list[list]) -> str:
    """Say what a graph is by the shapes of its inputs and outputs."""
    if len(inputs) == len(outputs) == 1 and len(outputs[0]) == 2:
        return "face recognizer"
    return "face detector" if len(outputs) in DETECTOR_OUTPUTS else "network"


def _shape_of(value) -> list:
    dimensions = value.type.tensor_type.shape.dim
    return [dimension.dim_value or dimension.dim_param or "?" for dimension in dimensions]


def _describe_shape(shape: list) -> str:
    return "×".join(map(str, shape)) or "a number"
