"""In a notebook: figures appear beside the user's own, settings stay the user's, and records show themselves shortly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel: make setup")
pytest.importorskip("ipykernel", reason="needs nbclient and ipykernel: make setup")
nbformat = pytest.importorskip("nbformat")

if TYPE_CHECKING:
    from collections.abc import Sequence

README = Path(__file__).parents[2] / "README.md"

OWN_PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nNone"
RESULT = """
import numpy as np, platoscope
A = np.random.default_rng(0).standard_normal((3, 60, 4))
result = platoscope.profile(A, A[:, :, :2], names=("US$ and CA$", "part"), n_resamples=4, rng=0)
"""
PLOT = "platoscope.plot_profile(result)\nNone"


@pytest.fixture(scope="module")
def run() -> Any:
    """Run cells in one fresh kernel with the inline backend, and return the outputs of each."""

    def run(cells: Sequence[str]) -> list[list[Any]]:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
        return [cell.outputs for cell in book.cells]

    return run


def _pictures(outputs: list[Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def _printed(outputs: list[Any]) -> str:
    return "".join(output.get("text", "") for output in outputs)


def test_figures_and_settings(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours before pyplot was used, ours again, the user's own and ours once more: each cell shows its one figure."""
    monkeypatch.delenv("MPLBACKEND")  # the kernel chooses its own, as it does for a user
    settings = "import matplotlib as mpl\nprint({k: v for k, v in mpl.rcParams.items() if before[k] != v})"
    missing = "platoscope.plot_profile({'\\U00012000\\U00012001\\U00012002 one': result})\nNone"
    serif = "mpl.rcParams['font.family'] = 'serif'\nax = platoscope.plot_profile(result)\n" + (
        "print({t.get_fontfamily()[0] for t in ax.findobj(mpl.text.Text) if t.get_text()})"
    )
    outputs = run(
        [
            RESULT,
            PLOT,
            PLOT,
            OWN_PLOT,
            "import matplotlib as mpl\nbefore = dict(mpl.rcParams)",
            PLOT,
            settings,
            OWN_PLOT,
            missing,
            serif,
        ]
    )
    assert [_pictures(cell) for cell in outputs] == [0, 1, 1, 1, 0, 1, 0, 1, 1, 1]
    assert _printed(outputs[6]).strip() == "{}"
    warned = _printed(outputs[8])
    assert warned.count("Warning") == 1, warned
    assert "no installed font has the letters" in warned
    assert _printed(outputs[9]).strip() == "{'serif'}"


def test_readme_and_reprs(run: Any) -> None:
    """README's example runs, a bar is shown below its cell, and every record has a short text and an HTML of its own."""
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert code is not None
    example = "\n".join(line[4:] for line in code[1].splitlines() if line.startswith((">>> ", "... ")))
    texts = "[' '.join(f'word{i * k % 997}' for k in range(2000)) for i in range(3000)]"
    pairs = (
        "from platoscope.datasets import Pairs, Side\n"
        f"pairs = Pairs('made-up', Side('en', 'text', {texts}), Side('<b>', 'text', {texts}))\npairs"
    )
    space = "platoscope.prepare(np.random.default_rng(0).standard_normal((500, 40)))"
    stack = "platoscope.Representations.from_arrays(list(np.zeros((300, 50, 2))))"
    bar = RESULT + "platoscope.profile(A, A, n_resamples=0, progress=True)\nNone"
    outputs = run([example, RESULT, pairs, "pairs.a", space, stack, bar])
    assert "layer 2: Δ = 1.02" in _printed(outputs[0])
    for cell in outputs[2:6]:
        data = cell[-1]["data"]
        assert len(data["text/plain"]) < 2000
        assert "array(" not in data["text/plain"]
    html = outputs[2][-1]["data"]["text/html"]
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert len(html) < 10_000
    assert "comparing layers" in str(outputs[6])
