"""insightface's ONNX recognisers and detectors: recognised, and used as they are."""

from __future__ import annotations

from gantoolkit.convert.source import Source
from gantoolkit.core.errors import WeightsError
from gantoolkit.core.parts import Part


def parts(source: Source) -> list[Part] | None:
    """One part without a state: what the graph reads and gives."""
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
    inputs = [_shape(value) for value in graph.input if value.name not in constants]
    outputs = [_shape(value) for value in graph.output]
    recogniser = len(inputs) == 1 and len(outputs) == 1 and len(outputs[0]) == 2
    kind = (
        "face recogniser"
        if recogniser
        else "face detector"
        if len(outputs) in (6, 9, 15)
        else "network"
    )
    facts = {
        "reads": " and ".join(map(_words, inputs)),
        "gives": " and ".join(map(_words, outputs[:3])),
        "use": "insightface reads this file as it is; nothing is to be converted",
    }
    return [Part("network", {}, {}, "ONNX graph of insightface's form", kind, facts)]


def _shape(value) -> list:
    return [d.dim_value or d.dim_param or "?" for d in value.type.tensor_type.shape.dim]


def _words(shape: list) -> str:
    return "×".join(map(str, shape)) or "a number"
