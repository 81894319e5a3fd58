"""Puts a script of the site's own in the place of one that the theme would fetch from elsewhere."""

import re
from posixpath import relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

FETCHED = re.compile(r'<script src="https://unpkg\.com/iframe-worker/shim"></script>')


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Returns the page with ``frame-worker.js`` in place of the theme's shim of workers."""
    path = relpath("frame-worker.js", page.url.rpartition("/")[0] or ".")
    return FETCHED.sub(f'<script src="{path}"></script>', output)


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """Returns a page that is no Markdown, as 404.html, with the same script."""
    return FETCHED.sub('<script src="frame-worker.js"></script>', output)
