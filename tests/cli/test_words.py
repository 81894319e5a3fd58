"""What is said of a word that is no command and no flag."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fti"], "hierpool: there is no command fti; did you mean fit? (see hierpool --help)"),
        (["xyz"], "hierpool: there is no command xyz (see hierpool --help)"),
        (
            ["fit", "x.csv", "--sucesses", "y"],
            "hierpool fit: there is no flag --sucesses; did you mean --successes? (see hierpool "
            "fit --help)",
        ),
        (["-q"], "hierpool: there is no flag -q (see hierpool --help)"),
        (["summary", "x.nc", "y.nc"], "'y.nc' is a word too many (see hierpool --help)"),
        (["summary", "x.nc", "--rows", "1e3"], "--rows must be a whole number, not '1e3' (see"),
        (["summary", "x.nc", "--zzz=1"], "there is no flag --zzz (see hierpool summary --help)"),
    ],
)
def test_a_word_that_is_unknown_is_answered_by_the_nearest(
    words: list[str], message: str, refuses: Callable[[list[str], str], None]
) -> None:
    refuses(words, message)
