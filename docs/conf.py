"""The documentation site: ``make docs`` writes it to docs/_build/html."""

from importlib import metadata

project = "DeMo Dashboard"
author = "The DeMo Dashboard authors"
copyright = author
release = version = metadata.version("deep-motif-dashboard")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
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

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
