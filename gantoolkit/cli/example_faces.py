"""`gantoolkit examples`: list the masks, scribbles and prompts of the package, or copy them."""

from __future__ import annotations

from argparse import Namespace

from gantoolkit.cli.list_show import table
from gantoolkit.core.files import check_output_folder
from gantoolkit.data import examples


def main(args: Namespace) -> None:
    """Print names and prompts, or copy all files to `--out`."""
    if args.out is not None:
        check_output_folder(args.out)
        for path in examples.copy(args.out):
            print(path)
        return
    print("faces, for --mask NAME or --scribble NAME:")
    captions = examples.captions()
    table(list(captions.items()), indent="  ")
    print("prompts for any face:")
    for prompt in examples.prompts():
        print(f"  {prompt}")
    name, caption = next(iter(captions.items()))
    print(f'\ngantoolkit generate eg3d-mask --mask {name} --text "{caption}"')
