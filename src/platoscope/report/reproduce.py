"""One Markdown page over many runs: figure of the paper, command, cost, what came out, verdicts, departures.

Every number, name and caveat of the page is read from the run folders, so that the page can be made again
from any runs and says nothing that they do not hold.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from platoscope.arguments import a_path
from platoscope.errors import NotFoundError, PlatoscopeWarning, StorageError
from platoscope.report.again import known_studies, run_command
from platoscope.report.markdown import bullets, escaped, joined, link_to, of_users, table, title_of
from platoscope.report.pictures import shrink_picture
from platoscope.report.summary import closing_table
from platoscope.report.undecided import list_undecided
from platoscope.studies import make_plan
from platoscope.studies.design.comparison import Source
from platoscope.studies.design.records import Answer, Choices, Verdict
from platoscope.studies.run.run_folder import RunFolder
from platoscope.studies.run.runs import load_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platoscope.studies import Comparison, Plan, Study

__all__ = ["write_reproduction"]

_ANSWERS: tuple[str, ...] = get_args(Answer)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What the page needs of a finished run, which is everything but its results."""

    folder: Path
    plan: Plan
    verdicts: tuple[Verdict, ...]
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def machine(self) -> Mapping[str, Any]:
        """Machine and peak memory; empty for a run older than this entry."""
        found: Mapping[str, Any] = self.provenance.get("machine", {})
        return found

    @property
    def drawn(self) -> bool:
        """Whether there was anything to draw: `run all` also keeps why a study lacked all that its panels show."""
        labels = {comparison.label for comparison in self.plan.comparisons}
        return any(not labels.isdisjoint(panel.labels) for panel in self.plan.panels)

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds by stage."""
        found: Mapping[str, float] = self.provenance.get("timings", {})
        return found


def write_reproduction(runs: str | Path, out: str | Path, /) -> Path:
    """Write one Markdown page over the runs of a folder, in the order of the paper's figures.

    Parameters
    ----------
    runs : str or pathlib.Path
        A folder with one run folder per study, as ``platoscope run all --out RUNS`` leaves it.
    out : str or pathlib.Path
        The page; its pictures go into ``images/<name of the page>/`` beside it.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    NotFoundError
        If the folder holds no finished run, or one of them lacks figures that it had.
    StorageError
        If a run is damaged, or the page cannot be written.

    Warns
    -----
    PlatoscopeWarning
        If two of the folders are runs of one study, of which the page shows one.
    """
    page, folder = a_path("out", out), a_path("runs", runs)
    found = _read_runs(folder)
    together = RunFolder(folder).read_json("all") if (folder / "all.json").is_file() else None
    pictures = Path("images") / page.stem
    try:
        (page.parent / pictures).mkdir(parents=True, exist_ok=True)
        for run in found.values():
            if run.drawn:
                shrink_picture(_picture(run), page.parent / pictures / f"{run.folder.name}.png")
        page.write_text(
            _page(found, together, f"platoscope reproduce {runs} --out {out}", pictures), encoding="utf-8"
        )
    except OSError as error:
        message = f"cannot write the page {page}: {error.strerror or error}"
        raise StorageError(message) from error
    return page


def _read_runs(runs: Path, /) -> dict[str, _Run]:
    """Read the finished runs in a folder: those of the paper in its order, then the user's own by name."""
    found: dict[str, _Run] = {}
    folders = sorted(runs.iterdir()) if runs.is_dir() else []
    for path in folders:
        # The provenance is written last: where it is missing the run was interrupted.
        if not (path / "provenance.json").is_file():
            continue
        folder = RunFolder(path)
        plan = load_plan(path)
        if plan.study.name in found:
            message = (
                f"{found[plan.study.name].folder} and {path} are both runs of {plan.study.name!r}, and the page shows the "
                "second; make a page of the other in another folder."
            )
            warnings.warn(message, PlatoscopeWarning, stacklevel=3)
        found[plan.study.name] = _Run(
            folder=path,
            plan=plan,
            verdicts=tuple(Verdict(**item) for item in folder.read_json("verdicts")),
            summary=folder.read_json("summary"),
            provenance=folder.read_json("provenance"),
        )
    if not found:
        message = (
            f"{runs} holds no finished run; `platoscope run all --out {runs}` makes one folder per study"
        )
        raise NotFoundError(message)
    order = list(known_studies())
    return dict(
        sorted(found.items(), key=lambda item: (item[0] not in order, [*order, item[0]].index(item[0])))
    )


def _picture(run: _Run, /) -> Path:
    """Return the picture of a run."""
    path = run.folder / "figures" / "figure.png"
    if not path.is_file():
        message = f"{run.folder} has no figures; draw them with `platoscope figures {run.folder}`"
        raise NotFoundError(message)
    return path


def _page(
    runs: Mapping[str, _Run], together: Mapping[str, Any] | None, command: str, pictures: Path, /
) -> str:
    """Put the page together."""
    absent = {name: study for name, study in known_studies().items() if name not in runs}
    parts = [
        f"<!-- Made by `{command}`; changes by hand are lost. -->",
        "# The figures of the paper, on what was run",
        "A verdict is about the models and data of a run, not about the paper: each section says which they were, "
        "beside those of the paper. Everything below is read from run folders.",
        f"```console\n$ {command}\n```",
        bullets(_head(runs.values(), together)),
        _overview(runs.values(), absent),
        list_undecided((run.plan, run.verdicts, run.summary) for run in runs.values()),
        *(_section(run, pictures) for run in runs.values()),
    ]
    if absent:
        parts += ["## Not run", bullets([_why_not(study) for study in absent.values()])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(runs: Iterable[_Run], together: Mapping[str, Any] | None, /) -> list[str]:
    """Say on what, when, with which versions and how large all runs were, and what they shared."""
    every = list(runs)
    machines = [run.machine for run in every if run.machine]
    lines = []
    if machines:
        finished = sorted(str(machine["finished"]) for machine in machines)
        kinds = {f"{machine['cores']} cores, {machine['system']}" for machine in machines}
        lines.append(f"Finished between {finished[0]} and {finished[-1]} on {' and '.join(sorted(kinds))}.")
    if len(machines) < len(every):
        lines.append(
            f"{len(every) - len(machines)} of {len(every)} runs do not say on which machine they ran."
        )
    lines.append(f"Versions: {', '.join(_versions(every))}.")
    lines.append(f"Items asked for per comparison: {joined(sorted({run.plan.settings.n for run in every}))}.")
    lines += _together(together) if together else [_separately(every)]
    return lines


def _together(record: Mapping[str, Any], /) -> list[str]:
    """Say what all studies shared and took, as `platoscope run all` left it."""
    seconds, passes = record["seconds"], record["passes"]
    lines = [
        f"`platoscope run all` took {seconds['in all'] / 60:.0f} minutes, of them "
        f"{seconds['choosing and reading'] / 60:.0f} for choosing items and for reading them with the models, before the "
        "first study; the times below are without that.",
        f"{passes['asked']} sides of comparisons were asked for, {passes['different']} passes over a model serve them, "
        f"{passes['read']} were made.",
    ]
    peak = record["machine"].get("peak_memory_bytes")
    return lines if peak is None else [*lines, f"Peak memory of the process: {peak / 1e9:.1f} GB."]


def _separately(runs: Sequence[_Run], /) -> str:
    return f"Measured in all: {sum(sum(run.seconds.values()) for run in runs):,.0f} s of computing."


def _versions(runs: Sequence[_Run], /) -> list[str]:
    """List every version that any run names."""
    found: dict[str, set[str]] = {}
    for run in runs:
        records = [run.provenance.get("versions", {})]
        records += [model.get("versions", {}) for model in run.provenance.get("models", {}).values()]
        for record in records:
            for name, version in record.items():
                found.setdefault(name, set()).add(str(version))
    return [f"{name} {' / '.join(sorted(versions))}" for name, versions in found.items()]


def _overview(runs: Iterable[_Run], absent: Mapping[str, Study], /) -> str:
    """Count the verdicts of each study."""
    rows = []
    for run in runs:
        counts = Counter(verdict.answer for verdict in run.verdicts)
        rows.append(
            [
                link_to(run.plan.study),
                run.plan.study.figure,
                *(str(counts[answer] or "–") for answer in get_args(Answer)),
                f"{sum(run.seconds.values()):.0f}",
            ]
        )
    rows += [[name, study.figure, *["–"] * len(_ANSWERS), "not run"] for name, study in absent.items()]
    return table(["study", "figure", *_ANSWERS, "seconds"], rows)


def _section(run: _Run, pictures: Path, /) -> str:
    """Describe one run."""
    study = run.plan.study
    header, rows = closing_table(run.summary)
    parts = [
        f"## {title_of(study)}",
        escaped(of_users(study.question)),
        f"```console\n$ {run_command(run.plan)}\n```",
        _cost(run),
    ]
    if run.drawn:
        parts.append(f"![The figure of {study.name}]({(pictures / f'{run.folder.name}.png').as_posix()})")
    if rows:
        parts += ["### What came out", table(header, [[of_users(cell) for cell in row] for row in rows])]
    if run.verdicts:
        verdicts = [[item.answer, of_users(item.statement), of_users(item.evidence)] for item in run.verdicts]
        parts += ["### Verdicts", table(["verdict", "statement", "evidence"], verdicts)]
    parts += ["### Beside the paper", _beside_the_paper(run), bullets(_caveats(run))]
    if run.plan.left_out:
        gone = [f"{item.label}: {item.reason} {item.remedy}" for item in run.plan.left_out]
        parts += ["### Left out", bullets([escaped(line) for line in gone])]
    return "\n\n".join(part for part in parts if part)


def _cost(run: _Run, /) -> str:
    """Say what a run cost, as far as it measured it."""
    stages = [f"{name} {seconds:.1f} s" for name, seconds in run.seconds.items()]
    peak = run.machine.get("peak_memory_bytes")
    memory = f"{peak / 1e9:.1f} GB at most" if peak else "not recorded"
    return f"Time: {', '.join(stages) or 'nothing was computed anew'}. Memory of the process: {memory}."


def _beside_the_paper(run: _Run, /) -> str:
    """Put models, data and number of items of a run beside those of the paper's preset."""
    known = known_studies().get(run.plan.study.name)
    here = [_models(run.plan.comparisons), _data(run.plan.comparisons), str(run.plan.settings.n)]
    if known is None or "paper" not in known.presets:
        return table(["", "here"], [[name, value] for name, value in zip(_SUBJECTS, here, strict=True)])
    paper = known.design(Choices(preset="paper")).comparisons
    there = [_models(paper), _data(paper), str(known.settings_for("paper").n)]
    rows = [list(row) for row in zip(_SUBJECTS, here, there, strict=True)]
    return table(["", "here", "preset `paper`"], rows)


_SUBJECTS = ("models", "data", "items asked for")


def _models(comparisons: Iterable[Comparison], /) -> str:
    """Name the models of comparisons."""
    return joined(side.model for item in comparisons for side in item.all_sides if isinstance(side, Source))


def _data(comparisons: Iterable[Comparison], /) -> str:
    """Name the data of comparisons."""
    return joined(item.items.data if item.items else "drawn at random" for item in comparisons)


def _caveats(run: _Run, /) -> list[str]:
    """Say what models and data were, from their provenance, and what the study notes."""
    lines = []
    for name, model in run.provenance.get("models", {}).items():
        seed = model.get("untrained", {}).get("seed")
        weights = model.get("quantization") if seed is None else f"random weights of seed {seed}"
        facts = [model.get("architecture"), weights, model.get("dtype")]
        package = " ".join(filter(None, (model.get("package"), model.get("package_version"))))
        facts += [package or model.get("revision")]
        lines.append(f"Model {name}: {joined(facts)}.")
    for record in run.provenance.get("items", {}).values():
        sample = record.get("sample", {})
        size = f"{sample['n']:,} of {sample['of']:,} pairs" if {"n", "of"} <= set(sample) else None
        facts = [size, record.get("version"), *record.get("editions", ()), record.get("license")]
        lines.append(f"Data {record.get('pairs', '')}: {joined(facts)}.")
    return [escaped(line) for line in [*lines, *run.plan.study.notes]]


def _why_not(study: Study, /) -> str:
    """Say why a study has no run here, and what to do."""
    preset = study.presets[0]
    left_out = make_plan(study, preset=preset, skip_missing=True).left_out
    reasons = dict.fromkeys(f"{item.reason} {item.remedy}" for item in left_out)
    why = " ".join(reasons) or "It is not among the runs of this page."
    return f"{title_of(study)}. {escaped(study.question)} {escaped(why)} `platoscope run {study.name}`"
