"""Results that print their answer: a sentence first, then tables that fit in 80 columns."""

from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Protocol

from hierpool.runtime.order import new_first
from hierpool.runtime.tables import Table, Where, html_of, text_of
from hierpool.runtime.text import printable, wrapped

WIDTH = 80
"""Columns of a printed result."""
MOST_ROWS = 20
"""Most rows of each table of a printed result."""


class Answer(Protocol):
    """A result that has a sentence and tables."""

    @property
    def sentence(self) -> str:
        """The answer in one or two sentences."""
        ...

    def tables(self) -> list[Table]:
        """Returns the tables, in the order in which they are printed."""
        ...


def printed[T](cls: type[T]) -> type[T]:
    """Returns the class of a result, whose instances print their sentence and their tables.

    Args:
        cls: a class with the members of ``Answer``.
    """
    methods: dict[str, Callable[[Any], str]] = {
        "__str__": text_of_answer,
        "__repr__": text_of_answer,
        "_repr_html_": html_of_answer,
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def text_of_answer(answer: Answer) -> str:
    """Returns a result as text in 80 columns."""
    tables = (
        text_of(in_order(table), WIDTH, MOST_ROWS, _where(table)) for table in answer.tables()
    )
    return "\n\n".join([text_of_lines([answer.sentence]), *tables])


def html_of_answer(answer: Answer) -> str:
    """Returns a result as HTML, as a notebook shows it."""
    tables = (html_of(in_order(table), MOST_ROWS, _where(table)) for table in answer.tables())
    return html_of_lines([answer.sentence]) + "".join(tables)


def text_of_lines(lines: Iterable[str]) -> str:
    """Returns sentences as text in 80 columns, each on a line of its own."""
    return "\n".join(wrapped(str(printable(line)), WIDTH) for line in lines)


def html_of_lines(lines: Iterable[str]) -> str:
    """Returns sentences as paragraphs of HTML, in which names are text."""
    return "".join(f"<p>{escape(str(printable(line)))}</p>" for line in lines)


def in_order(table: Table) -> Table:
    """Returns a table in the order in which it is printed: new groups first."""
    return table._replace(frame=new_first(table.frame, table.sort, table.within))


def _where(table: Table) -> Where:
    return Where(rows=f".{table.name} has all", columns=f".{table.name} has all")
