"""CSV tables: every text that is written is read back."""

import pytest

from graincast.files import csv_table
from graincast.microstructure import BadInput


def test_every_text_is_read_back(tmp_path):
    rows = [["a\rb", "c\nd"], ["\r\n", '"'], ["e, f", " g "], ["", "ü\u2028"], ["\r", "h\r\n"]]
    csv_table.write(tmp_path / "a.csv", ["one", "two"], rows)
    assert csv_table.read(tmp_path / "a.csv") == (["one", "two"], rows)


def test_lines_end_with_a_line_feed(tmp_path):
    csv_table.write(tmp_path / "a.csv", ["one", "two"], [["a", 1], ["b", 2.5]])
    assert (tmp_path / "a.csv").read_bytes() == b"one,two\na,1\nb,2.5\n"


@pytest.mark.parametrize("content", [b"a\xff", b"a," + b"b" * 200_000])
def test_what_is_not_a_table_is_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(BadInput, match="not a table of comma-separated values in UTF-8"):
        csv_table.read(tmp_path / "a.csv")
