from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hierpool.files import Source, read_file
from hierpool.table import InputError, read_table

PLAIN = "player,hits,at_bats\nAnn,1,3\nBob,2,5\n"


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, content: str | bytes) -> tuple[pd.DataFrame, Source]:
    return read_file(written(folder, content))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "|"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.removesuffix("\n"),
        PLAIN + "\n\n",
        PLAIN.replace("\n", "\n   \n"),
        "# a, b; c | d\n#\n" + PLAIN,
        PLAIN.replace("Bob", "# a comment, in the middle\nBob"),
        PLAIN + "# the end",
        "\ufeff" + PLAIN,
        "\ufeff# a comment\n" + PLAIN,
        PLAIN.replace("Ann", '"Ann"').replace("hits", '"hits"'),
        PLAIN.replace("hits,at_bats", " hits , at_bats "),
    ],
    ids=[
        "comma",
        "tab",
        "semicolon",
        "bar",
        "CRLF",
        "CR",
        "no final newline",
        "empty lines at the end",
        "blank lines between",
        "comments before",
        "comment in the middle",
        "comment at the end",
        "byte-order mark",
        "byte-order mark before a comment",
        "quotes",
        "spaces around column names",
    ],
)
def test_a_table_is_the_same_however_its_file_is_written(tmp_path: Path, content: str) -> None:
    frame, source = read(tmp_path, content)
    want = {"player": ["Ann", "Bob"], "hits": ["1", "2"], "at_bats": ["3", "5"]}
    assert frame.to_dict("list") == want
    assert source.name == "table.csv"


def test_the_separator_is_what_the_header_has_most_of(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "name;hits, all;at bats\nA;1;2\n")
    assert list(frame.columns) == ["name", "hits, all", "at bats"]
    frame, _ = read(tmp_path, '"a;b;c;d",hits\nA,1\n')
    assert list(frame.columns) == ["a;b;c;d", "hits"]


def test_quoted_names_may_hold_separators_and_quotes(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, 'who,y,n\n"Smith, Ann",1,2\n"the ""Babe""",3,4\n"#1",5,6\n')
    assert list(frame["who"]) == ["Smith, Ann", 'the "Babe"', "#1"]


def test_column_names_may_hold_hyphens_and_spaces_and_any_script(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "имя,at-bats,hits so far,打数\nИван,1,2,3\n大谷,4,5,6\n")
    assert list(frame.columns) == ["имя", "at-bats", "hits so far", "打数"]
    assert list(frame["имя"]) == ["Иван", "大谷"]


@pytest.mark.parametrize(
    "name", ["NA", "None", "nan", "007", "1e3", "TRUE", "-", " padded ", "a\u2028b", "a\x85b"]
)
def test_nothing_is_guessed_of_a_value(tmp_path: Path, name: str) -> None:
    frame, _ = read(tmp_path, f"who,y,n\n{name},1,2\n")
    assert frame["who"].tolist() == [name]


def test_a_row_stands_on_the_line_an_editor_shows(tmp_path: Path) -> None:
    content = '# one\n# two\nwho,y,n\nA,1,2\n\n# six\nB,3,4\r\n"C\nc",5,6\nD,7,8'
    _, source = read(tmp_path, content)
    assert source.lines is not None
    np.testing.assert_array_equal(source.lines, [4, 7, 8, 10])
    assert [source.line(row) for row in range(4)] == [4, 7, 8, 10]
    assert Source("no file", None).line(0) is None


def test_a_file_of_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "who,y,n\n")
    assert len(frame) == 0
    with pytest.raises(InputError, match=r"table\.csv has no rows: at least one group is needed"):
        read_table(tmp_path / "table.csv", successes="y", trials="n", group="who")


BAD = {
    "empty": (b"", r"table\.csv is empty: a header and at least one row are needed"),
    "only comments": (b"# nothing\n\n", r"table\.csv is empty"),
    "UTF-16": (PLAIN.encode("utf-16"), r"in UTF-16: save it as UTF-8"),
    "UTF-16, other end first": (
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        r"in UTF-16: save it as UTF-8",
    ),
    "Latin-1": (
        b"who,y,n\nA,1,2\nJos\xe9,1,2\n",
        r"table\.csv is not in UTF-8 \(line 3\): save it as UTF-8",
    ),
    "NUL bytes": (b"who,y,n\nA\0,1,2\n", r"table\.csv is not a text file: it has NUL bytes"),
    "a workbook": (b"PK\x03\x04\x14\0", r"workbook or an archive: save its table as CSV"),
    "a row too short": (
        b"# note\nwho,y,n\nA,1,2\n\nB,1\n",
        r"table\.csv, line 5: 2 fields where the header has 3\.",
    ),
    "a row too long": (
        b"who,y,n\nA,1,2\nSmith, Ann,1,2\n",
        r"table\.csv, line 3: 4 fields where the header has 3: quote what holds a ','",
    ),
    "an unclosed quote": (
        b'who,y,n\nA,1,2\n"B,1,2\nC,1,2\n',
        r"table\.csv, line 3: .*is every quote closed\?",
    ),
    "text after a quote": (b'who,y,n\n"A"a,1,2\n', r"table\.csv, line 2: .*every quote closed\?"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_a_file_that_is_no_table_is_refused_with_its_name_and_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match=message) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        read_table(str(path), successes="y", trials="n", group="who")


def test_a_missing_file_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        read_file(tmp_path / "nowhere.csv")
