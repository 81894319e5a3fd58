"""Every public function has an example, and every example runs as it stands there."""

import doctest
import inspect

import pytest

import hierpool

PUBLIC = {name: getattr(hierpool, name) for name in hierpool.__all__}
FUNCTIONS = [name for name, value in PUBLIC.items() if inspect.isroutine(value)]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples_of(name: str) -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=False)
    found = finder.find(PUBLIC[name], name, module=False, globs={})
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_says_what_it_takes_and_returns_and_shows_it(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    assert "Args:" in text and "Examples:" in text and examples_of(name)


@pytest.mark.parametrize("name", [name for name in PUBLIC if examples_of(name)])
def test_the_example_of_a_docstring_runs(name: str) -> None:
    for test in examples_of(name):
        report: list[str] = []
        doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
        assert not report, "".join(report)
