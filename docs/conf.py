"""The documentation site: ``make docs`` writes it to docs/_build/html."""

from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

project = "DeMo Dashboard"
author = "The DeMo Dashboard authors"
copyright = author
release = version = metadata.version("deep-motif-dashboard")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "tutorial/demo-*"]
smartquotes = False  # -- is a flag

html_theme = "furo"
html_title = f"DeMo Dashboard {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False

myst_heading_anchors = 4
myst_links_external_new_tab = False


class DarkImages(SphinxTransform):
    """Show ``NAME-dark.png`` instead of ``NAME.png`` in dark colours, where both files exist."""

    default_priority = 210

    def apply(self, **kwargs: Any) -> None:
        """Put the second image after the first; furo shows one of them."""
        for image in list(self.document.findall(nodes.image)):
            path = Path(image["uri"])
            dark = path.with_name(f"{path.stem}-dark{path.suffix}")
            if (Path(self.document["source"]).parent / dark).is_file():
                second = image.copy()
                second["uri"] = str(dark)
                image["classes"].append("only-light")
                second["classes"].append("only-dark")
                image.parent.insert(image.parent.index(image) + 1, second)


def setup(app: Sphinx) -> None:
    """Register the transform."""
    app.add_transform(DarkImages)
