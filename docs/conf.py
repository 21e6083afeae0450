"""How the documentation site is built: ``make docs``.

The pages are the Markdown files of this folder, which read on GitHub as well. Those that begin with
``file_format: mystnb`` are notebooks: their cells run when the site is built, without a hub, and they are
shipped as ``.ipynb``. The tutorial reads a model that installs from the package index; all others run on arrays
or on tiny random models.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path

from jupyter_cache.executors import utils as running

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src" / "platoscope"
sys.path.insert(0, str(HERE / "_extension"))

# Before a kernel starts: nothing asks a hub, and what the cells keep is no part of the user's cache.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
for _name in [name for name in os.environ if name.startswith("PLATOSCOPE_")]:
    del os.environ[_name]
os.environ.pop("MPLBACKEND", None)  # a kernel draws below its cells
# transformers asks for widgets, which nothing here needs.
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
os.environ["PLATOSCOPE_CACHE"] = str(HERE / "_build" / "cache")


def _digest_of_source() -> str:
    """Digest the package and this file: cells run again when they change, not only when the cells do."""
    content = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(SOURCE.rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


# What a cell shows may come late on a busy machine: it is waited for, and losing it is an error.
running.executenb = partial(running.executenb, iopub_timeout=600, raise_on_iopub_timeout=True)

project = "Platoscope"
author = "The Platoscope developers"
copyright = author
release = installed_version("platoscope")
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "platoscope_site",
]
exclude_patterns = ["_build", "_extension", "_static"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}

myst_heading_anchors = 4
myst_links_external_new_tab = False

nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "executed" / _digest_of_source())
nb_execution_timeout = 1800  # seconds per cell: a busy machine takes its time
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_execution_in_temp = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say types, with shapes and units
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# A console listing with an ellipsis, or JSON with a comment, is shown as it is.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"Platoscope {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
