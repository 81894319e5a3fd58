import bz2
import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hierpool.input.datasets import dataset_path
from hierpool.input.files import Source, read_file
from hierpool.input.table import InputError, read_table

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


@pytest.mark.parametrize(
    "name",
    [
        "two\nlines",
        "two\r\nlines",
        "a\n\nblank line",
        "a\n   \nline of spaces",
        "a\n# no comment",
        "# no comment either",
        "\nfirst",
        "last\n",
        'a "quote", and\n"another"',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_stands_in_quotes_is_kept_as_it_is(tmp_path: Path, name: str, end: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    lines = ["# a comment", "who,y,n", f"{quoted},1,2", "", "# a comment", f"B,3,{quoted}", "C,5,6"]
    frame, source = read(tmp_path, end.join(lines))
    assert frame["who"].tolist() == [name, "B", "C"]
    assert frame["n"].tolist() == ["2", name, "6"]
    # Rows stand on the line where they start.
    inner = len(name.splitlines()) - (not name.endswith("\n"))
    assert source.lines is not None
    assert source.lines.tolist() == [3, 6 + inner, 7 + 2 * inner]


def test_names_of_columns_may_have_two_lines(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, 'who,"hits\n(2024)",n\nA,1,2\n')
    assert list(frame.columns) == ["who", "hits\n(2024)", "n"]


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
    "a workbook of before 2007": (
        b"\xd0\xcf\x11\xe0",
        r"workbook .* by pandas\.read_excel and pass",
    ),
    "Zstandard": (b"\x28\xb5\x2f\xfd", r"compressed by Zstandard: decompress it first"),
    "JSON": (b' {"who": ["A"]}', r"table\.csv is JSON: .*by pandas\.read_json and pass the frame"),
    "JSON, a list": (b'[\n {"who": "A"}]', r"table\.csv is JSON"),
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


def test_all_rows_of_another_width_are_told_at_once_with_what_else_is_wrong(tmp_path: Path) -> None:
    content = "who,y,n\nA,1\nB,x,5\nSmith, Ann,1,2\nC,1,2\nD\n,-1,4\nC,5,4\n"
    message = (
        r"table\.csv, line 2: 2 fields where the header has 3; line 4: 4 fields; line 6: 1 fields: "
        r"quote what holds a ','\. .*needs a name in column 'who': group '2' \(line 7\).* "
        r"y must be whole numbers: group 'B' \(line 3\) has 'x'\. "
        r"y must not be negative: group '2' \(line 7\) has -1\. "
        r"y must not exceed n: group 'C' \(line 8\) has 5 of 4\. "
        r".*name of its own .*: group 'C' \(line 8\)"
    )
    with pytest.raises(InputError, match=message) as caught:
        read_table(written(tmp_path, content), successes="y", trials="n", group="who")
    assert "\n" not in str(caught.value)


def test_of_many_rows_of_another_width_five_are_shown(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 6: 1 fields\."):
        read(tmp_path, "who,y,n\n" + "A\n" * 5)
    with pytest.raises(ValueError, match=r"line 6: 1 fields; and 1 more lines\."):
        read(tmp_path, "who,y,n\n" + "A\n" * 6)
    with pytest.raises(ValueError, match=r"line 6: 1 fields; and 2 more lines\."):
        read(tmp_path, "who,y,n\n" + "A\n" * 7)


@pytest.mark.parametrize("name", ["efron-morris-75", Path("rat-tumors"), "surgical-mortality"])
def test_the_name_of_a_shipped_table_is_read_as_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | Path
) -> None:
    monkeypatch.chdir(tmp_path)
    frame, source = read_file(name)
    assert source.name == f"{name}.csv"
    pd.testing.assert_frame_equal(frame, read_file(dataset_path(str(name)))[0])
    # A folder of that name hides nothing; a file does.
    Path(name).mkdir()
    assert len(read_file(name)[0]) == len(frame)
    Path(name).rmdir()
    Path(name).write_text(PLAIN)
    assert read_file(name)[0]["player"].tolist() == ["Ann", "Bob"]


@pytest.mark.parametrize(
    "url", ["https://example.org/a.csv", "s3://bucket/a.parquet", "file:///tmp/a.csv"]
)
def test_a_url_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(ValueError, match=f"{url} is a URL: download the file first"):
        read_file(url)


def test_a_name_near_a_shipped_one_is_suggested() -> None:
    with pytest.raises(FileNotFoundError, match=r"did you mean efron-morris-75, which ships"):
        read_file("efron-moris-75")


def test_a_missing_file_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        read_file(tmp_path / "nowhere.csv")


COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_compressed_file_is_read_as_the_file_itself(tmp_path: Path, suffix: str) -> None:
    for content, name in ((PLAIN, "table.csv"), (PLAIN.replace(",", "\t"), "table.tsv")):
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(COMPRESS[suffix](content.encode()))
        frame, source = read_file(path)
        assert frame.to_dict("list") == read(tmp_path, PLAIN)[0].to_dict("list")
        assert source.name == path.name and source.line(0) == 2
    # Its first bytes say how it is compressed, whatever it is called.
    path.rename(tmp_path / "table")
    assert len(read_file(tmp_path / "table")[0]) == 2


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_compressed_file_that_is_damaged_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = COMPRESS[suffix](PLAIN.encode() * 99)
    middle = len(whole) // 2
    for damaged in (
        whole[:middle],
        whole[:middle] + b"\0\0\0\0" + whole[middle + 4 :],
        whole[:10] + b"\xff" * 20 + whole[30:],
    ):
        path = written(tmp_path, damaged)
        with pytest.raises(InputError, match=r"table\.csv can't be read as an? .* file: .*\.$"):
            read_table(path, successes="hits", trials="at_bats")


def test_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (PLAIN.encode(), gzip.compress(PLAIN.encode())):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        frame, source = read_file("-")
        assert frame["player"].tolist() == ["Ann", "Bob"]
        assert (source.name, source.line(1)) == ("standard input", 3)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ValueError, match="standard input is empty"):
        read_file("-")


def test_the_separator_of_a_tsv_is_a_tab(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("last, first\thits, all; so far\n\u00c5, B\t1\n")
    assert list(read_file(path)[0].columns) == ["last, first", "hits, all; so far"]
    # What has no tab is no TSV, whatever it is called.
    path.write_text(PLAIN)
    assert list(read_file(path)[0].columns) == ["player", "hits", "at_bats"]


@pytest.mark.parametrize("separator", [" ", ":", "^"])
def test_a_file_with_another_separator_is_refused_with_those_that_are_known(
    tmp_path: Path, separator: str
) -> None:
    path = written(tmp_path, PLAIN.replace(",", separator))
    with pytest.raises(InputError, match=r"Columns must be separated by one of ',' '\\t' ';' '\|'"):
        read_table(path, successes="hits", trials="at_bats")
