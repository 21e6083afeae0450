"""The page over many runs: every number from the run folders, and every study in it, run or not."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from platoscope import cli
from platoscope.errors import NotFoundError, PlatoscopeWarning, StorageError
from platoscope.report import write_reproduction
from platoscope.report.again import run_command
from platoscope.report.pictures import shrink_picture
from platoscope.studies import get_study, list_studies, make_plan
from platoscope.studies.plan.availability import LeftOut
from platoscope.studies.run.run_folder import RunFolder
from platoscope.studies.run.runs import plan_to

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = {
    "finished": "2026-01-02T03:04:05+00:00",
    "system": "Linux x86_64",
    "python": "3.11.2",
    "cores": 2,
    "peak_memory_bytes": 2_900_000_000,
}


def _finish(runs: Path, study: str, *, n: int = 60, **provenance: Any) -> Path:
    """Make the folder of a finished run with made-up outcomes."""
    folder = RunFolder(runs / study)
    folder.prepare()
    folder.write_json("config", plan_to(make_plan(get_study(study), n=n, skip_missing=True)))
    verdicts = [
        {"statement": "Δ is below 1.", "answer": "held", "evidence": "0.331 [0.311, 0.351] | <b>"},
        {"statement": "It falls.", "answer": "did not hold", "evidence": "difference +0.2 [0.1, 0.3]"},
    ]
    folder.write_json("verdicts", verdicts)
    best = {"layer": 11, "value": 0.331, "low": 0.31, "high": 0.352}
    row = {"label": "en-it", "n_samples": n, "best": {"a_to_b": best}}
    folder.write_json("summary", {"rows": [row]})
    content = {"machine": MACHINE, "timings": {"extraction": 12.34, "comparison": 5.0}, "models": {}}
    folder.write_json("provenance", {**content, **provenance})
    figures = folder.path / "figures"
    figures.mkdir()
    Image.fromarray(np.full((30, 40, 3), 200, dtype=np.uint8)).save(figures / "figure.png")
    return folder.path


def _section(page: Path, heading: str) -> str:
    """Return the text below a heading, up to the next of its level."""
    text = page.read_text(encoding="utf-8")
    assert f"\n## {heading}" in text, heading
    return text.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]


def test_a_section_has_command_cost_outcome_verdicts_and_picture(tmp_path: Path) -> None:
    """A run's section holds what its folder holds: command, seconds, memory, closing table, verdicts, picture."""
    _finish(tmp_path / "runs", "rank-synthetic")
    page = write_reproduction(tmp_path / "runs", tmp_path / "docs" / "reproduce.md")
    section = _section(page, "rank-synthetic: figure 1a")
    for part in (
        get_study("rank-synthetic").question,
        "$ platoscope run rank-synthetic --preset bundled --n 60\n",
        "extraction 12.3 s, comparison 5.0 s",
        "2.9 GB at most",
        "| en-it | 60 | 0.331 [0.310, 0.352] at 11 |",
        "| did not hold | It falls. | difference +0.2 [0.1, 0.3] |",
    ):
        assert part in section
    assert "(images/reproduce/rank-synthetic.png)" in section
    assert (tmp_path / "docs" / "images" / "reproduce" / "rank-synthetic.png").is_file()


def test_cells_cannot_break_the_table(tmp_path: Path) -> None:
    """A bar or a tag in the evidence is text, not a cell or markup."""
    _finish(tmp_path / "runs", "rank-synthetic")
    page = write_reproduction(tmp_path / "runs", tmp_path / "reproduce.md")
    assert r"| 0.331 [0.311, 0.351] \| \<b> |" in page.read_text(encoding="utf-8")


def test_names_of_users_are_no_markdown(tmp_path: Path) -> None:
    """Code, links, tags, bars and line ends in a label stand in the table as they were written."""
    folder = RunFolder(_finish(tmp_path / "runs", "rank-synthetic"))
    label = "`a` | [b](http://c) <i> \\ $d$ {e} %s *f*"
    folder.write_json("summary", {"rows": [{"label": label, "n_samples": 60, "best": {}}]})
    page = write_reproduction(tmp_path / "runs", tmp_path / "reproduce.md")
    written = r"| \`a\` \| [b]\(http://c) \<i> \\ $d$ {e} %s \*f\* |"
    assert written in page.read_text(encoding="utf-8")


def test_a_quote_in_a_name_does_not_end_an_argument(tmp_path: Path) -> None:
    """The command can be pasted into a shell, whatever a folder is called."""
    file = tmp_path / "it's $HOME `x`.jsonl"
    file.touch()
    path = str(file)
    command = run_command(make_plan(get_study("aggregation"), pairs=path, skip_missing=True))
    assert shlex.split(command)[-1] == path


def test_head_counts_verdicts_and_seconds(tmp_path: Path) -> None:
    """The head says machine, items, seconds and verdicts."""
    for study in ("aggregation", "metric-comparison"):
        _finish(tmp_path / "runs", study)
    text = write_reproduction(tmp_path / "runs", tmp_path / "reproduce.md").read_text(encoding="utf-8")
    assert "2 cores, Linux x86_64" in text
    assert "Items asked for per comparison: 60." in text
    assert "35 s of computing" in text
    assert "passes over a model" not in text
    assert "| [aggregation](#aggregation-figure-2a) | 2a | 1 | 1 | – | – | 17 |" in text


def test_head_says_what_a_run_of_all_studies_shared_and_took(tmp_path: Path) -> None:
    """The record of `run all` gives the time of all, and how often models read for all of them."""
    _finish(tmp_path / "runs", "aggregation")
    record = {
        "passes": {"asked": 147, "different": 29, "read": 28},
        "seconds": {"choosing and reading": 1800.0, "in all": 2220.0},
        "machine": {"peak_memory_bytes": 4.3e9},
    }
    (tmp_path / "runs" / "all.json").write_text(json.dumps(record), encoding="utf-8")
    text = write_reproduction(tmp_path / "runs", tmp_path / "reproduce.md").read_text(encoding="utf-8")
    assert "`platoscope run all` took 37 minutes, of them 30 for choosing items" in text
    assert "147 sides of comparisons were asked for, 29 passes over a model serve them, 28 were made." in text
    assert "4.3 GB" in text


def test_what_stays_undecided_says_what_is_missing(tmp_path: Path) -> None:
    """Statements that more items would decide are told from those at their threshold and from those that none would."""
    folder = RunFolder(_finish(tmp_path / "runs", "rank-synthetic"))

    def verdict(statement: str, answer: str, n: int | None, label: str) -> dict[str, Any]:
        return {
            "statement": statement, "answer": answer, "evidence": "0.1", "n_to_decide": n, "needs": [label]
        }  # fmt: skip

    verdicts = [
        verdict("It is above.", "not decided", 700, "few"),  # 7 times as many
        verdict("It is equal.", "not decided", 700, "fewer"),  # 14 times
        verdict("It is in every space.", "not decided", None, "few"),
        verdict("It falls.", "held", None, "few"),
        verdict("There is a model.", "not computed here", None, "few"),
    ]
    folder.write_json("verdicts", verdicts)
    rows = [{"label": "few", "n_samples": 100, "best": {}}, {"label": "fewer", "n_samples": 50, "best": {}}]
    folder.write_json("summary", {"rows": rows})
    section = _section(write_reproduction(tmp_path / "runs", tmp_path / "page.md"), "What stays undecided")
    assert "Of 4 statements that were judged, 3 are not decided: 1 for lack of power" in section
    link = "[rank-synthetic](#rank-synthetic-figure-1a)"
    assert f"| {link} | It is above. | 100 | 700 | too few items |" in section
    assert f"| {link} | It is equal. | 50 | 700 | near its threshold |" in section
    assert f"| {link} | It is in every space. | 100 | – | no number of items |" in section
    assert "It falls." not in section
    assert "There is a model." not in section


def test_a_page_on_which_all_is_decided_lists_nothing_undecided(tmp_path: Path) -> None:
    """No heading stands over nothing."""
    _finish(tmp_path / "runs", "rank-synthetic")
    text = write_reproduction(tmp_path / "runs", tmp_path / "page.md").read_text(encoding="utf-8")
    assert "What stays undecided" not in text


def test_a_study_whose_models_and_data_are_missing_has_a_section_without_picture(tmp_path: Path) -> None:
    """`run all` keeps a folder of it that says what is missing, and draws nothing."""
    folder = RunFolder(_finish(tmp_path / "runs", "rank-synthetic"))
    (folder.path / "figures" / "figure.png").unlink()
    with pytest.raises(NotFoundError, match="has no figures"):
        write_reproduction(tmp_path / "runs", tmp_path / "page.md")
    plan = make_plan(get_study("rank-synthetic"), n=60)
    gone = [LeftOut(item.label, "it", "No such data.", "apt-get install it") for item in plan.comparisons]
    folder.write_json("config", plan_to(replace(plan, comparisons=(), left_out=tuple(gone))))
    section = _section(write_reproduction(tmp_path / "runs", tmp_path / "page.md"), "rank-synthetic")
    assert "No such data. apt-get install it" in section
    assert "![" not in section


def test_departures_come_from_provenance_and_the_papers_preset(tmp_path: Path) -> None:
    """Models and data stand beside those of the paper, with quantization and license as the run kept them."""
    models = {"gemma-3-270m": {"quantization": "Q4_K_M (4 bits)", "dtype": "float32", "package": "gemma3"}}
    items = {"x": {"pairs": "bible:en-it", "license": "public-domain texts", "sample": {"n": 60, "of": 6608}}}
    _finish(tmp_path / "runs", "aggregation", models=models, items=items)
    section = _section(write_reproduction(tmp_path / "runs", tmp_path / "page.md"), "aggregation")
    assert "| models | gemma-3-270m | deepseek-ai/DeepSeek-V3 |" in section
    assert "- Model gemma-3-270m: Q4_K_M (4 bits), float32, gemma3." in section
    assert "- Data bible:en-it: 60 of 6,608 pairs, public-domain texts." in section


def test_studies_without_a_run_are_named(tmp_path: Path) -> None:
    """A study that was not run, or not finished, appears with its figure, the reason and its command."""
    _finish(tmp_path / "runs", "rank-synthetic")
    unfinished = RunFolder(tmp_path / "runs" / "shared-features")
    unfinished.prepare()
    section = _section(write_reproduction(tmp_path / "runs", tmp_path / "page.md"), "Not run")
    for study in list_studies():
        assert (f"`platoscope run {study.name}`" in section) == (study.name != "rank-synthetic")


def test_a_run_without_machine_says_so(tmp_path: Path) -> None:
    """Where a run kept no machine, the page says that, and invents none."""
    _finish(tmp_path / "runs", "rank-synthetic", machine={})
    text = write_reproduction(tmp_path / "runs", tmp_path / "page.md").read_text(encoding="utf-8")
    assert "1 of 1 runs do not say on which machine they ran" in text
    assert "Memory of the process: not recorded" in text


def test_order_is_that_of_the_paper(tmp_path: Path) -> None:
    """Sections follow the figures of the paper, not the alphabet."""
    for study in ("aggregation", "shared-features", "rank-synthetic"):
        _finish(tmp_path / "runs", study)
    text = write_reproduction(tmp_path / "runs", tmp_path / "page.md").read_text(encoding="utf-8")
    places = [text.index(f"\n## {name}") for name in ("rank-synthetic", "shared-features", "aggregation")]
    assert places == sorted(places)


def test_command_names_what_differs_from_the_default() -> None:
    """The command of a run repeats choices and settings, and leaves out what the study takes by itself."""
    plan = make_plan(
        get_study("aggregation"), n=80, seed=3, n_resamples=10, pairs="bible:en-fr", layers=(0, 5)
    )
    assert run_command(plan) == (
        "platoscope run aggregation --preset bundled --n 80 --pairs bible:en-fr --layers 0,5 --seed 3 --resamples 10"
    )


def test_command_repeats_what_all_studies_take() -> None:
    """Limits, likeness, the side of the norm, encoding and labels are in it, as a shell takes them."""
    plan = make_plan(
        get_study("aggregation"), min_tokens=5, near_duplicates=0.8, final_norm=False, encoding="latin-1",
        labels={"it": "spoken Italian"}, skip_missing=True,
    )  # fmt: skip
    words = shlex.split(run_command(plan))[7:]
    assert words == [
        "--min-tokens", "5", "--near-duplicates", "0.8", "--encoding", "latin-1", "--labels", "it=spoken Italian",
        "--no-final-norm",
    ]  # fmt: skip


def test_command_repeats_null_models() -> None:
    """The seeds of untrained models and the flags are in it where they were given."""
    plan = make_plan(
        get_study("translations"), untrained=2, mismatched_seeds=True, shuffle_words=True, skip_missing=True
    )
    assert shlex.split(run_command(plan))[7:] == [
        "--untrained-seeds", "2", "--mismatched-seeds", "--shuffle-words",
    ]  # fmt: skip


def test_command_repeats_settings() -> None:
    """Spaces, neighbors and how models are loaded are in it where they are not the study's own."""
    plan = make_plan(
        get_study("translations"), skip_missing=True,
        settings={"transform": "zscore+unit", "metric": "cosine", "n_neighbors": 2, "dtype": "float32", "items": False},
    )  # fmt: skip
    assert shlex.split(run_command(plan))[7:] == [
        "--transform", "zscore+unit", "--metric", "cosine", "--neighbors", "2", "--dtype", "float32", "--no-items",
    ]  # fmt: skip
    plain = make_plan(get_study("translations"), settings={"transform": "none"}, skip_missing=True)
    assert shlex.split(run_command(plain))[7:] == ["--transform", "none"]


def test_random_weights_are_not_said_to_be_quantized(tmp_path: Path) -> None:
    """Of an untrained model the page says the seed, in the place of what the trained weights were stored as."""
    about = {"architecture": "Gemma3TextModel", "quantization": "GGUF", "dtype": "bfloat16"}
    models = {"g": about, "untrained(1):g": {**about, "untrained": {"seed": 1}}}
    _finish(tmp_path / "runs", "aggregation", models=models)
    text = write_reproduction(tmp_path / "runs", tmp_path / "page.md").read_text(encoding="utf-8")
    assert "Model g: Gemma3TextModel, GGUF, bfloat16." in text
    assert "Model untrained(1):g: Gemma3TextModel, random weights of seed 1, bfloat16." in text


def test_two_runs_of_one_study_are_told(tmp_path: Path) -> None:
    """A page shows one run of a study; of another one beside it a warning says so."""
    _finish(tmp_path / "runs", "aggregation")
    (tmp_path / "runs" / "aggregation").rename(tmp_path / "runs" / "with")
    _finish(tmp_path / "runs", "aggregation")
    with pytest.warns(PlatoscopeWarning, match="aggregation and .*with are both runs of 'aggregation'"):
        write_reproduction(tmp_path / "runs", tmp_path / "page.md")


def test_a_folder_without_runs_is_an_error(tmp_path: Path) -> None:
    """Without a finished run there is no page, and the message says how to get one."""
    with pytest.raises(NotFoundError, match="platoscope run all --out"):
        write_reproduction(tmp_path / "nothing", tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()


def test_missing_and_broken_pictures_name_the_command(tmp_path: Path) -> None:
    """A run without its figure, or with a broken one, is an error that says how to draw it."""
    folder = _finish(tmp_path / "runs", "rank-synthetic")
    (folder / "figures" / "figure.png").write_text("no picture")
    with pytest.raises(StorageError, match="platoscope figures"):
        write_reproduction(tmp_path / "runs", tmp_path / "page.md")
    (folder / "figures" / "figure.png").unlink()
    with pytest.raises(NotFoundError, match="platoscope figures"):
        write_reproduction(tmp_path / "runs", tmp_path / "page.md")


def test_pictures_shrink_below_the_limit(tmp_path: Path) -> None:
    """A picture that is too large becomes narrower until its file fits, and keeps its shape."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (90, 1800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    shrink_picture(tmp_path / "large.png", tmp_path / "small.png", limit=68_000)
    with Image.open(tmp_path / "small.png") as small:
        assert small.width < 1600
        assert small.height == round(small.width / 20)
    assert (tmp_path / "small.png").stat().st_size <= 68_000


def test_thin_lines_keep_their_color(tmp_path: Path) -> None:
    """Few colors do not give a thin line the color of a large area."""
    picture = np.zeros((300, 400, 3), dtype=np.uint8)
    picture[...] = (np.arange(300) % 256).astype(np.uint8)[:, None, None]  # many grays over large areas
    picture[150:152, :] = (213, 94, 0)
    Image.fromarray(picture).save(tmp_path / "large.png")
    shrink_picture(tmp_path / "large.png", tmp_path / "small.png")
    with Image.open(tmp_path / "small.png") as small:
        line = np.asarray(small.convert("RGB"))[150, 200].astype(int)
    assert np.abs(line - (213, 94, 0)).max() < 26  # 18 to 25 was seen on the figures of whole runs


def test_commands_write_page_and_draw_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`figures` draws a run whose figures were removed, from its results alone; `reproduce` takes them up."""
    runs = tmp_path / "runs"
    small = ["--n", "60", "--resamples", "4", "--out", str(runs / "rank-synthetic")]
    assert cli.main(["run", "rank-synthetic", *small]) == 0
    results = {path: path.stat().st_mtime_ns for path in (runs / "rank-synthetic" / "results").iterdir()}
    picture = runs / "rank-synthetic" / "figures" / "figure.png"
    before = picture.read_bytes()
    picture.unlink()
    assert cli.main(["figures", str(runs / "rank-synthetic")]) == 0
    assert picture.read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in results} == results
    capsys.readouterr()
    assert cli.main(["reproduce", str(runs), "--out", str(tmp_path / "page.md")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "page.md")
    verdicts = json.loads((runs / "rank-synthetic" / "verdicts.json").read_text(encoding="utf-8"))
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert all(verdict["evidence"].split(";")[0][:30] in text for verdict in verdicts)
