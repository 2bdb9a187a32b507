"""What stands between two marks is replaced; everything else of the page stays."""

import pytest

from gantoolkit.core.errors import DataError
from gantoolkit.report import marked_tables

PAGE = "# Title\n\n<!-- a -->\nold\nlines\n<!-- end -->\nkept <!-- end -->\n"


def test_only_what_stands_between_is_replaced(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    marked_tables.renew(path, "<!-- a -->", "<!-- end -->", "néw")
    text = "# Title\n\n<!-- a -->\nnéw\n<!-- end -->\nkept <!-- end -->\n"
    assert path.read_text(encoding="utf-8") == text
    marked_tables.renew(path, "<!-- a -->", "<!-- end -->", "néw")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "begin, end",
    [("<!-- b -->", "<!-- end -->"), ("<!-- a -->", "<!-- stop -->"), ("lines", "<!-- a -->")],
)
def test_a_page_without_the_marks_is_left_alone(tmp_path, begin, end):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    with pytest.raises(DataError, match=r"page.md lacks the marks .* where the table belongs"):
        marked_tables.renew(path, begin, end, "new")
    assert path.read_text() == PAGE
