import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

CYCLE = {to_hex(color) for color in plt.rcParamsDefault["axes.prop_cycle"].by_key()["color"]}
"""The colours that matplotlib takes where none is given."""
GALLERY = Path(__file__).parents[2] / "docs" / "gallery"


def colors_of(artist: Artist) -> Iterator[Any]:
    """Yields the colours in which an artist is drawn."""
    if isinstance(artist, Line2D):
        if artist.get_linestyle() != "None":
            yield artist.get_color()
        if artist.get_marker() != "None":
            yield from (artist.get_markerfacecolor(), artist.get_markeredgecolor())
    elif isinstance(artist, (Collection, Patch)):
        if isinstance(artist, Collection) or artist.get_fill():
            yield artist.get_facecolor()
        if np.any(artist.get_linewidth()):
            yield artist.get_edgecolor()
    elif isinstance(artist, Text):
        yield artist.get_color()


def colors_in_figures() -> set[str]:
    """Returns all colours in the figures that are open."""
    artists = [artist for n in plt.get_fignums() for artist in plt.figure(n).findobj()]
    colors = [color for artist in artists for color in colors_of(artist)]
    return {to_hex(row) for color in colors for row in to_rgba_array(color)}


@pytest.mark.parametrize("script", sorted(GALLERY.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_of_the_gallery_writes_its_picture_and_says_what_to_see(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [str(script), str(picture)])
    said = runpy.run_path(str(script), run_name="__main__")["__doc__"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "What to see" in said
    # All colours are chosen by the style: a mark without one has the next of matplotlib's.
    colors = colors_in_figures()
    assert len(colors) > 1 and not CYCLE & colors
