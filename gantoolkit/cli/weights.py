"""Arguments of `gantoolkit weights convert`, `export`, `get` and `verify`."""

from __future__ import annotations

from gantoolkit.cli import options


def add(verbs) -> None:
    """Add the verb with its actions."""
    weights = verbs.add_parser("weights", help="convert, export, fetch and check weights")
    actions = weights.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_convert(actions)
    _add_export(actions)
    _add_get(actions)
    verify = options.add_verb(
        actions, "verify", "gantoolkit.weights.verify:main", "compare weights with their sha256"
    )
    verify.add_argument("name", nargs="?", metavar="NAME", help="default: all")


def _add_convert(actions) -> None:
    convert = options.add_verb(
        actions,
        "convert",
        "gantoolkit.convert.command:main",
        "say what a checkpoint of another project holds, and write it as safetensors",
    )
    convert.add_argument(
        "source", metavar="SRC", help="a .pkl, .pt, .pth, .ckpt, .safetensors or .onnx file"
    )
    convert.add_argument("target", nargs="?", metavar="DST.safetensors", help="default: beside SRC")
    convert.add_argument(
        "--part", metavar="NAME", help="write this network, or 'all' (default: those one loads)"
    )
    convert.add_argument("--licence", default="", metavar="TEXT", help="recorded in the result")
    convert.add_argument("--dry-run", action="store_true", help="only say what it holds")
    convert.add_argument(
        "--tokenizer", metavar="DIR", help="for Stable Diffusion, which keeps none in its file"
    )


def _add_export(actions) -> None:
    export = options.add_verb(
        actions,
        "export",
        "gantoolkit.convert.export:main",
        "write a StyleGAN2 for other projects, or a trained bridge as a folder of the Hub's form",
    )
    export.add_argument("source", metavar="SRC", help="a weights name, file or run folder")
    export.add_argument("target", metavar="DST", help="FILE.pt, FILE.safetensors or a folder")
    export.add_argument(
        "--to",
        choices=("rosinality", "nvidia", "hub"),
        help="default: by DST's ending, .pt, .safetensors or a folder",
    )
    export.add_argument(
        "--push",
        metavar="OWNER/NAME",
        help="also upload the bridge's folder to this repository of the Hub, with $HF_TOKEN",
    )
    export.add_argument(
        "--private", action="store_true", help="of --push: a repository that only you see"
    )


def _add_get(actions) -> None:
    get = options.add_verb(
        actions,
        "get",
        "gantoolkit.weights.download:main",
        "fetch published weights that registry.yaml lists, or a repository of the Hub",
    )
    get.add_argument(
        "name", metavar="NAME", help="see gantoolkit list weights; or OWNER/NAME of the Hub"
    )
    get.add_argument(
        "--include",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="files of a repository (default: those that are read here)",
    )
    get.add_argument(
        "--mirror", metavar="URL", help="fetch URL/FILE instead (or $GANTOOLKIT_MIRROR)"
    )
    get.add_argument(
        "--offline", metavar="DIR", help="take the file from this folder (or $GANTOOLKIT_OFFLINE)"
    )
