"""Prints tables: every column where there is room, else the most important ones, in straight lines.

The commands and the results of functions print by it.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from hierpool.runtime.numbers import cells_of
from hierpool.runtime.text import columns_of, cut, padded, printable, wrapped

if TYPE_CHECKING:
    import pandas as pd

LONG_ROW = 8
"""Most columns of a single row that are printed side by side."""
SHARE_OF_NAMES = 0.4
"""Share of the width that names may take before columns are left out for them."""
FEW = 3
"""Number of columns for which names are cut to the narrowest."""
NARROWEST = 12
"""Fewest columns of the terminal to which a name is cut."""


class Table(NamedTuple):
    """A table of an answer, and how it is printed."""

    name: str
    """Its name in the result and in JSON, as "groups"."""
    title: str
    """The line above it."""
    frame: "pd.DataFrame"
    """The table."""
    keep: tuple[str, ...] = ()
    """The columns that are left out last where there is little room, the most important first."""
    sort: str = "input"
    """The column by which it is sorted unless the user says otherwise, or "input"."""
    within: int = 0
    """Number of levels of the index that stay together when it is sorted."""
    notes: tuple[str, ...] = ()
    """Sentences below it."""
    has_scales: bool = False
    """Whether the numbers of a column are of different scales, so that each has digits of its
    own."""


class Where(NamedTuple):
    """What a reader is told about rows and columns that are not shown."""

    rows: str
    """Where to find the other rows."""
    columns: str
    """Where to find the other columns."""


class Column(NamedTuple):
    """A column as it is printed."""

    name: str
    """Its header."""
    cells: list[str]
    """Its cells."""
    is_text: bool
    """Whether it is text, on the left, or numbers, on the right."""
    room: int
    """Columns of the terminal that its widest cell takes."""

    def width(self, *, folded: bool) -> int:
        """Returns the columns of the terminal that it takes with its header."""
        return max(self.room, *map(columns_of, self.header(folded=folded)))

    def header(self, *, folded: bool) -> list[str]:
        """Returns its header in one line, or in two, folded at an underscore."""
        if not folded:
            return [self.name]
        ends = [place + 1 for place, letter in enumerate(self.name) if letter == "_"]
        halves = [[self.name[:end], self.name[end:]] for end in ends] or [[self.name]]
        return min(halves, key=lambda lines: max(map(columns_of, lines)))


class Layout(NamedTuple):
    """Columns that fit side by side."""

    columns: list[Column]
    """The columns that are shown."""
    gap: int
    """Spaces between columns."""
    folded: bool
    """Whether headers are folded."""

    @property
    def width(self) -> int:
        """The columns of the terminal that it takes."""
        widths = [column.width(folded=self.folded) for column in self.columns]
        return sum(widths) + self.gap * (len(widths) - 1)

    def lines(self) -> Iterator[str]:
        """Yields the lines of the header and of the rows."""
        headers = [column.header(folded=self.folded) for column in self.columns]
        height = max(map(len, headers))
        widths = [column.width(folded=self.folded) for column in self.columns]
        filled = [[""] * (height - len(header)) + header for header in headers]
        cells = [[*top, *column.cells] for top, column in zip(filled, self.columns, strict=True)]
        for row in zip(*cells, strict=True):
            line = (
                padded(cell, width, right=not column.is_text)
                for cell, width, column in zip(row, widths, self.columns, strict=True)
            )
            yield (" " * self.gap).join(line).rstrip()


def text_of(table: Table, width: int | None, most_rows: int, where: Where) -> str:
    """Returns a table as text, with its title, and with what is left out below.

    Args:
        table: the table.
        width: columns of the terminal; None for no limit.
        most_rows: most rows that are shown; 0 for all.
        where: where the reader finds the rest.
    """
    shown = table.frame if most_rows <= 0 else table.frame.head(most_rows)
    names, columns = columns_of_frame(shown, has_scales=table.has_scales)
    below = []
    if len(table.frame) == 1 and len(columns) > LONG_ROW:
        lines = list(_as_record(shown, width))
    else:
        layout = _fitting(names, columns, _by_importance(columns, table.keep), width)
        lines = list(layout.lines())
        left_out = [column.name for column in columns if column not in layout.columns]
        is_cut = layout.columns[: len(names)] != names
        below = list(_left_out(left_out, where, is_cut=is_cut))
    more = len(table.frame) - len(shown)
    if more:
        below.insert(0, f"... and {more} more ({where.rows}).")
    below += table.notes
    title = wrapped(table.title, width)
    return "\n".join([title, *lines, *(wrapped(line, width) for line in below)])


def html_of(table: Table, most_rows: int, where: Where) -> str:
    """Returns a table as HTML, in which names are text."""
    shown = table.frame.head(most_rows)
    names, columns = columns_of_frame(shown, has_scales=table.has_scales)
    both = [*names, *columns]
    sides = ["left" if column.is_text else "right" for column in both]
    head = _html_row("th", [column.name for column in both], sides)
    rows = zip(*(column.cells for column in both), strict=True)
    body = "".join(_html_row("td", row, sides) for row in rows)
    more = len(table.frame) - len(shown)
    below = [f"... and {more} more ({where.rows})."] if more else []
    notes = "".join(f"<p>{escape(note)}</p>" for note in [*below, *table.notes])
    return (
        # A name without a space may be wider than the page.
        f'<div style="overflow-x: auto"><table><caption style="text-align: left">'
        f"{escape(table.title)}</caption><thead>{head}</thead><tbody>{body}</tbody></table></div>"
        f"{notes}"
    )


def _html_row(tag: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    each = zip(cells, sides, strict=True)
    inside = "".join(
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for cell, side in each
    )
    return f"<tr>{inside}</tr>"


def columns_of_frame(
    frame: "pd.DataFrame", *, has_scales: bool
) -> tuple[list[Column], list[Column]]:
    """Returns the columns of the index, if it has a name, and those of the frame."""
    names = []
    for level, name in enumerate(frame.index.names):
        if name is not None or frame.index.nlevels > 1:
            labels = frame.index.get_level_values(level)
            names.append(_column(name, map(str, labels), is_text=True))
    columns = []
    for index, name in enumerate(frame.columns):
        values = frame.iloc[:, index]
        cells = cells_of(values, has_scales=has_scales)
        columns.append(_column(name, cells, is_text=values.dtype.kind not in "biufc"))
    return names, columns


def _column(name: object, cells: Iterable[str], *, is_text: bool) -> Column:
    safe = [str(printable(cell)) for cell in cells]
    return Column(str(printable(str(name))), safe, is_text, max(map(columns_of, safe), default=0))


def _by_importance(columns: Sequence[Column], keep: Sequence[str]) -> list[Column]:
    """Returns columns, the most important first, and Monte Carlo errors last."""

    def place(column: Column) -> tuple[bool, int]:
        first = keep.index(column.name) if column.name in keep else len(keep)
        return column.name.endswith("mcse"), first

    return sorted(columns, key=place)


def _fitting(
    names: list[Column], columns: list[Column], important: list[Column], width: int | None
) -> Layout:
    """Returns the layout with the most columns that fits, and with as much of the names as fits."""
    if width is None:
        return Layout([*names, *columns], 2, folded=False)
    num_long = max(1, sum(column.room > NARROWEST for column in names))
    room = max(NARROWEST, int(SHARE_OF_NAMES * width) // num_long)
    num_results = sum(not column.name.endswith("mcse") for column in columns)
    for number in range(len(columns), 0, -1):
        kept = _with_both_ends([column for column in columns if column in important[:number]])
        # Headers are folded only once the Monte Carlo errors are left out.
        folds = ((2, True), (1, True)) if number <= num_results else ()
        # The last few columns are worth more than what is left of the names.
        rooms = (room, NARROWEST) if number <= FEW else (room,)
        for most, (gap, folded) in product(rooms, ((2, False), (1, False), *folds)):
            layout = Layout([*_cut_names(names, most), *kept], gap, folded)
            if layout.width <= width:
                spare = (width - layout.width) // num_long
                return layout._replace(columns=[*_cut_names(names, most + spare), *kept])
    # Not even one column fits beside names of this length.
    return Layout([*_cut_names(names, NARROWEST), *important[:1]], 1, folded=True)


def _with_both_ends(columns: list[Column]) -> list[Column]:
    """Returns columns without an end of an interval whose other end is missing."""
    names = {column.name for column in columns}
    other = {"lower": "upper", "upper": "lower"}

    def is_whole(name: str) -> bool:
        end = name[-5:]
        return end not in other or name[:-5] + other[end] in names

    return [column for column in columns if is_whole(column.name)]


def _cut_names(names: list[Column], room: int) -> list[Column]:
    return [
        column._replace(cells=[cut(cell, room) for cell in column.cells], room=room)
        if column.room > room
        else column
        for column in names
    ]


def _left_out(names: list[str], where: Where, *, is_cut: bool) -> Iterator[str]:
    """Yields a sentence about columns that are left out and names that are cut, if any."""
    parts = [f"Left out: {', '.join(names)}"] if names else []
    if is_cut:
        parts.append("names are cut" if parts else "Names are cut")
    if parts:
        yield f"{'; '.join(parts)} ({where.columns})."


def _as_record(frame: "pd.DataFrame", width: int | None) -> Iterator[str]:
    """Yields a line for each name and column of a single row."""
    names, columns = columns_of_frame(frame, has_scales=True)
    widest = max(columns_of(column.name) for column in [*names, *columns])
    for column in [*names, *columns]:
        cell = column.cells[0]
        if width is not None:
            cell = cut(cell, max(NARROWEST, width - widest - 2))
        yield f"{padded(column.name, widest)}  {cell}".rstrip()
