"""Weights files: safetensors with the architecture in the metadata, found by name.

names       the file behind a name, and checksums
reading     tensors, architecture and metadata of a file
writing     tensors and architecture into a file
state_dict  which tensors are missing, unexpected, of another shape or not finite
blank       networks whose first weights are read rather than drawn
recognize   pointers, web pages, texts and cut files in place of weights
folders     the weights of a folder of diffusers or transformers, in all their variants
cache       converted checkpoints of other projects
http_file   a file of any server, resumed and checked
hub         repositories of the Hub, by huggingface_hub
hub_files   which files of a repository are read here
download    `gantoolkit weights get`
offer       what a command needs and is not here, offered with size and licence
verify      `gantoolkit weights verify`
"""

from gantoolkit.core.parts import Part
from gantoolkit.weights.names import checksum, checksums, differing, matches, resolve, sha256
from gantoolkit.weights.reading import (
    architecture,
    header,
    load,
    networks_behind,
    training_networks,
    with_current_names,
)
from gantoolkit.weights.writing import save

__all__ = [
    "Part",
    "architecture",
    "checksum",
    "checksums",
    "differing",
    "header",
    "load",
    "matches",
    "networks_behind",
    "resolve",
    "save",
    "sha256",
    "training_networks",
    "with_current_names",
]
