"""The site: `python -m sphinx -W --keep-going docs build/site`, with the extra `docs`.

Owns: what is made before the pages are read: the reference of public names, the gallery's pictures and the inspector's
pages, all in docs/made/. Nothing of the site is fetched from elsewhere, and its search works from disk.
"""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import make_gallery  # noqa: E402
import make_reference  # noqa: E402

import graphdiff  # noqa: E402  the package that is documented: installed, or built in place

place = str(Path(graphdiff.__file__).resolve().parent.parent)  # where kernels of notebooks find it too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [place, os.environ.get("PYTHONPATH", "")]))
os.environ.setdefault("GRAPHDIFF_RATES", "nominal")  # the same plans on every machine

project = "graphdiff"
author = copyright = "the graphdiff developers"
version = release = graphdiff.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["conf.py", "README.md"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}

html_theme = "furo"
html_title = f"graphdiff {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["made/pages"]
(HERE / "made" / "pages").mkdir(parents=True, exist_ok=True)
html_show_sourcelink = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

nitpicky = True
# Types in signatures are words for people: those of graphdiff/ops/types.py and of rooms that no one imports from.
nitpick_ignore_regex = [
    ("py:class", r"(?!graphdiff\.).*|graphdiff\.(ir|ops|lower|schedule|runtime|transforms|train\.\w+)\..*")
]
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False  # those of other packages name what is not here
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88
suppress_warnings = ["ref.python"]  # two classes of one name, as types


def inside(app, name, source):
    """Links that leave docs/, right where a forge shows them, lead to the page for that file or become its name."""
    text = source[0].replace("](../CONTRIBUTING.md)", "](contributing.md)")
    source[0] = re.sub(
        r"\[([^\]]+)\]\((?:\.\./)+((?:examples|graphdiff|csrc|tests|benchmarks)[^)]*)\)", r"\1 (`\2`)", text
    )


def setup(app):
    app.connect("builder-inited", lambda app: (make_reference.write(), make_gallery.write()))
    app.connect("source-read", inside)
    app.connect("autodoc-process-docstring", make_reference.on_docstring)
    app.connect("autodoc-process-signature", make_reference.on_signature)
