"""Bars of progress: what they say, how much room they take, and what they leave."""

import io
import os
import sys
import warnings
from contextlib import redirect_stderr
from types import SimpleNamespace

import numpy as np
import pytest
from screen import screen
from tqdm.std import tqdm

from hierpool.mcmc.bars import Bars, followed
from hierpool.mcmc.nuts import NUTS
from hierpool.mcmc.progress import Meter


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def meter_of(*steps: int, divergences: int = 0) -> Meter:
    """Returns what chains of 500 steps of warm-up and 1000 draws have done in 10 seconds."""
    meter = Meter(NUTS(len(steps), num_warmup=500, num_draws=1000))
    meter.steps[:] = steps
    meter.divergences[0] = divergences
    meter.step_size[:] = np.where(meter.steps, 0.4123, np.nan)
    meter.started -= 10
    return meter


def shown(meter: Meter, terminal: Terminal) -> list[str]:
    """Returns the screen while the bars are shown, after which they must have gone."""
    with redirect_stderr(terminal), Bars(leave=False).showing(meter) as show:
        show()
        lines = screen(terminal.getvalue())
    assert screen(terminal.getvalue()) == []
    return lines


def test_each_chain_tells_its_phase_draws_time_left_step_size_and_divergences(
    terminal: Terminal,
) -> None:
    first, second, third = shown(meter_of(750, 250, 0, divergences=3), terminal)
    assert first.startswith("chain 1 draws    250/1000 |█")
    assert first.endswith("| 0:10 left, step size 0.41, 3 divergent")
    assert second.startswith("chain 2 warm-up 250/500 |█")
    assert second.endswith("| 0:50 left, step size 0.41")
    # Nothing is known of it yet.
    assert third.startswith("chain 3 warm-up   0/500 | ") and third.endswith("|")


def test_the_ends_of_warmup_and_of_the_draws_are_told(terminal: Terminal) -> None:
    begun, done = shown(meter_of(500, 1500), terminal)
    assert begun.startswith("chain 1 draws      0/1000 |")
    assert done.startswith("chain 2 draws   1000/1000 |") and "left" not in done


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 200])
def test_no_bar_is_wider_than_the_terminal(
    columns: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hierpool.mcmc.bars.size", lambda stream: os.terminal_size((columns, 24)))
    lines = shown(meter_of(750, 1400, divergences=12), terminal)
    assert len(lines) == 2 and max(map(len, lines)) < columns
    assert [line[:13] for line in lines] == ["chain 1 draws", "chain 2 draws"]


def test_chains_that_a_terminal_can_not_show_apart_share_one_bar(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (of_many,) = shown(meter_of(*[600] * 9), terminal)
    assert of_many.startswith("9 chains draws    900/9000 |")
    (of_one,) = shown(meter_of(100), terminal)
    assert of_one.startswith("chain 1 warm-up 100/500 |")
    monkeypatch.setattr("hierpool.mcmc.bars.size", lambda stream: os.terminal_size((80, 2)))
    (of_two,) = shown(meter_of(300, 100), Terminal())
    assert of_two.startswith("2 chains warm-up  400/1000 |")
    monkeypatch.undo()
    monkeypatch.setenv("TERM", "dumb")
    plain = Terminal()
    (line,) = shown(meter_of(300, 100), plain)
    assert line.startswith("2 chains warm-up  400/1000 |")
    assert "\x1b" not in plain.getvalue()


def test_a_run_that_is_asked_to_stop_says_so(terminal: Terminal) -> None:
    meter = meter_of(750)
    meter.stop()
    (line,) = shown(meter, terminal)
    assert line.startswith("chain 1 stopping  250/1000 |")


def test_bars_stay_unless_they_are_to_go(terminal: Terminal) -> None:
    meter = meter_of(0, 0)
    with redirect_stderr(terminal), Bars().showing(meter):
        meter.steps[:], meter.step_size[:] = 1500, 0.5
    lines = screen(terminal.getvalue())
    assert [line[:27] for line in lines] == [f"chain {i} draws   1000/1000 |" for i in (1, 2)]


def test_a_file_is_shown_nothing() -> None:
    file = io.StringIO()
    with redirect_stderr(file), Bars().showing(meter_of(100)) as show:
        show()
    assert file.getvalue() == ""


def test_a_notebook_without_widgets_shows_one_bar_and_warns_of_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A kernel's standard error is no terminal.
    file = io.StringIO()
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr("hierpool.mcmc.bars.find_spec", lambda name: None)
    with (
        warnings.catch_warnings(action="error"),
        redirect_stderr(file),
        Bars().showing(meter_of(100, 100)) as show,
    ):
        show()
    assert "2 chains warm-up  200/1000 |" in file.getvalue()


def test_progress_is_bars_or_a_function_and_nothing_else() -> None:
    assert isinstance(followed(True), Bars)
    assert followed(False) is followed(None) is None
    assert followed(print) is print
    with pytest.raises(TypeError, match="progress must be True, False or a function"):
        followed(3)  # type: ignore[arg-type]


def test_bars_below_one_of_the_callers_own_always_go(terminal: Terminal) -> None:
    meter = meter_of(100, 100)
    with redirect_stderr(terminal), tqdm(total=7, desc="seeds", ncols=60) as own:
        with Bars().showing(meter) as show:
            show()
            assert len(screen(terminal.getvalue())) == 3
        own.update()
    (line,) = screen(terminal.getvalue())
    assert line.startswith("seeds: ") and "1/7" in line
