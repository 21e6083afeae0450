"""Whatever a public function is given, it raises an error of Platoscope's, which says what to do, or it works.

All functions and records of all public packages are tried, one argument at a time; the others are right. A new one is
tried without a line here, unless it takes something that no parameter of that name took before: `things` has what is right.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import platoscope
from platoscope import datasets, layerwise, measures, models, neighbors, representations, studies
from platoscope.errors import PlatoscopeError

# `testing` stands beside: its parts are for tests, and are imported one by one.
PACKAGES = [
    name
    for name in platoscope.__all__
    if hasattr(getattr(platoscope, name), "__path__") and name != "testing"
]
HOSTILE = {
    "None": None,
    "a negative number": -1,
    "a huge number": 2**70,
    "NaN": float("nan"),
    "an empty text": "",
    "a text that names no file": "a\0b",
    "a text that is too long for a name": "x" * 300,
    "a home of nobody": "~nobody-knows/x",
    "an empty list": [],
    "a list of None": [None],
    "an empty dict": {},
    "an object": object(),
    "an array without axes": np.array(0.0),
    "NaNs": np.full((24, 4), np.nan),
    "complex numbers": np.ones((24, 4), complex),
    "texts": np.array([["a"] * 4] * 24),
}

# What other parts of the package call in their loops, with spaces, positions and blocks that they made and checked.
BETWEEN_PARTS = {
    f"neighbors.{name}"
    for name in (
        "add_sample_ranks", "against_references", "as_space", "asked_neighbors", "block_neighbors", "check_finite",
        "asked_alone", "check_metric", "compiled_beside", "entry_bytes", "exact_matrix", "exact_scores", "exact_squares",
        "first_neighbors", "hubness", "is_coarse", "is_much", "join_spaces", "largest_feature", "map_spaces", "map_tasks",
        "map_two", "metric_name", "prepares_alone",
        "neighbor_distances", "open_stream", "over_rows", "over_tasks", "participation_ratio", "powers_of_two",
        "rank_sums_left_out", "ranks", "ranks_in_galleries", "reads_distances", "require_memory", "same_space",
        "sample_neighbors", "settled", "spread",
        "squared_matrix", "sum_over_rank_rows", "sum_over_tasks", "take_sample", "told_apart", "transform_name",
        "visit_rank_rows",
    )
} | {
    "representations.stored_bytes",
    "measures.check_same_items",
    "measures.descend",
    "measures.differentiable_imbalance",
    "measures.draw_gains",
    "measures.restricted",
    "measures.scale_curve",
    "layerwise.split_comparison",
    "layerwise.part_from_bytes",
    "layerwise.part_to_bytes",
    "measures.by_draws",
    "measures.evaluate",
    "measures.most_shares",
    "measures.evaluate_layer",
    "measures.gain_of_spaces",
    "measures.imbalance_of_ranks",
    "measures.group_numbers",
    "measures.item_squares",
    "measures.layer_dimensions",
    "measures.layer_distances",
    "measures.tied_null",
    "studies.share",
    "representations.extract_together",
    "studies.extract_all",
    "report.check_panels",
    "layerwise.compare_spaces_of_each",
    "layerwise.profile_each",
    "cluster.unseen_error",
    "cluster.using_cluster",
}  # fmt: skip
# Records that functions return, which nobody makes by hand.
RETURNED = {
    "cluster": {"Cluster", "Task"},
    "datasets": {"DatasetInfo", "FilterCount"},
    "models": {"Encoder", "ModelInfo", "Shelf"},
    "representations": {
        "Aligned",
        "ArrayRecord",
        "ModelOnDemand",
        "Problem",
        "Representations",
        "StoreRecord",
    },
    "neighbors": {
        "AgainstReferences",
        "AskedNeighbors",
        "GallerySide",
        "Neighbors",
        "RowStream",
        "Sample",
        "Space",
        "SpaceDiagnostics",
    },
    "measures": {
        "BothDirections",
        "Calibration",
        "Descent",
        "Drawn",
        "EstimatedImbalance",
        "EstimatedValue",
        "Evaluation",
        "GainCurve",
        "Imbalance",
        "ImbalanceGain",
        "StrataImbalance",
        "IntrinsicDimension",
        "LayerDistances",
        "LinearPrediction",
        "PreparedLayers",
        "Retrieval",
        "Share",
        "Shuffles",
    },
    "layerwise": {
        "CheckpointReadings",
        "FollowedTraining",
        "FoundPart",
        "LayerSearch",
        "LayerStack",
        "ModelReadings",
        "SemanticRegion",
        "SplitComparison",
    },
    "studies": {
        "Candidates",
        "Finding",
        "KeptItems",
        "Passes",
        "Plan",
        "Progress",
        "RunProblem",
        "StudyResult",
        "Verdict",
    },
}
METHODS = {
    "datasets.Pairs": ("select", "sample"),
    "datasets.Side": ("select",),
    "models.Pooling": ("parse",),
    "representations.Representations": ("from_arrays", "parts", "select", "with_pooling"),
    "measures.ComparisonOptions": ("transform_of",),
    "studies.Plan": ("comparison",),
    "studies.Study": ("settings_for",),
}
# What torch is loaded for whatever it is called; its options are those of the record.
LOADS_TORCH = {"models.load_model", "models.describe_model"}

# What is computed with every right argument takes seconds otherwise.
SOONER_DONE = {
    "layerwise.gallery_curve": {"queries": 5, "sizes": [24]},
    "layerwise.imbalance_in_blocks": {"items_per_block": 8},
    "layerwise.n_curve": {"sizes": [12], "n_draws": 1},
}
# A study of made-up data reads no store.
NOT_READ = ("studies.execute", "store")


def _callables():
    """Yield the name of everything public that can be called, and the thing."""
    for package in PACKAGES:
        module = importlib.import_module(f"platoscope.{package}")
        for name in module.__all__:
            thing = getattr(module, name)
            if (
                inspect.isfunction(thing)
                or (inspect.isclass(thing) and name not in RETURNED.get(package, ()))
            ) and f"{package}.{name}" not in BETWEEN_PARTS:
                yield f"{package}.{name}", thing
    for owner, names in METHODS.items():
        yield from ((f"{owner}.{name}", None) for name in names)


CALLABLES = dict(_callables())


def test_what_is_left_out_is_there():
    """A name that is gone, or was misspelled, leaves nothing out."""
    left_out = BETWEEN_PARTS | {f"{package}.{name}" for package, names in RETURNED.items() for name in names}
    public = {
        f"{package}.{name}"
        for package in PACKAGES
        for name in importlib.import_module(f"platoscope.{package}").__all__
    }
    assert not left_out - public


@pytest.fixture(scope="module")
def things(tmp_path_factory, madeup, load_file):
    """Give what stands for an argument of a name, and for one of a certain function."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((24, 4))
    Y = X + rng.standard_normal(X.shape)
    texts = [f"text number {i}" for i in range(24)]
    sides = [datasets.Side(name, "text", texts) for name in ("en", "it")]
    pairs = datasets.Pairs("p", *sides)
    stored = representations.Representations.from_arrays([X, Y])
    how = {"n_resamples": 12, "resample_fraction": 0.5, "n_permutations": 5, "rng": 0}
    profile = layerwise.profile([X, Y], [X, Y], **how)
    told = layerwise.profile([X, Y], [Y, X], **how, items=True)
    several = {"one": [X, Y], "two": [Y, X]}
    steps = {0: [X, Y], 1000: [Y, X]}
    few = measures.ComparisonOptions(n_resamples=12, resample_fraction=0.5)
    many, training = layerwise.compare_many(several), layerwise.trajectory(steps, options=few, rng=0)
    grid = layerwise.compare([X, Y], [X, Y], **how)
    study = studies.get_study("rank-synthetic")
    plan = studies.make_plan(study, n=40, n_resamples=0, n_permutations=0)
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = studies.execute(plan, out=folder)
    covariances = np.stack([np.eye(2)] * 3)
    encoder = load_file(Path(__file__).with_name("representations") / "fake_encoder.py").FakeEncoder()
    surface = studies.Surface(model="tiny")
    short = layerwise.WeightOptions(n_steps=2)
    return {
        "A": [X, Y], "B": [X, Y], "X": X, "Y": Y, "a": stored, "b": stored, "alpha": 0.05, "arrays": [X, Y],
        "arguments": {},
        "at_n": covariances, "at_size": covariances, "changes": {}, "check": bool, "chosen": ["rsa"], "comparisons": (),
        "cluster": "local:1", "where": "local:1",
        "construction": "low_rank", "data": ["a", "b"], "dataset": profile, "design": dict, "directed": False,
        "depth": 3, "distance": 0.1, "folder": str(folder), "fraction": 0.5, "function": lambda P, Q: 0.0, "grid": grid,
        "higher_is_similar": True, "ids": [str(i) for i in range(24)], "index": 0, "indices": [0, 1], "items": [0, 1],
        "key": "k", "kind": "profile", "label": "one", "labels": ("one",), "layers": [0, 1], "left_out": X.T[None, :3],
        "lengths": np.full(24, 50), "lengths_a": np.full(24, 50), "lengths_b": np.full(24, 50), "metric": "euclidean",
        "modality": "text", "model": encoder, "n": 10, "n_features": 3, "n_neighbors": 3, "n_permutations": 3,
        "n_resamples": 3,
        "n_samples": 24, "name": "rsa", "needs": ("one",), "null": X.T[:, :3], "observed": np.zeros(3), "one": "euclidean",
        "options": None, "other": "cosine", "out": "out", "pairs": pairs, "path": "missing.npy", "plan": plan,
        "plans": [plan], "pooling": "mean", "poolings": "mean", "preset": "bundled", "question": "?", "read": str.encode,
        "representations": stored, "resamples": X.reshape(4, 2, 12)[:, :, :3], "result": profile, "results": profile,
        "rng": np.random.default_rng(0), "role": "x", "rows": [0, 1], "runs": ".", "scores": min,
        "sets": [pairs, pairs], "seed": 0, "baselines": {"x": ["y"]},
        "side": "a", "size": 12, "source": b"", "sources": ["missing.tgz"], "space": neighbors.prepare(X),
        "spec": "bible:en-it@missing", "stack": layerwise.as_stack([X, Y]), "store": "store", "strata": None,
        "study": study,
        "text": "mean", "title": "t", "transform": "none", "value": "rsa", "values": np.arange(24.0), "variable": "rsa",
        "vectors_a": X, "vectors_b": Y,
        "datasets.Pairs.a": sides[0], "datasets.Pairs.b": sides[1], "datasets.Side.items": texts,
        "datasets.prepare_data.name": "emoji", "datasets.tokens_per_character.side": sides[0],
        "models.split_untrained.model": "x", "models.trained_name.model": "x", "models.untrained_name.model": "x",
        "layerwise.compare_models.a": encoder, "layerwise.compare_models.b": encoder,
        "layerwise.compare_models.data": pairs,
        "layerwise.read_checkpoints.checkpoints": {0: encoder, 1: encoder}, "layerwise.read_checkpoints.data": pairs,
        "layerwise.read_models.models": [encoder, encoder], "layerwise.read_models.data": pairs,
        "layerwise.step_difference.result": training, "checkpoints": steps, "models": several, "first": 0, "second": 1000,
        "layerwise.difference.first": told, "layerwise.difference.second": told,
        "layerwise.share_depths.first": told, "layerwise.share_depths.second": told,
        "measures.simultaneous_p_values.resamples": X, "z": np.zeros(4),
        "new": X, "given": Y, "target": X, "weights": [0.0, 1.0], "layerwise.gain_profile.new": [X, Y],
        "layerwise.weigh_layers.options": short, "layerwise.search_layers.options": short,
        "layerwise.weight_path.options": short,
        "n_folds": 2, "strengths": [0.0], "l1_strength": 0.0, "layerwise.search_layers.direction": "forward",
        # Without a Trainer it says so; its own tests have one.
        "trainer": object(), "reference": [X, Y], "every": 5,
        "measures.carry.values": np.zeros((2, 3)), "measures.changed.options": measures.ComparisonOptions(),
        "measures.Measure.name": "mine", "measures.one_per_item.strata": list("ab" * 12),
        "measures.simultaneous_multiplier.resamples": X, "models.Pooling.kind": "mean", "models.ModelOnDemand.options": {},
        "report.draw_spaces.result": madeup.spaces(), "report.plot_grid.dataset": grid,
        "report.plot_matrix.dataset": madeup.matrix(), "report.plot_models.result": many,
        "report.plot_model_depths.result": many, "report.plot_trajectory.result": training,
        "report.plot_spaces.result": madeup.spaces(), "report.plot_token_distance.dataset": madeup.tokens(),
        "report.write_figures.result": run, "report.write_page.result": run, "report.write_report.result": run,
        "studies.Comparison.a": surface, "studies.Comparison.b": surface, "studies.Items.data": "emoji",
        "studies.Study.name": "mine", "studies.read_items.result": run, "studies.Synthetic.values": (1.0,),
        "self": {
            "datasets.Pairs": pairs, "datasets.Side": sides[0], "models.Pooling": models.Pooling,
            "representations.Representations": stored, "measures.ComparisonOptions": measures.ComparisonOptions(),
            "studies.Plan": plan, "studies.Study": study,
        },
    }  # fmt: skip


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Keep what is written away from everything else."""
    monkeypatch.chdir(tmp_path)
    for name in ("CACHE", "DATA", "STORE"):
        monkeypatch.setenv(f"PLATOSCOPE_{name}", str(tmp_path / name.lower()))
    yield
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLABLES)
def test_only_an_error_of_platoscope_comes_out(name, things):
    """One argument is anything at all; no traceback of Python's or of a library's ends the call."""
    call = CALLABLES[name]
    if call is None:
        owner, _, method = name.rpartition(".")
        call = getattr(things["self"][owner], method)
    parameters = inspect.signature(call).parameters.values()

    def example(parameter):
        found = things.get(f"{name}.{parameter.name}", things.get(parameter.name, parameter.default))
        assert found is not parameter.empty, (
            f"what is a right {parameter.name} for {name}? Put it into `things`"
        )
        return found

    def run(given):
        positional, keywords = [], {}
        for parameter in parameters:
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional.extend(given.get(parameter.name, (things["values"],)))
            elif parameter.kind is parameter.POSITIONAL_ONLY:
                positional.append(given.get(parameter.name, parameter.default))
            elif parameter.name in given:
                keywords[parameter.name] = given[parameter.name]
        with np.errstate(all="ignore"):
            call(*positional, **keywords)

    needed = {
        parameter.name: example(parameter)
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
    }
    needed |= SOONER_DONE.get(name, {})
    if name.startswith("report.plot_"):
        needed["ax"] = Figure().subplots()
    wrong = []
    for parameter in parameters:
        for what, value in HOSTILE.items():
            loads_torch = name in LOADS_TORCH and (
                parameter.name != "name" or what == "a text that names no file"
            )
            if value is parameter.default or loads_torch or (name, parameter.name) == NOT_READ:
                continue
            several = parameter.kind is parameter.VAR_POSITIONAL
            try:
                run({**needed, parameter.name: (value,) if several else value})
            except PlatoscopeError:
                continue
            except Exception as error:
                wrong.append(f"{parameter.name}={what}: {type(error).__name__}: {error}"[:200])
    assert not wrong, "\n".join(wrong)
