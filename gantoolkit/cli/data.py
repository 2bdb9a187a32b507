"""Arguments of `gantoolkit data`: `render`, `prepare`, `check` and `resize`."""

from __future__ import annotations

import argparse

from gantoolkit.cli import options
from gantoolkit.core.labels import ORDERS


def add(verbs) -> tuple[argparse._SubParsersAction, argparse._SubParsersAction]:
    """Add the verb.

    Returns its actions and the sources of `render`, to which plugins add theirs.
    """
    data = verbs.add_parser("data", help="render, prepare and check data sets")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_prepare(actions)
    _add_check(actions)
    _add_resize(actions)
    render = actions.add_parser("render", help="render a data set with a plugin (annyfaces)")
    sources = render.add_subparsers(title="sources", metavar="NAME", required=True)
    return actions, sources


def _add_prepare(actions) -> None:
    prepare = actions.add_parser(
        "prepare",
        help="turn published data, or your own folder, into what training reads",
        description="Turn published data, or your own images and masks, into zips that "
        "training reads. The source is never written to.",
    )
    prepare.set_defaults(command="gantoolkit.cli.prepare_data:prepare")
    prepare.add_argument(
        "source", choices=("celebamask-hq", "folder"), help="CelebAMask-HQ's tree, or your own"
    )
    prepare.add_argument("--root", metavar="DIR", required=True, help="where the data was unpacked")
    prepare.add_argument("--out", metavar="DIR", required=True, help="where the zips go")
    _add_places(prepare)
    _add_images(prepare.add_argument_group("images and label maps"))
    _add_scribbles(prepare.add_argument_group("scribbles"))
    _add_cameras(prepare.add_argument_group("cameras"))
    _add_split_and_work(prepare.add_argument_group("split and work"))


def _add_check(actions) -> None:
    check = actions.add_parser(
        "check",
        help="find what is wrong with a data set, prepared or not",
        description="Find wrong sizes, unknown labels, missing and duplicate files; exit "
        "code 1 where samples would be left out.",
    )
    check.set_defaults(command="gantoolkit.cli.prepare_data:check")
    check.add_argument(
        "root", metavar="DIR|ZIP", help="a folder, a file, or a name of registry.yaml"
    )
    check.add_argument(
        "--page",
        metavar="FILE",
        default="data-check.html",
        help="summary page with thumbnails (default: data-check.html)",
    )
    check.add_argument(
        "--workers", type=options.COUNT, metavar="N", help="threads (default: the number of cores)"
    )
    _add_places(check)
    check.add_argument(
        "--labels", default="auto", metavar="ORDER", help="how label numbers are read"
    )


def _add_resize(actions) -> None:
    resize = actions.add_parser("resize", help="a smaller copy of a data set that training reads")
    resize.set_defaults(command="gantoolkit.data.resize:command")
    resize.add_argument("zip", metavar="ZIP", help="a file, or a name of registry.yaml")
    resize.add_argument(
        "--resolution", type=options.PIXELS, required=True, metavar="R", help="pixels"
    )
    resize.add_argument("--out", required=True, metavar="FILE", help="the zip to write")
    resize.add_argument("--limit", type=options.COUNT, metavar="N", help="only the first N samples")
    resize.add_argument(
        "--compact",
        action="store_true",
        help="less than half the size: images as WebP of quality 90, scribbles in 16 grays",
    )
    resize.add_argument("--no-depth", action="store_true", help="leave depth out")
    resize.add_argument(
        "--no-factors", action="store_true", help="leave the renderer's factors out"
    )


def _add_split_and_work(work: argparse._ArgumentGroup) -> None:
    work.add_argument(
        "--split",
        choices=("mm", "celeba", "share"),
        help="MM-CelebA-HQ's, CelebA's own, or a share by name "
        "(default: mm for celebamask-hq, share for folder)",
    )
    work.add_argument(
        "--test-share", type=options.number(0, 1), default=0.1, metavar="S", help="of --split share"
    )
    work.add_argument("--mirror", action="store_true", help="every sample a second time, flipped")
    work.add_argument("--limit", type=options.COUNT, metavar="N", help="only the first N samples")
    work.add_argument(
        "--workers",
        type=options.COUNT,
        metavar="N",
        help="processes (default: the number of cores, or 4 where --device is a GPU)",
    )
    options.add_device(work, "of PiDiNet: ")


def _add_places(parser: argparse.ArgumentParser) -> None:
    places = parser.add_argument_group("places, looked for under the root")
    places.add_argument("--images", metavar="DIR", help="pictures (default: looked for)")
    places.add_argument(
        "--masks", metavar="DIR", help="label maps, or NNNNN_part.png masks (default: looked for)"
    )
    places.add_argument(
        "--captions",
        metavar="DIR|FILE",
        help="NAME.txt with a caption per line, or JSON; none: empty prompts (default: looked for)",
    )
    places.add_argument(
        "--drawings",
        metavar="DIR",
        help="scribbles by people, either polarity (default: looked for)",
    )
    places.add_argument(
        "--landmarks",
        metavar="DIR",
        help="NAME.txt with five points, as EG3D's detections (default: looked for)",
    )
    places.add_argument(
        "--camera-file",
        metavar="FILE",
        help="dataset.json with EG3D's or IDE-3D's labels (default: looked for)",
    )
    places.add_argument(
        "--convention", choices=("auto", "eg3d", "ide3d"), default="auto", help="signs of that file"
    )


def _add_images(images: argparse._ArgumentGroup) -> None:
    images.add_argument(
        "--resolution", type=options.PIXELS, default=512, metavar="R", help="pixels per side"
    )
    images.add_argument(
        "--format",
        choices=("jpg", "png", "webp"),
        default="jpg",
        help="of images: JPEG 97 in full color resolution, or lossless PNG, or WebP",
    )
    images.add_argument(
        "--crop",
        choices=("none", "ffhq", "eg3d"),
        default="none",
        help="square of image, mask and scribble alike",
    )
    images.add_argument(
        "--labels",
        default="auto",
        metavar="ORDER",
        help=f"how label numbers are read: auto, {', '.join(ORDERS)}",
    )
    images.add_argument(
        "--swap-sides", action="store_true", help="l_* classes of the source are the viewer's left"
    )


def _add_scribbles(scribbles: argparse._ArgumentGroup) -> None:
    scribbles.add_argument(
        "--scribbles",
        choices=("pidinet", "canny", "drawings", "none"),
        default="pidinet",
        help="by a network, by gradients, those of --drawings, or none",
    )
    scribbles.add_argument(
        "--pidinet", metavar="WEIGHTS", default="pidinet", help="a name, or table5_pidinet.pth"
    )
    scribbles.add_argument(
        "--preprocessing",
        choices=("controlnet", "original"),
        default="controlnet",
        help="of PiDiNet's input: the annotator's (BGR, /255) or the original's (ImageNet)",
    )
    scribbles.add_argument(
        "--safe", action="store_true", help="quantize edges, the annotator's safe switch"
    )
    scribbles.add_argument(
        "--detect",
        type=options.PIXELS,
        default=512,
        metavar="R",
        help="pixels at which edges are found",
    )


def _add_cameras(cameras: argparse._ArgumentGroup) -> None:
    cameras.add_argument(
        "--cameras",
        choices=("auto", "label", "photo", "mask", "frontal"),
        default="auto",
        help="from the camera file, a face mesh (extra: landmarks), or the mask (default: the "
        "file where it has one, else the mask)",
    )
    cameras.add_argument(
        "--face-model",
        metavar="FILE",
        default="",
        help="MediaPipe's face_landmarker.task (its version 0.10.14 needs none)",
    )
