import runpy
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"


@pytest.mark.parametrize("script", sorted(GALLERY.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_of_the_gallery_writes_its_picture_and_says_what_to_see(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [str(script), str(picture)])
    said = runpy.run_path(str(script), run_name="__main__")["__doc__"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "What to see" in said
