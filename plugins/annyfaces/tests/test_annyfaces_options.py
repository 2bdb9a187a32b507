"""Wrong options are one sentence."""

import pytest
from gantoolkit_annyfaces.__main__ import add_arguments

from gantoolkit.cli import options
from gantoolkit.core.errors import UsageError


def parse(*more):
    parser = options.Parser(prog="gantoolkit data render annyfaces")
    add_arguments(parser)
    return parser.parse_args(["--out", "y", *more])


def test_numbers_and_ranges_of_identities():
    args = parse("--count", "3", "--start", "val")
    assert (args.count, args.start) == (3, 3_000_000)
    assert parse("--count", "3").start == 0
    assert parse("--count", "3", "--start", "17").start == 17


@pytest.mark.parametrize(
    "typed, words",
    [
        (("--count", "0"), "--count must be at least 1, not 0"),
        (("--count", "1", "--seed", "-1"), "--seed must be from 0 to"),
        (("--count", "1", "--resolution", "0"), "--resolution must be from 16 to 2048"),
        (("--count", "1", "--start", "vall"), "there is no range 'vall' .did you mean 'val'"),
        (("--count", "1", "--rare", "0.5"), "--rare must be from 1 to 4"),
        (("--count", "1", "--start", "-4"), "--start must be at least 0"),
    ],
)
def test_mistakes(typed, words):
    with pytest.raises(UsageError, match=words):
        parse(*typed)
