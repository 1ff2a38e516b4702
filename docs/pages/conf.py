"""Sphinx's settings for the site. `python -m docs.site` copies this folder to build/site-source and builds it there."""

import re

from docutils import nodes

project = "Variational autoencoders, from the ground up"
author = "the authors of the course"
copyright = "code under the MIT licence, text and figures under CC BY 4.0"
html_title = project
language = "en"
root_doc = "index"
exclude_patterns = ["_static"]

extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.bibtex"]

# Notebooks: as they are stored; nothing is run.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_block", "attrs_inline", "deflist", "colon_fence"]
myst_heading_anchors = 4
myst_heading_slug_func = "docs.notebook_pages.slug"

# Formulas: MathJax lies in _static, and nothing of it is asked for over the network. Its menu would make every formula
# a stop of the tab key.
mathjax_path = "mathjax/es5/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"fontCache": "global"}}

# Docstrings.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
add_module_names = False
napoleon_numpy_docstring = False
default_role = "code"
# The types of other libraries are in no inventory that can be read without a network.
nitpick_ignore_regex = [("py:.*", r"(?!vae_helpers\b).*")]

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_copy_source = False
html_use_index = html_domain_indices = False  # the search finds more
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the search stands in the sidebar, and on phones above the text
}


def mark_further(app, doctree: nodes.document) -> None:
    """Give the sections that can be left out a class of their own."""
    for section in doctree.findall(nodes.section):
        if section.next_node(nodes.title).astext().startswith("Further: "):
            section["classes"].append("further")


def as_reST(app, what, name, found, options, lines: list[str]) -> None:
    """Plain docstrings for Sphinx: |z| is no substitution, `Normal`s is code, what is set apart stays so."""
    new, apart, before = [], False, ""  # the last line that is not blank
    for i, line in enumerate(lines):
        indented = line.startswith("    ")
        if indented and i and not lines[i - 1].strip() and not before.startswith("    "):
            new, apart = [*new, "::", ""], True
        apart = apart and (indented or not line.strip())
        before = line if line.strip() else before
        new.append(line if apart or ">>>" in line else re.sub(r"(`[^`]*`)(?=(\w)?)|\|", escape, line))
    lines[:] = new


def escape(match: re.Match) -> str:
    """Code as it is, parted from a letter that follows; a bar with a backslash."""
    return (match[1] + r"\ " * bool(match[2])) if match[1] else r"\|"


def has_words_of_its_own(app, what, name, found, skip, options) -> bool | None:
    """The fields of a named tuple are described where the tuple is."""
    return True if (getattr(found, "__doc__", "") or "").startswith("Alias for field number") else None


def setup(app) -> None:
    app.connect("doctree-read", mark_further)
    app.connect("autodoc-process-docstring", as_reST, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", has_words_of_its_own)
