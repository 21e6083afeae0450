"""The questions of the paper as data: planned, computed and judged by one generic machinery.

`list_studies` shows what there is; `make_plan` resolves one with a user's choices, `execute` runs it, and
`load_run` reads a finished run. A study of one's own is a `Study` in Python, or a TOML file (see
`platoscope.studies.paper.toml`).
"""

from platoscope.progress import Progress
from platoscope.studies.catalog import get_study, list_studies
from platoscope.studies.design.comparison import Comparison, Fixed, Items, Source, Surface, Synthetic
from platoscope.studies.design.records import (
    Choices,
    Design,
    Finding,
    Panel,
    Statement,
    Study,
    Verdict,
)
from platoscope.studies.design.settings import Settings
from platoscope.studies.plan.planning import Plan, make_plan
from platoscope.studies.run.execution import execute
from platoscope.studies.run.items import Candidates
from platoscope.studies.run.runs import RunProblem, StudyResult, load_run, verify_run
from platoscope.studies.run.sharing import Passes, extract_all, share
from platoscope.studies.run.shown_items import KeptItems, read_items

__all__ = [
    "Candidates",
    "Choices",
    "Comparison",
    "Design",
    "Finding",
    "Fixed",
    "Items",
    "KeptItems",
    "Panel",
    "Passes",
    "Plan",
    "Progress",
    "RunProblem",
    "Settings",
    "Source",
    "Statement",
    "Study",
    "StudyResult",
    "Surface",
    "Synthetic",
    "Verdict",
    "execute",
    "extract_all",
    "get_study",
    "list_studies",
    "load_run",
    "make_plan",
    "read_items",
    "share",
    "verify_run",
]
