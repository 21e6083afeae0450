"""What a study is made of: frozen records, no behavior beyond checking themselves.

A `Study` asks one question. Its `design` turns a few `Choices` (the preset, another model, other pairs)
into a `Design`: comparisons to compute, panels to draw, statements to judge. Planning, execution and
drawing are generic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from platoscope.arguments import mapping, sequence
from platoscope.checks import flag, in_short, one_of, whole_number, word
from platoscope.datasets.near_duplicates import check_threshold
from platoscope.errors import InputError
from platoscope.layerwise import share_depths
from platoscope.models import name_of, trained_name
from platoscope.studies.design.comparison import Comparison, check_name
from platoscope.studies.design.relations import check_difference, check_minima
from platoscope.studies.design.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import xarray as xr

__all__ = [
    "Answer",
    "Choices",
    "Design",
    "Finding",
    "Panel",
    "PanelKind",
    "Statement",
    "Study",
    "Verdict",
]

Answer = Literal["held", "did not hold", "not decided", "not computed here"]
"""*Not decided* says that the numbers cannot tell, *not computed here* that a model or data were missing."""
PanelKind = Literal[
    "profile",
    "asymmetry",
    "difference",
    "dimension",
    "gain",
    "grid",
    "matrix",
    "metrics",
    "null",
    "poolings",
    "rank",
    "retrieval",
    "sample_size",
    "scales",
    "shared_features",
    "spaces",
    "sweep",
    "token_distance",
    "tokens",
    "weights",
]

_MOST_SEEDS = 100


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture of a study: which plot function of `platoscope.report`, over which comparisons.

    Parameters
    ----------
    kind : str
        The plot function, without its ``plot_``: one of `PanelKind`.
    labels : tuple of str
        The comparisons drawn, in this order.
    title : str
        Title of the panel.
    names : tuple of str
        What the picture calls them, one per label; empty for the labels themselves.
    options : mapping
        Keyword arguments of the plot function, plain values only.
    """

    kind: PanelKind
    labels: tuple[str, ...]
    title: str
    names: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("the title of a panel", self.title)
        one_of(f"kind of panel {self.title!r}", self.kind, get_args(PanelKind))
        for name in ("labels", "names"):
            if not isinstance(getattr(self, name), tuple):
                msg = f"panel {self.title!r} needs a list of {name}; got {getattr(self, name)!r}"
                raise InputError(msg)
            for text in getattr(self, name):
                check_name(f"each of the {name} of panel {self.title!r}", text)
        options: object = self.options
        if not isinstance(options, Mapping):
            msg = f"panel {self.title!r} needs a table of options; got {self.options!r}"
            raise InputError(msg)
        if self.names and len(self.names) != len(self.labels):
            msg = f"panel {self.title!r} has {len(self.labels)} labels but {len(self.names)} names; give one for each"
            raise InputError(msg)
        shown = self.names or self.labels
        if len(set(shown)) < len(shown):
            double = next(name for name in shown if shown.count(name) > 1)
            msg = f"panel {self.title!r} names more than one comparison {double!r}; each needs its own name"
            raise InputError(msg)

    @property
    def baselines(self) -> frozenset[str]:
        """Names in the picture of what others are held against, as its option ``baselines`` groups them."""
        return frozenset(_names_in(self.options.get("baselines")))

    def conditions(self, results: Mapping[str, xr.Dataset], /) -> dict[str, xr.Dataset]:
        """Give the results that this panel draws by their names in the picture; those left out are missing."""
        names = self.names or self.labels
        found = {
            name: results[label] for label, name in zip(self.labels, names, strict=True) if label in results
        }
        if self.kind != "difference":
            return found
        # The others are held against the first; without it, alone, or of other depths, there is no difference to draw.
        if self.labels[0] not in results:
            return {}
        first = results[self.labels[0]]
        reached = {name: result for name, result in found.items() if share_depths(first, result)}
        return reached if len(reached) > 1 else {}


def _names_in(group: object) -> Iterator[str]:
    """Give the names in lists of any depth of tables; the function that draws them refuses what is something else."""
    for part in group.values() if isinstance(group, Mapping) else ():
        yield from part if isinstance(part, list | tuple) else _names_in(part)


@dataclass(frozen=True)
class Finding:
    """What a statement's check found: the answer, and one sentence with the numbers.

    Where it is not decided, `n_to_decide` is about how many items would decide it in four of five runs if
    the effect is what was seen; None where no number within reach would.
    """

    answer: Answer
    evidence: str
    n_to_decide: int | None = None


@dataclass(frozen=True)
class Verdict:
    """A statement, judged: the answer, and one sentence with the numbers and their interval.

    `needs` are the comparisons that it is about, as in `Statement`; it is empty in runs that did not keep them.
    """

    statement: str
    answer: Answer
    evidence: str
    n_to_decide: int | None = None
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", tuple(self.needs))  # a list where it was kept as JSON


@dataclass(frozen=True)
class Statement:
    """A claim in words, and the function that judges it on labelled results.

    Parameters
    ----------
    text : str
        The claim, with its direction.
    needs : tuple of str
        Labels of the comparisons that `check` reads; where one was left out, the answer is "not computed here".
    check : callable
        From results by label to a `Finding`.
    hint : str
        What a reader is told where a comparison is missing: why, and how to get it.
    asymmetry_of : tuple of str
        Labels of the comparisons whose asymmetry it is about. It depends on the space, so a plan puts each of them
        into several.
    """

    text: str
    needs: tuple[str, ...]
    check: Callable[[Mapping[str, xr.Dataset]], Finding]
    hint: str = ""
    asymmetry_of: tuple[str, ...] = ()

    def judge(self, results: Mapping[str, xr.Dataset], /) -> Verdict:
        """Judge the claim on `results`; a comparison that is missing among them is named."""
        missing = [label for label in self.needs if label not in results]
        if missing:
            evidence = f"Not computed in this run: {', '.join(missing)}. {self.hint}".rstrip()
            return Verdict(self.text, "not computed here", evidence, needs=self.needs)
        finding = self.check(results)
        return Verdict(self.text, finding.answer, finding.evidence, finding.n_to_decide, self.needs)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user may choose of a study: everything else is the study's own.

    `models`, `pairs` and `poolings` replace the study's lists where they are given, and `min_tokens` and `max_tokens` its
    limits of the length of a text. `near_duplicates` is the share of two near-duplicate texts (`Items`), wherever the
    study has such limits. `final_norm` says on which side of the final norm the last layer is read, where the study
    leaves that to the library. `encoding` is that of the files of the pairs. Beside every profile that the study draws,
    `untrained` is the number of seeds of random weights with which the same comparison is made, `mismatched_seeds` says
    whether it is made with two seeds as well, one on each side, and `shuffle_words` whether with words in a random order
    (`platoscope.studies.design.null_models`). `labels` says what figures and tables call a model or a side, by its name.
    """

    preset: str = "bundled"
    models: tuple[str, ...] | None = None
    pairs: tuple[str, ...] | None = None
    poolings: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    near_duplicates: float | None = None
    final_norm: bool | None = None
    encoding: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    untrained: int = 0
    mismatched_seeds: bool = False
    shuffle_words: bool = False

    def __post_init__(self) -> None:
        mapping("labels", self.labels)
        for name, label in self.labels.items():
            check_name(f"the label of {name!r}", label)
            if "," in label or "=" in label:
                msg = f"the label of {name!r} may hold no comma and no equals sign, as --labels writes it; got {label!r}"
                raise InputError(msg)
        for check, name in ((word, "encoding"), (check_threshold, "near_duplicates"), (flag, "final_norm")):
            if getattr(self, name) is not None:
                check(name, getattr(self, name))
        for name in ("min_tokens", "max_tokens"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), low=1)
        whole_number("untrained", self.untrained, low=0, high=_MOST_SEEDS, why="each is read anew")
        for name in ("mismatched_seeds", "shuffle_words"):
            flag(name, getattr(self, name))
        if self.mismatched_seeds and self.untrained < 2:
            msg = f"mismatched_seeds needs untrained models of 2 seeds or more, but of {self.untrained} were asked for"
            raise InputError(msg)

    def called(self, model: str, /, *others: str) -> str:
        """Give what a model is called beside the chosen and other ones: its label, or its short name."""
        among = (*(self.models or ()), *others)
        short, trained = name_of(model, among), trained_name(model)
        if trained == model or model in self.labels or short in self.labels:
            return self.labels.get(model, self.shown(short))
        return f"{self.called(trained, *others)}{short.removeprefix(name_of(trained, among))}"

    def shown(self, name: str, /) -> str:
        """Give the label of a name, or the name."""
        return self.labels.get(name, name)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a study computes, draws and judges, under given choices."""

    comparisons: tuple[Comparison, ...]
    panels: tuple[Panel, ...] = ()
    statements: tuple[Statement, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.comparisons, tuple) or not all(
            isinstance(each, Comparison) for each in self.comparisons
        ):
            msg = f"comparisons of a design must be a tuple of Comparison; got {in_short(self.comparisons)}"
            raise InputError(msg)
        labels = [comparison.label for comparison in self.comparisons]
        double = sorted({label for label in labels if labels.count(label) > 1})
        if double:
            msg = f"labels of comparisons must be unique within a study; given twice: {', '.join(double)}"
            raise InputError(msg)
        for name, kind in (("panels", Panel), ("statements", Statement)):
            given: object = getattr(self, name)
            if not isinstance(given, tuple) or not all(isinstance(each, kind) for each in given):
                msg = f"{name} of a design must be a tuple of {kind.__name__}; got {in_short(given)}"
                raise InputError(msg)
        known = set(labels)
        check_minima(self.comparisons)
        for panel in self.panels:
            unknown = [label for label in panel.labels if label not in known]
            if unknown:
                msg = (
                    f"panel {panel.title!r} names comparisons that the study does not have: {', '.join(unknown)}; "
                    f"it has {', '.join(labels)}"
                )
                raise InputError(msg)
            if panel.kind == "difference":
                check_difference(panel, self.comparisons)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One question, and how to compute, draw and judge its answer.

    Parameters
    ----------
    name : str
        Name on the command line.
    figure : str
        Figure of the paper; empty for a study of the user's.
    question : str
        The question, in one sentence.
    needs : str
        Models and data of the bundled preset, in words.
    design : callable
        From `Choices` to a `Design`.
    presets : tuple of str
        Presets that `design` knows.
    settings : mapping of str to Settings
        Settings by preset; a preset that is missing takes the defaults of `Settings`.
    shortfall : {"error", "use_all", "equal"}
        What happens where a data set has fewer items than asked for: an error, all of them, or as many in
        every comparison of the study as the smallest data set has (curves of different N must not be
        compared).
    notes : tuple of str
        Where the study departs from the paper, and which numbers are choices of this package.

    Examples
    --------
    A study of one's own, in Python:

    >>> from platoscope.studies import Comparison, Design, Items, Panel, Source, Study, make_plan
    >>> items = Items(data="bible:en-fr")
    >>> english = Source(model="gemma-3-270m", side="a", pooling="mean(10)")
    >>> french = Source(model="gemma-3-270m", side="b", pooling="mean(10)")
    >>> comparison = Comparison(label="en-fr", a=english, b=french, items=items)
    >>> panel = Panel(kind="profile", labels=("en-fr",), title="English and French")
    >>> design = Design(comparisons=(comparison,), panels=(panel,))
    >>> study = Study(name="mine", question="Which layers share French?", design=lambda choices: design)
    >>> study.panels[0].title
    'English and French'
    """

    name: str
    question: str
    design: Callable[[Choices], Design]
    figure: str = ""
    needs: str = ""
    presets: tuple[str, ...] = ("bundled",)
    settings: Mapping[str, Settings] = field(default_factory=dict)
    shortfall: Literal["error", "use_all", "equal"] = "error"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name("the name of a study", self.name)
        word("the question of a study", self.question)
        for name in ("figure", "needs"):
            word(f"{name} of study {self.name!r}", getattr(self, name), empty=True)
        one_of(f"shortfall of study {self.name!r}", self.shortfall, ("error", "use_all", "equal"))
        for note in sequence(f"notes of study {self.name!r}", self.notes, of="texts"):
            word(f"each of the notes of study {self.name!r}", note)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Panels of the first preset; those of a run are in its plan."""
        return self.design(Choices(preset=self.presets[0])).panels

    def settings_for(self, preset: str, /) -> Settings:
        """Give the settings of one preset."""
        return self.settings.get(word("preset", preset), Settings())
