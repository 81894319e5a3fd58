"""Makes the pictures of the gallery while the site is built: ``pictures/NAME.svg`` of each script.

A picture is made again only if a file of the package or its script is newer.
"""

import runpy
import sys
from pathlib import Path

import matplotlib
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
MADE = ROOT / "build" / "pictures"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Returns the files of the site, and the pictures."""
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    MADE.mkdir(parents=True, exist_ok=True)
    changed = max(path.stat().st_mtime for path in (ROOT / "hierpool").rglob("*.py"))
    arguments = sys.argv
    for script in sorted((ROOT / "docs" / "gallery").glob("*.py")):
        picture = MADE / f"{script.stem}.svg"
        newest = max(changed, script.stat().st_mtime)
        if not picture.exists() or picture.stat().st_mtime < newest:
            sys.argv = [str(script), str(picture)]
            runpy.run_path(str(script), run_name="__main__")
            plt.close("all")
        name = f"pictures/{picture.name}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    sys.argv = arguments
    return files
