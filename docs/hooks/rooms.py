"""Draws the rooms of ``architecture.md`` as SVG, from the Mermaid source that stands in the page.

The site then needs no script from elsewhere; GitHub draws the source itself.
"""

import re
from html import escape

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

SOURCE = re.compile(r"^```mermaid\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
NODE = r'(\w+)(?:\["([^"]*)"\])?'
ARROW = re.compile(rf"^\s*{NODE}\s*-->\s*{NODE}\s*$", re.MULTILINE)
WIDTH, HEIGHT, GAP, MARGIN = 700, 44, 26, 2


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Returns the page, with drawings in place of Mermaid."""
    return SOURCE.sub(lambda found: f"{drawing(found.group(1))}\n", markdown)


def drawing(source: str) -> str:
    """Returns a flow chart from top to bottom as SVG: a row of boxes for each rank."""
    labels: dict[str, str] = {}
    arrows: list[tuple[str, str]] = []
    for start, start_label, end, end_label in ARROW.findall(source):
        for name, label in ((start, start_label), (end, end_label)):
            labels[name] = label or labels.get(name, name)
        arrows.append((start, end))
    rank = dict.fromkeys(labels, 0)
    for _ in labels:
        for start, end in arrows:
            rank[end] = max(rank[end], rank[start] + 1)
    rows = [[name for name in labels if rank[name] == row] for row in range(max(rank.values()) + 1)]
    boxes = {}
    for row, names in enumerate(rows):
        width = (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names)
        for column, name in enumerate(names):
            boxes[name] = (MARGIN + column * (width + GAP), MARGIN + row * (HEIGHT + GAP), width)
    lines = [_arrow(boxes[start], boxes[end]) for start, end in arrows]
    shapes = [_box(*boxes[name], label) for name, label in labels.items()]
    height = 2 * MARGIN + len(rows) * (HEIGHT + GAP) - GAP
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    head += 'orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker>'
    return (
        f'<svg class="rooms" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Which room imports which"><defs>{head}</defs>{"".join(lines + shapes)}</svg>\n'
    )


def _box(left: float, top: float, width: float, label: str) -> str:
    name, _, rest = label.partition(":")
    middle, below = left + width / 2, top + HEIGHT / 2
    text = f'<tspan font-weight="bold">{escape(name)}</tspan>'
    if rest:
        text += f'<tspan x="{middle:g}" dy="17">{escape(rest.strip())}</tspan>'
        below -= 8
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{HEIGHT}" rx="6" fill="none" '
        f'stroke="currentColor"/><text x="{middle:g}" y="{below:g}" text-anchor="middle" '
        f'dominant-baseline="middle" font-size="13" fill="currentColor">{text}</text>'
    )


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    # Between boxes of unlike width the arrow stands within the narrower one.
    narrow = min(start, end, key=lambda box: box[2])
    x = narrow[0] + narrow[2] / 2
    return (
        f'<line x1="{x:g}" y1="{start[1] + HEIGHT:g}" x2="{x:g}" y2="{end[1]:g}" '
        f'stroke="currentColor" marker-end="url(#head)"/>'
    )
