"""Writes network pickles in NVIDIA's form, as their code and several versions of torch do.

Only the object graph is theirs: classes that carry their source text, `__dict__` of every module,
tensors as bytes.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
import types
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan3 import StyleGAN3
from gantoolkit.generators.superresolution import SuperResolution

SOURCE = "import os\nopen('executed', 'w').close()\n"  # an official reader would execute it
PLAIN = {
    "Sequential": "torch.nn.modules.container",
    "Softplus": "torch.nn.modules.activation",
    "OSGDecoder": "training.triplane",
    "ImportanceRenderer": "training.volumetric_rendering.renderer",
}
CLASSES = {
    "StyleGAN2": "Generator",
    "StyleGAN3": "Generator",
    "AliasFreeSynthesis": "SynthesisNetwork",
    "AliasFreeLayer": "SynthesisLayer",
    "AliasFreeToRGB": "SynthesisLayer",
    "FourierInput": "SynthesisInput",
    "EG3D": "TriPlaneGenerator",
    "FullyConnected": "FullyConnectedLayer",
    "Affine": "FullyConnectedLayer",
    "ToRGB": "ToRGBLayer",
    "UpsamplingSkip": "Conv2dLayer",
}


@contextmanager
def importable(*names: str):
    """Modules that exist while a pickle is written, so that pickle finds the globals in them."""
    added = {}
    for name in names:
        for depth in range(1, name.count(".") + 2):
            part = ".".join(name.split(".")[:depth])
            if part not in sys.modules:
                added[part] = sys.modules[part] = types.ModuleType(part)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def named(module: str, name: str, kind=None):
    """A class (or function) that pickle writes as this global."""

    def function(*arguments):
        raise AssertionError("never called")

    made = type(name, (dict,) if kind is dict else (), {}) if kind else function
    made.__module__, made.__qualname__, made.__name__ = module, name, name
    setattr(sys.modules[module], name, made)
    return made


class Persistent:
    """REDUCE of `_reconstruct_persistent_obj` on one dict."""

    def __init__(self, class_name: str, state: dict, source: str = SOURCE):
        self.meta = dict(
            type="class", version=6, module_src=source, class_name=class_name, state=state
        )

    def __reduce__(self):
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


class Reconstructed:
    """`copyreg._reconstructor(cls, object, None)` + BUILD, as protocol 2 writes old classes."""

    def __init__(self, cls, state):
        self.cls, self.state = cls, state

    def __reduce__(self):
        return copyreg._reconstructor, (self.cls, object, None), self.state


def module_state(module: nn.Module, ordered: bool, children: dict, more: dict) -> dict:
    """The `__dict__` of a torch module, in the order in which torch fills it."""
    mapping = OrderedDict if ordered else dict
    parameters = mapping((k, v) for k, v in module._parameters.items())
    buffers = mapping((k, v) for k, v in module._buffers.items())
    state = {
        "training": False,
        "_parameters": parameters,
        "_buffers": buffers,
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": mapping(),
        "_is_full_backward_hook": None,
        "_forward_hooks": mapping(),
        "_state_dict_hooks": mapping(),
        "_modules": mapping(children),
    }
    return {**state, "_init_args": (), "_init_kwargs": {}, **more}


def graph(module: nn.Module, ordered: bool = True, name: str = "", extra: dict | None = None):
    """A module and its children as their pickle has them; `extra`: path → further attributes."""
    extra = extra or {}
    children = {
        key: graph(child, ordered, f"{name}.{key}".lstrip("."), extra)
        for key, child in module._modules.items()
        if child is not None
    }
    kind = type(module).__name__
    more = {"weight_gain": np.float64(0.5)} if CLASSES.get(kind) == "FullyConnectedLayer" else {}
    for attribute in (
        "bias_gain",
        "conv_clamp",
        "activation",
        "input_resolution",
        "neural_rendering_resolution",
    ):
        if hasattr(module, attribute):
            more[attribute] = getattr(module, attribute)
    if kind == "SuperResolution":
        more["sr_antialias"] = module.antialias
    state = module_state(module, ordered, children, {**more, **extra.get(name, {})})
    if kind in PLAIN:
        cls = getattr(sys.modules[PLAIN[kind]], kind, None) or named(PLAIN[kind], kind, object)
        return Reconstructed(cls, state)
    if isinstance(module, SuperResolution):
        return Persistent(f"SuperresolutionHybrid{extra['variant']}", state)
    return Persistent(CLASSES.get(kind, kind), state)


def eg3d_extra(g: EG3D, variant: str) -> dict:
    """What the top module of an EG3D keeps beside its tensors."""
    options = {
        "depth_resolution": g.samples,
        "depth_resolution_importance": g.importance,
        "ray_start": g.ray_start,
        "ray_end": g.ray_end,
        "box_warp": g.box_warp,
        "clamp_mode": "softplus",
        "c_scale": g.c_scale,
        "c_gen_conditioning_zero": False,
        "superresolution_noise_mode": "none",
        "white_back": g.white_back,
        "disparity_space_sampling": g.disparity,
    }
    easy = named("dnnlib.util", "EasyDict", dict)
    return {
        "": {
            "neural_rendering_resolution": g.rays,
            "rendering_kwargs": easy(options),
            "_last_planes": None,
        },
        "variant": variant,
    }


def stylegan3_extra(g: StyleGAN3) -> dict:
    """What the modules of a StyleGAN3 keep beside their tensors: numbers and arrays of numpy."""
    sizes = {
        "z_dim": g.z_dim,
        "c_dim": g.c_dim,
        "w_dim": g.w_dim,
        "img_resolution": g.resolution,
        "img_channels": 3,
    }
    options = {"channel_base": np.int64(32768), "num_layers": g.num_ws - 2}
    extra = {
        "": sizes | {"num_ws": g.num_ws, "_init_kwargs": sizes | options},
        "mapping": {"z_dim": g.z_dim, "num_ws": g.num_ws, "w_avg_beta": 0.998},
        "synthesis": {
            "num_layers": g.num_ws - 2,
            "num_critical": 2,
            "margin_size": 10,
            "output_scale": 0.25,
            "layer_names": list(g.synthesis.layer_names),
        },
        "synthesis.input": {
            "size": np.broadcast_to(np.asarray(g.synthesis.input.size), [2]),
            "sampling_rate": np.float64(g.synthesis.input.rate),
            "bandwidth": np.float64(g.synthesis.input.bandwidth),
        },
    }
    for name in g.synthesis.layer_names:
        extra[f"synthesis.{name}"] = {
            "out_size": np.array([int(name.split("_")[1])] * 2),
            "out_cutoff": np.float64(2.5),
            "conv_kernel": 3,
            "use_fp16": np.True_,
            "padding": [9, 8, 9, 8],
        }
    return extra


def with_renderer(top: Persistent, axes: torch.Tensor) -> Persistent:
    """EG3D's renderer: a plain class whose plane_axes is a tensor and no buffer."""
    cls = named("training.volumetric_rendering.renderer", "ImportanceRenderer", object)
    renderer = Reconstructed(cls, module_state(nn.Module(), True, {}, {"plane_axes": axes}))
    top.meta["state"]["_modules"]["renderer"] = renderer
    return top


def dump(networks: dict, protocol: int = 4, **more) -> bytes:
    """The pickle of {training_set_kwargs, G, D, G_ema, augment_pipe}."""
    content = {
        "training_set_kwargs": {
            "class_name": "training.dataset.ImageFolderDataset",
            "resolution": 32,
        },
        **networks,
        "augment_pipe": None,
        **more,
    }
    stream = io.BytesIO()
    pickle.dump(content, stream, protocol=protocol)
    return stream.getvalue()


@contextmanager
def writing():
    """Everything that must exist while a pickle is written."""
    with importable(
        "torch_utils.persistence",
        "dnnlib.util",
        "training.triplane",
        "training.volumetric_rendering.renderer",
    ):
        named("torch_utils.persistence", "_reconstruct_persistent_obj")
        yield
