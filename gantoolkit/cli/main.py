"""The command line: verbs and their arguments. What a verb does is imported when it is used.

`--help`, `list` and `show NAME` import neither torch nor mmengine nor a plugin's code.
"""

from __future__ import annotations

import argparse
import errno
import sys
from importlib import import_module
from typing import Any

from gantoolkit import __version__
from gantoolkit.cli import bench, figures, options
from gantoolkit.core.labels import ORDERS

EPILOG = (
    "Errors are one sentence; --debug shows the traceback. Documentation: docs/ of the repository."
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    try:
        args = parse([a for a in arguments if a != "--debug"])
        args.debug = debug
        return call(args) or 0
    except Exception as error:
        if debug:
            raise
        print(f"gantoolkit: {sentence(error)}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print("gantoolkit: interrupted.", file=sys.stderr)
        return 130


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments of a command line; key=value may stand anywhere after the verb."""
    root = parser(arguments)
    args, rest = root.parse_known_args(arguments)
    if hasattr(args, "overrides"):
        args.overrides += [a for a in rest if "=" in a and not a.startswith("-")]
        rest = [a for a in rest if a not in args.overrides]
    if rest:
        root.error(
            f"unrecognized arguments: {' '.join(rest)}; see 'gantoolkit {arguments[0]} --help'"
        )
    return args


def run_config(args: argparse.Namespace) -> None:
    """`gantoolkit run`: the config is checked before torch is imported."""
    from gantoolkit.config import loader

    values = loader.load_config(args.config, args.overrides).to_dict()
    if args.dry_run:
        from gantoolkit.planning.dry_run import main as dry_run

        dry_run(values, args.processes)
        return
    if args.processes:
        from gantoolkit.core.errors import UsageError

        raise UsageError(
            f"--processes belongs to --dry-run; start several with torchrun --nproc-per-node "
            f"{args.processes} -m gantoolkit run {args.config}."
        )
    from gantoolkit.training.runner import run

    run(
        values,
        args.out,
        args.resume,
        raw=loader.find_config(args.config),
        command=["gantoolkit", *sys.argv[1:]],
    )


def call(args: argparse.Namespace) -> int | None:
    """Import and run what the verb names: a function, or "module:function"."""
    command = args.command
    if isinstance(command, str):
        module, _, function = command.partition(":")
        command = getattr(import_module(module), function)
    return command(args)


def sentence(error: Exception) -> str:
    """An exception in one sentence."""
    from gantoolkit.core.errors import GantoolkitError
    from gantoolkit.registry import messages

    if isinstance(error, GantoolkitError):
        return str(error)
    if isinstance(error, ImportError) and (moved := messages.moved_module(error)):
        return f"{error}{moved}."
    if (
        isinstance(error, ModuleNotFoundError)
        and error.name
        and not error.name.startswith("gantoolkit")
    ):
        package = error.name.partition(".")[0]
        return f"This needs the Python package '{package}', which is not installed; install it with pip."
    if isinstance(error, BrokenPipeError):
        return "the reader of the output went away."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" ({error.filename})" if error.filename else ""
        return f"The disk is full{where}; free some space, or choose another folder with --out, and repeat."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'}: {error.strerror.lower()}."
    text = " ".join(str(error).split())
    end = "" if text.endswith(".") else "."
    return f"{type(error).__name__}: {text[:400]}{end} Repeat with --debug for the traceback."


def parser(arguments: list[str]) -> argparse.ArgumentParser:
    """The parser of all verbs; plugins' code is asked for more only where `arguments` may need it."""
    root = options.Parser(
        prog="gantoolkit",
        epilog=EPILOG,
        description=(
            "Faces from text and masks: a diffusion model steers a pre-trained 2D or 3D GAN."
        ),
    )
    root.add_argument("--version", action="version", version=f"gantoolkit {__version__}")
    root.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = root.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_run(verbs)
    _add_generate(verbs)
    _add_demo(verbs)
    _add_light(verbs)
    bench.add(verbs)
    figures.add(verbs)
    _add_weights(verbs)
    subparsers = {"": verbs, **_add_data(verbs)}
    typed = [a for a in arguments if not a.startswith("-")]
    if typed and (typed[0] == "data" or typed[0] not in verbs.choices) and _plugins_have(typed[0]):
        from gantoolkit.registry.plugins import hooks

        hooks().register_commands(subparsers=subparsers)
    if (
        typed[:2] == ["data", "render"]
        and typed[2:]
        and typed[2] not in subparsers["data render"].choices
    ):
        from gantoolkit.core.errors import UsageError
        from gantoolkit.registry import messages

        raise UsageError(
            messages.unknown_command("data render", typed[2], subparsers["data render"].choices)
        )
    return root


def _plugins_have(verb: str) -> bool:
    """Whether a registry.yaml promises a command that starts with this verb."""
    from gantoolkit.registry import manifest

    return any(command.split()[0] == verb for command in manifest.load().commands)


def _verb(verbs, name: str, command: Any, summary: str) -> argparse.ArgumentParser:
    added = verbs.add_parser(name, help=summary, description=f"{summary}.")
    added.set_defaults(command=command)
    return added


def _add_run(verbs) -> None:
    run = _verb(verbs, "run", run_config, "train what a config describes, score it and report")
    run.add_argument(
        "config", metavar="CONFIG", help="a path (configs/absm_eg3d.py works anywhere) or a preset"
    )
    run.add_argument(
        "overrides", nargs="*", metavar="key=value", help="for instance schedule.iterations=100"
    )
    run.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    run.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME)")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="only print parameters, memory and cache size; fetch nothing",
    )
    run.add_argument(
        "--processes",
        type=options.COUNT,
        metavar="N",
        help="of --dry-run: plan for N GPUs (default: 1)",
    )


def _add_generate(verbs) -> None:
    generate = _verb(
        verbs,
        "generate",
        "gantoolkit.inference.generate:main",
        "make faces from text and masks or scribbles with a finished run",
    )
    generate.add_argument(
        "source", metavar="RUN|PRESET", help="a run folder or the name of a preset"
    )
    generate.add_argument("--text", default="", help="the prompt; may be empty")
    generate.add_argument(
        "--mask", metavar="FILE|DIR", help="label map(s), 19 CelebAMask-HQ classes"
    )
    generate.add_argument(
        "--scribble",
        metavar="FILE|DIR",
        help="white strokes on black; beside --mask for runs on both",
    )
    generate.add_argument(
        "--data",
        metavar="ZIP",
        help="every sample of a data set once, from its own caption, condition "
        "and camera, as ID.png",
    )
    generate.add_argument(
        "--labels",
        choices=tuple(ORDERS),
        default="celebamask",
        help="how the numbers of a label map are read (default: CelebAMask-HQ's order)",
    )
    generate.add_argument("--seed", type=options.SEED, default=0, metavar="S")
    generate.add_argument(
        "--count", type=options.COUNT, default=1, metavar="N", help="seeds per picture: S, S+1, …"
    )
    generate.add_argument("--out", metavar="DIR", default="out")
    generate.add_argument(
        "--batch", type=options.COUNT, default=8, metavar="N", help="pictures at a time"
    )
    options.add_device(generate)
    generate.add_argument(
        "--generator",
        metavar="FILE|NAME",
        help="draw with this generator of the same codes, such as a stylised one",
    )
    generate.add_argument(
        "--t-out",
        type=options.TIME,
        default=0,
        metavar="T",
        help="stop at this denoising time, 999 to 0: early is fast (default 0: the end)",
    )
    generate.add_argument(
        "--aggregate",
        choices=("last", "mean"),
        default="last",
        help="the code of the last step, or the mean over all steps",
    )
    solid = generate.add_argument_group("3D faces")
    solid.add_argument(
        "--camera",
        choices=("label", "frontal", "estimate"),
        default=None,
        help="a label file's, frontal, or fitted to the mask (default: the first there is)",
    )
    solid.add_argument(
        "--views", type=options.COUNT, default=1, metavar="N", help="views of each face"
    )
    solid.add_argument("--turntable", choices=("gif", "mp4"), help="also a film around the face")
    solid.add_argument(
        "--frames", type=options.COUNT, default=48, metavar="N", help="frames of the turntable"
    )
    solid.add_argument("--depth", action="store_true", help="also 16-bit depth pictures")
    solid.add_argument("--mesh", action="store_true", help="also a mesh with colours (.ply)")


def _add_demo(verbs) -> None:
    demo = _verb(
        verbs, "demo", "gantoolkit.demo.command:main", "open a page to paint, prompt and turn faces"
    )
    demo.add_argument(
        "sources",
        nargs="*",
        metavar="RUN|PRESET|FOLDER",
        help="trained runs, presets or folders of runs (default: presets with weights, and runs/)",
    )
    demo.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="default: 127.0.0.1, this machine only",
    )
    demo.add_argument(
        "--port",
        type=options.whole(1, 65535),
        metavar="N",
        help="default: the first free one from 7860",
    )
    demo.add_argument(
        "--share", choices=("never",), default="never", help="never: there is no public tunnel"
    )
    options.add_device(demo)


def _add_light(verbs) -> None:
    listing = _verb(
        verbs,
        "list",
        "gantoolkit.cli.list_show:list_",
        "list components, configs, presets, weights, plugins",
    )
    listing.add_argument(
        "kind", nargs="?", metavar="KIND", help="generators, losses, configs, plugins, …"
    )
    show = _verb(
        verbs,
        "show",
        "gantoolkit.cli.list_show:show",
        "explain a component, weights or a preset; or resolve a config",
    )
    show.add_argument("name", metavar="NAME|CONFIG")
    show.add_argument("overrides", nargs="*", metavar="key=value", help="for a config")
    report = _verb(
        verbs, "report", "gantoolkit.report.run_page:main", "write the report of finished runs again"
    )
    report.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a finished run")
    doctor = _verb(
        verbs, "doctor", "gantoolkit.cli.doctor:main", "check that this installation works"
    )
    doctor.add_argument("--quick", action="store_true", help="import nothing and hash no weights")
    new = verbs.add_parser("new", help="start something of your own")
    things = new.add_subparsers(title="things", metavar="THING", required=True)
    plugin = _verb(
        things,
        "plugin",
        "gantoolkit.cli.new_plugin:main",
        "write a pip-installable plugin with a generator",
    )
    plugin.add_argument("name", metavar="NAME", help="lower-case letters, digits, - and _")
    plugin.add_argument("--out", metavar="DIR", help="where its folder is made (default: here)")


def _add_weights(verbs) -> None:
    weights = verbs.add_parser("weights", help="convert, export, fetch and check weights")
    actions = weights.add_subparsers(title="actions", metavar="ACTION", required=True)
    convert = _verb(
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
        "--part", metavar="NAME", help="write this part, or 'all' (default: those one loads)"
    )
    convert.add_argument("--licence", default="", metavar="TEXT", help="recorded in the result")
    convert.add_argument("--dry-run", action="store_true", help="only say what it holds")
    convert.add_argument(
        "--tokenizer", metavar="DIR", help="for Stable Diffusion, which keeps none in its file"
    )
    export = _verb(
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
    get = _verb(
        actions,
        "get",
        "gantoolkit.weights.download:main",
        "fetch published weights that registry.yaml lists",
    )
    get.add_argument("name", metavar="NAME", help="see gantoolkit list weights")
    get.add_argument(
        "--mirror", metavar="URL", help="fetch URL/FILE instead (or $GANTOOLKIT_MIRROR)"
    )
    get.add_argument(
        "--offline", metavar="DIR", help="take the file from this folder (or $GANTOOLKIT_OFFLINE)"
    )
    verify = _verb(
        actions, "verify", "gantoolkit.weights.verify:main", "compare weights with their sha256"
    )
    verify.add_argument("name", nargs="?", metavar="NAME", help="default: all")


def _add_data(verbs) -> dict[str, argparse._SubParsersAction]:
    from gantoolkit.cli import data as data_verbs

    data = verbs.add_parser("data", help="render, prepare and check data sets")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    data_verbs.add(actions)
    render = actions.add_parser("render", help="render a data set with a plugin (annyfaces)")
    sources = render.add_subparsers(title="sources", metavar="NAME", required=True)
    return {"data": actions, "data render": sources}


if __name__ == "__main__":
    sys.exit(main())
