"""What the plot functions put on the Axes: the data, the labels, the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pytest
import xarray
from matplotlib.cbook import is_math_text
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.testing import assert_allclose

from platoscope import report
from platoscope.errors import InputError
from platoscope.report._names import as_written
from platoscope.report.style import CHANCE_COLOR, COLORS

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.axes import Axes


@pytest.fixture
def ax() -> Axes:
    """Give Axes that belong to no window."""
    return Figure().subplots()


def _line(ax: Axes, label: str) -> np.ndarray:
    """Return the points of the one line with this label, shape (2, n)."""
    found = [line for line in ax.lines if line.get_label() == label]
    assert len(found) == 1, [line.get_label() for line in ax.lines]
    return np.array(found[0].get_data())


def _legend(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_profile_draws_both_directions(madeup: ModuleType, ax: Axes) -> None:
    """Each direction is a line over relative depth with the values of the result."""
    result = madeup.profile()
    assert report.plot_profile(result, ax) is ax
    for direction, label in (("a_to_b", "Δ(en → it)"), ("b_to_a", "Δ(it → en)")):
        x, y = _line(ax, label)
        assert_allclose(x, result.relative_depth_a)
        assert_allclose(y, result.information_imbalance.sel(direction=direction))
    assert _legend(ax) == ["Δ(en → it)", "Δ(it → en)", "shuffled pairs"]
    assert ax.get_ylabel() == "information imbalance Δ"
    assert ax.get_xlabel() == "relative depth"


def test_baselines_are_gray_lines_with_one_entry_a_kind(madeup: ModuleType, ax: Axes) -> None:
    """What is no condition is a thin gray mean of both directions, and the lone condition keeps its plain names."""
    results = {
        "trained": madeup.profile(),
        "seed 0": madeup.profile(shift=0.1),
        "seed 1": madeup.profile(shift=0.2),
    }
    report.plot_profile(results, ax, baselines={"untrained": ["seed 0", "seed 1", "left out"]})
    assert _legend(ax) == ["Δ(en → it)", "Δ(it → en)", "shuffled pairs", "untrained"]
    first, second = (line for line in ax.lines if line.get_label() == "untrained")
    assert_allclose(first.get_ydata(), results["seed 0"].information_imbalance.mean("direction"))
    assert first.get_color() == second.get_color()
    assert first.get_linewidth() < 1


def test_baselines_of_several_conditions_have_their_colors(madeup: ModuleType, ax: Axes) -> None:
    """Each baseline has a faint shade of the color of its condition, and each kind a style."""
    shifts = {"last": 0.0, "mean": 0.1, "last 0": 0.2, "mean 0": 0.3, "last words": 0.4, "gone 0": 0.5}
    results = {name: madeup.profile(shift=shift) for name, shift in shifts.items()}
    baselines = {
        "untrained": {"last": ["last 0"], "mean": ["mean 0"], "gone": ["gone 0"]},
        "words shuffled": {"last": ["last words"]},
    }
    report.plot_profile(results, ax, null=False, baselines=baselines)
    assert _legend(ax) == ["last", "mean", "Δ(en → it)", "Δ(it → en)", "untrained", "words shuffled"]
    for condition, kind in [("last", "untrained"), ("mean", "untrained"), ("last", "words shuffled")]:
        (line,) = (line for line in ax.lines if line.get_label() == f"{condition} · {kind}")
        color = COLORS[list(shifts).index(condition)]
        assert mpl.colors.to_rgb(line.get_color()) == mpl.colors.to_rgb(color)
        assert mpl.colors.to_rgba(line.get_color())[3] < 1
        assert line.get_linestyle() == {"untrained": "-", "words shuffled": "--"}[kind]
    assert not [line for line in ax.lines if "gone" in str(line.get_label())]


def test_names_of_baselines_are_no_formulas(madeup: ModuleType, ax: Axes) -> None:
    """A condition and a kind with dollar signs keep their color, and are drawn as they are written."""
    shifts = {"US$ and CA$": 0.0, "mean": 0.1, "seed 0": 0.2}
    results = {name: madeup.profile(shift=shift) for name, shift in shifts.items()}
    baselines = {"a $ b $ c": {"US$ and CA$": ["seed 0"]}}
    report.plot_profile(results, ax, null=False, baselines=baselines)
    assert _legend(ax)[-1] == r"a \$ b \$ c"
    (line,) = (line for line in ax.lines if str(line.get_label()).endswith(r"· a \$ b \$ c"))
    assert mpl.colors.to_rgb(line.get_color()) == mpl.colors.to_rgb(COLORS[0])


@pytest.mark.parametrize("baselines", [3, ["seed 0"], {"untrained": 3}, {"untrained": {"trained": "seed 0"}}])
def test_baselines_that_are_no_table_of_lists_are_refused(
    madeup: ModuleType, ax: Axes, baselines: object
) -> None:
    """Baselines are lists of names by kind, or by kind and condition."""
    results = {"trained": madeup.profile(), "seed 0": madeup.profile(shift=0.1)}
    with pytest.raises(InputError, match="baselines"):
        report.plot_profile(results, ax, baselines=baselines)


def test_profile_bands_are_the_intervals(madeup: ModuleType, ax: Axes) -> None:
    """The band of a line reaches from the lower to the upper end of its interval at every layer."""
    result = madeup.profile()
    report.plot_profile(result, ax, directions=("a_to_b",), null=False)
    (band,) = [item for item in ax.collections if isinstance(item, PolyCollection)]
    corners = band.get_paths()[0].vertices
    for i, x in enumerate(result.relative_depth_a.values):
        at_layer = corners[np.isclose(corners[:, 0], x), 1]
        low = float(result.information_imbalance_low[0, i])
        high = float(result.information_imbalance_high[0, i])
        assert_allclose([at_layer.min(), at_layer.max()], [low, high])


def test_profile_of_several_conditions(madeup: ModuleType, ax: Axes) -> None:
    """Color tells the condition, line style the direction, and the legend names each once."""
    other = madeup.profile(shift=0.1).assign_attrs(name_b="hu")
    report.plot_profile({"it": madeup.profile(), "hu": other}, ax, null=False)
    colors = {line.get_label(): line.get_color() for line in ax.lines}
    assert colors["it · Δ(en → it)"] == COLORS[0]
    assert colors["hu · Δ(en → hu)"] == COLORS[1]
    styles = {line.get_label(): line.get_linestyle() for line in ax.lines}
    assert styles["it · Δ(en → it)"] == styles["hu · Δ(en → hu)"] == "-"
    assert styles["it · Δ(it → en)"] == "--"
    assert _legend(ax) == ["it", "hu", "Δ(en → other)", "Δ(other → en)"]


def test_directions_shared_by_all_conditions_keep_their_names(madeup: ModuleType, ax: Axes) -> None:
    """Where conditions differ in pooling only, the legend names the languages."""
    report.plot_profile({"last": madeup.profile(), "mean(20)": madeup.profile(shift=0.1)}, ax, null=False)
    assert _legend(ax) == ["last", "mean(20)", "Δ(en → it)", "Δ(it → en)"]


def test_mean_of_directions_has_the_paired_interval(madeup: ModuleType, ax: Axes) -> None:
    """The interval of the mean of both directions comes from resamples paired between them."""
    result = madeup.profile()
    report.plot_profile(result, ax, directions=("mean",), null=False)
    resamples = result.information_imbalance_resamples.mean("direction")
    half = 1.959964 * resamples.std("resample", ddof=1) * np.sqrt(0.25 / 0.75)
    (band,) = [item for item in ax.collections if isinstance(item, PolyCollection)]
    top = result.information_imbalance.mean("direction") + half
    assert_allclose(band.get_paths()[0].vertices[:, 1].max(), float(top.max()))


def test_profile_shades_the_semantic_region(madeup: ModuleType, ax: Axes) -> None:
    """The shaded spans end halfway to the neighboring layers, one span per run of layers."""
    report.plot_profile(madeup.profile(n_layers=11), ax, region=[4, 5, 8])
    spans = sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches)
    assert_allclose(spans, [(0.35, 0.55), (0.75, 0.85)])
    assert "semantic region" in _legend(ax)


def test_profile_null_is_gray(madeup: ModuleType, ax: Axes) -> None:
    """The null is a gray line at the mean of the permutations."""
    result = madeup.profile()
    report.plot_profile(result, ax)
    (null,) = [line for line in ax.lines if line.get_label() == "shuffled pairs"]
    assert null.get_color() == CHANCE_COLOR
    assert_allclose(null.get_ydata(), result.information_imbalance_null.mean("direction"))


def test_profile_over_layers_of_the_other_side(madeup: ModuleType, ax: Axes) -> None:
    """The horizontal axis can be the layer index, of either side, and its ticks are layers."""
    report.plot_profile(madeup.profile(n_layers=7), ax, x="layer", side="b")
    assert_allclose(_line(ax, "Δ(en → it)")[0], np.arange(7))
    assert ax.get_xlabel() == "layer"
    for last in (7, 13, 33):  # where halves would be handy
        ax.set_xlim(-0.6, last - 0.4)
        assert all(tick == round(tick) for tick in ax.get_xticks())


def test_asymmetry_says_which_side_knows_more(madeup: ModuleType, ax: Axes) -> None:
    """δ is drawn around a zero line, and each half of the figure says whose it is."""
    result = madeup.profile()
    report.plot_asymmetry(result, ax)
    assert_allclose(_line(ax, "asymmetry")[1], result.asymmetry)
    low, high = ax.get_ylim()
    assert_allclose(low, -high)
    texts = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert texts["en more informative"] < 0.5 < texts["it more informative"]
    assert ax.get_ylabel() == "asymmetry δ(en, it)"


def test_asymmetry_of_a_similarity_has_the_better_side_above(madeup: ModuleType, ax: Axes) -> None:
    """Where a higher value predicts better, the side that predicts better stands above the zero line."""
    result = madeup.profile()
    result["ridge_asymmetry"] = -result.asymmetry
    report.plot_asymmetry(result, ax, measure="ridge_r2")
    assert_allclose(_line(ax, "ridge_asymmetry")[1], -result.asymmetry)
    texts = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert texts["it more informative"] < 0.5 < texts["en more informative"]
    with pytest.raises(
        InputError, match="have a named difference \\(information_imbalance, ridge_r2\\); got 'rsa'"
    ):
        report.plot_asymmetry(result, ax, measure="rsa")


def test_differences_have_a_place_for_the_best_layers_where_there_are_any(
    madeup: ModuleType, ax: Axes
) -> None:
    """Of the first and each of the others; neither end of the asymmetry is the best."""
    attributes = {"n_neighbors": 1, "n_resamples": 40, "interval_method": "carried"}
    first, *others = (madeup.profile(shift=shift).assign_attrs(attributes) for shift in (0.0, 0.1, 0.2))
    report.plot_difference(dict(zip("abc", (first, *others), strict=True)), ax)
    assert _legend(ax)[:2] == ["a − b", "a − c"]
    for name, other in zip("bc", others, strict=True):
        gap = (first - other).information_imbalance.mean("direction")
        assert_allclose(_line(ax, f"a − {name}"), [first.relative_depth_a, gap])
        places, ends = _line(ax, f"a − {name}, best layers")
        assert places[0] > 1
        assert ends[0] < gap.mean() < ends[1]
    assert [text.get_text() for text in ax.get_xticklabels()][-1] == "best"
    bare = Figure().subplots()
    report.plot_difference({"a": first, "b": others[0]}, bare, quantity="asymmetry")
    assert [text.get_text() for text in bare.get_xticklabels()][-1] == "1"
    assert bare.get_xlim()[1] < 1.05


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a"])
def test_grid_is_the_table_and_marks_its_minimum(madeup: ModuleType, ax: Axes, direction: str) -> None:
    """Layers of A run to the right, of B upward, and a ring marks the smallest Δ."""
    result = madeup.grid()
    report.plot_grid(result, ax, direction=direction)
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    values = result.information_imbalance.sel(direction=direction).transpose("layer_b", "layer_a")
    assert_allclose(np.asarray(mesh.get_array()).reshape(values.shape), values)
    best = values.where(values == values.min(), drop=True)
    (ring,) = ax.lines
    assert ring.get_xdata()[0] == best.layer_a[0]
    assert ring.get_ydata()[0] == best.layer_b[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("layer of en", "layer of it")


def test_grid_of_a_similarity_marks_its_maximum(madeup: ModuleType, ax: Axes) -> None:
    """For a measure where larger is more similar, the ring marks the largest value."""
    result = madeup.grid()
    report.plot_grid(result, ax, measure="cka_debiased")
    (ring,) = ax.lines
    value = result.cka_debiased.sel(layer_a=ring.get_xdata()[0], layer_b=ring.get_ydata()[0])
    assert_allclose(value, result.cka_debiased.max())


def test_grid_leaves_missing_cells_empty(madeup: ModuleType, ax: Axes) -> None:
    """A cell without a value (CKA of a constant layer) is not the best one, and is masked."""
    result = madeup.grid()
    result.cka_debiased[0, 0] = np.nan
    report.plot_grid(result, ax, measure="cka_debiased")
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    assert np.ma.getmaskarray(np.ma.masked_invalid(mesh.get_array())).sum() == 1


def test_poolings_are_ordered_and_named(madeup: ModuleType, ax: Axes) -> None:
    """The legend lists single tokens, means and concatenations, each by number of tokens."""
    names = ["concat(5)", "mean(20)", "last", "mean(5)"]
    report.plot_poolings({name: madeup.profile(pooling=name) for name in names}, ax)
    assert _legend(ax) == ["last", "mean(5)", "mean(20)", "concat(5)"]
    assert len({line.get_color() for line in ax.lines if line.get_label() in names}) == 4


def test_token_distance_has_distance_across_and_layer_up(madeup: ModuleType, ax: Axes) -> None:
    """The map of token distances holds Δ of the direction, with a fixed scale of color."""
    result = madeup.tokens()
    report.plot_token_distance(result, ax, direction="b_to_a")
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    values = result.information_imbalance.sel(direction="b_to_a").transpose("layer", "token_distance")
    assert_allclose(np.asarray(mesh.get_array()).reshape(values.shape), values)
    assert mesh.get_clim() == (0.0, 1.0)


def test_metrics_are_similarities(madeup: ModuleType, ax: Axes) -> None:
    """Δ is drawn as 1 − Δ beside CKA and overlap, with the chance level of the overlap."""
    result = madeup.profile()
    report.plot_metrics(result, ax)
    assert_allclose(_line(ax, "1 − Δ")[1], 1 - result.information_imbalance.mean("direction"))
    assert_allclose(_line(ax, "CKA (biased)")[1], result.cka_biased)
    assert_allclose(_line(ax, "overlap by chance")[1], 0.01)


def test_null_is_drawn_at_its_values(madeup: ModuleType, ax: Axes) -> None:
    """The figure of the null shows both directions and a line at 1."""
    result = madeup.profile()
    report.plot_null(result, ax)
    assert_allclose(_line(ax, "Δ(en → it)")[1], result.information_imbalance_null.sel(direction="a_to_b"))
    assert any(np.all(np.asarray(line.get_ydata()) == 1) for line in ax.lines)


@pytest.mark.parametrize(
    ("plot", "coordinate", "label"),
    [
        (report.plot_rank, "rank", "rank of W"),
        (report.plot_shared_features, "fraction", "fraction α of features observed"),
    ],
)
def test_synthetic_shows_both_directions(madeup: ModuleType, ax: Axes, plot, coordinate, label) -> None:
    """Both directions of Δ and the symmetric measures stand over the swept parameter."""
    result = madeup.synthetic(coordinate)
    plot(result, ax)
    x, y = _line(ax, "Δ(y → x)")
    assert_allclose(x, result[coordinate])
    assert_allclose(y, result.information_imbalance.sel(direction="b_to_a"))
    assert ax.get_xlabel() == label
    assert {"CKA (biased)", "CKA (debiased)", "neighborhood overlap"} <= set(_legend(ax))


def test_retrieval_draws_every_k(madeup: ModuleType, ax: Axes) -> None:
    """Each k and direction is a line, and 1 − Δ stands beside them."""
    result = madeup.profile()
    report.plot_retrieval(result, ax)
    assert_allclose(_line(ax, "recall@5 · it → en")[1], result.retrieval_at_5.sel(direction="b_to_a"))
    assert_allclose(_line(ax, "1 − Δ(en → it)")[1], 1 - result.information_imbalance.sel(direction="a_to_b"))


def test_sweep_names_the_swept_side(madeup: ModuleType, ax: Axes) -> None:
    """The axis of a sweep names the side that moves."""
    report.plot_sweep({"DINOv2": madeup.profile()}, ax, side="b")
    assert ax.get_xlabel() == "relative depth (it)"
    assert "DINOv2 · Δ(en → it)" in {line.get_label() for line in ax.lines}


def test_sample_size_is_logarithmic(madeup: ModuleType, ax: Axes) -> None:
    """The N-curve has a tick with its plain number at each N."""
    report.plot_sample_size(madeup.n_curve(), ax)
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["100", "200", "400", "800", "1600"]


def test_of_several_draws_of_n_items_the_mean_is_drawn(madeup: ModuleType, ax: Axes) -> None:
    """The result of `n_curve`, which has several draws of each N, is one line per measure and direction."""
    once = madeup.n_curve()
    several = xarray.concat([once, once + 0.2], dim="draw").assign_attrs(once.attrs)
    report.plot_sample_size(several, ax)
    assert_allclose(_line(ax, "Δ(en → it)")[1], once.information_imbalance.sel(direction="a_to_b") + 0.1)
    assert len({line.get_label() for line in ax.lines if not line.get_label().startswith("_")}) == 3


@pytest.mark.parametrize(
    "plot",
    [
        report.plot_profile,
        report.plot_asymmetry,
        report.plot_grid,
        report.plot_null,
        report.plot_rank,
        report.plot_retrieval,
        report.plot_sample_size,
        report.plot_sweep,
        report.plot_token_distance,
    ],
)
def test_a_result_of_another_kind_is_named(madeup: ModuleType, ax: Axes, plot) -> None:
    """A result without what the figure draws is an error that lists what it holds."""
    other = madeup.profile()[["cka_biased"]]
    with pytest.raises(InputError, match="cka_biased|rank"):
        plot(other, ax)


@pytest.mark.parametrize("plot", [report.plot_profile, report.plot_asymmetry, report.plot_null])
def test_a_grid_is_no_profile(madeup: ModuleType, ax: Axes, plot) -> None:
    """Each kind of result names the function that draws it, and what is no result is refused."""
    with pytest.raises(
        InputError, match=r"a grid of every layer with every layer\. Draw it with platoscope\.plot_grid"
    ):
        plot(madeup.grid(), ax)
    with pytest.raises(InputError, match=r"one or several in a dict by name; got list"):
        plot([madeup.profile()], ax)
    with pytest.raises(InputError, match=r"platoscope\.plot_profile draws it"):
        report.plot_grid(madeup.profile(), ax)


@pytest.mark.parametrize("plot", [report.plot_profile, report.plot_sweep, report.plot_asymmetry])
def test_a_figure_of_its_own_is_one(madeup: ModuleType, plot) -> None:
    """Without Axes a function opens one figure, and no empty one beside it that a notebook would show."""
    import matplotlib.pyplot as plt

    before = set(plt.get_fignums())
    drawn = plot({"DINOv2": madeup.profile()})
    opened = set(plt.get_fignums()) - before
    assert opened == {drawn.figure.number}
    plt.close(drawn.figure)


def test_styles_do_not_leak(madeup: ModuleType) -> None:
    """Drawing, with and without Axes given, changes no setting of Matplotlib."""
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    drawn = report.plot_profile(madeup.profile())
    plt.close(drawn.figure)
    assert dict(mpl.rcParams) == before
    assert_allclose(drawn.figure.get_figwidth(), 3.35)


def test_profile_without_null_marks_the_level_of_chance(madeup: ModuleType, ax: Axes) -> None:
    """Where no null is drawn, a gray line says what unrelated representations give."""
    report.plot_profile(madeup.profile(), ax, null=False)
    levels = [line.get_ydata()[0] for line in ax.lines if line.get_color() == CHANCE_COLOR]
    assert levels == [1.0]


def test_overlap_alone_marks_its_chance(madeup: ModuleType, ax: Axes) -> None:
    """A profile of the overlap has its gray line at k / (N - 1), as the result says."""
    report.plot_profile(madeup.profile(), ax, measure="neighborhood_overlap")
    levels = [line.get_ydata()[0] for line in ax.lines if line.get_color() == CHANCE_COLOR]
    assert levels == [0.01]


def test_legends_stand_above_the_data(madeup: ModuleType, ax: Axes) -> None:
    """No legend lies over the Axes, where it would cover lines or bands."""
    report.plot_profile({"one": madeup.profile(), "two": madeup.profile(seed=1)}, ax)
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1


def test_few_token_distances_each_have_a_tick(madeup: ModuleType, ax: Axes) -> None:
    """Distances that were chosen far apart are named one by one."""
    report.plot_token_distance(madeup.tokens().sel(token_distance=[1, 2, 4, 8, 16]), ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "4", "8", "16"]


def test_values_beyond_the_scale_are_announced(madeup: ModuleType, ax: Axes) -> None:
    """Where Δ exceeds the end of the color scale, the scale has a pointed end."""
    high = madeup.tokens() * 1.5
    report.plot_token_distance(high, ax)
    (mesh,) = [item for item in ax.collections if isinstance(item, QuadMesh)]
    assert mesh.colorbar.extend == "max"


NAMES = ("US$", "US$ and CA$", r"costs $\frac{1}$", "Ba$$in", r"x\$y", "a_b^c", "_x", r"C:\new\text")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["profile", "asymmetry", "null", "poolings", "grid", "retrieval", "sweep"])
def test_names_are_text(madeup: ModuleType, ax: Axes, kind: str, name: str) -> None:
    """Whatever characters a condition or a side has in its name are drawn as they are written."""
    several = {
        "profile": report.plot_profile,
        "asymmetry": report.plot_asymmetry,
        "null": report.plot_null,
        "poolings": report.plot_poolings,
        "sweep": report.plot_sweep,
    }
    result = (madeup.grid() if kind == "grid" else madeup.profile()).assign_attrs(name_a=name, name_b="it$")
    if kind in several:
        several[kind]({name: result, "plain": result}, ax)
    else:
        {"grid": report.plot_grid, "retrieval": report.plot_retrieval}[kind](result, ax)
    ax.figure.draw_without_rendering()  # raises where a formula cannot be read
    texts = [text.get_text() for text in ax.findobj(Text)]
    assert not any(is_math_text(text) for text in texts)
    assert any(name in as_written(text) for text in texts)


def test_a_measure_of_ones_own_is_drawn_as_its_result_says(madeup: ModuleType) -> None:
    """Of a measure that is in no table, the result tells the label and which end is better; else its name is its label."""
    result = madeup.grid()
    says = {"long_name": "distance in US$ and CA$", "higher_is_similar": 0}
    result["mine"] = (("layer_a", "layer_b"), 1 - result.cka_debiased.values, says)
    result["other"] = (("layer_a", "layer_b"), result.cka_debiased.values)
    ax, other = Figure().subplots(1, 2)
    report.plot_grid(result, ax, measure="mine")
    assert ax.lines[0].get_label().startswith("minimum")
    assert as_written(ax.get_title()) == "distance in US$ and CA$"
    report.plot_grid(result, other, measure="other")
    assert other.lines[0].get_label().startswith("maximum")
    assert other.get_title() == "other"
    result["mine_low"] = result["mine"].drop_attrs()
    report.plot_grid(result, other, measure="mine_low")
    assert other.lines[-1].get_label().startswith("minimum"), "a bound is on the scale of its measure"


@pytest.mark.parametrize(
    ("measure", "label", "level"),
    [("cka_debiased", "CKA (debiased)", 0.0), ("retrieval_at_1", "recall@1", 1 / 1000)],
)
def test_profile_reads_label_and_chance_from_the_table(
    madeup: ModuleType, ax: Axes, measure: str, label: str, level: float
) -> None:
    """The axis names a measure as the table does, and the gray line is at its level of chance."""
    report.plot_profile(madeup.profile(), ax, measure=measure)
    assert ax.get_ylabel() == label
    assert [line.get_ydata()[0] for line in ax.lines if line.get_color() == CHANCE_COLOR] == [level]


def test_metrics_of_ones_choice(madeup: ModuleType, ax: Axes) -> None:
    """Measures are drawn in the order given; those of one family share a color, and no chance is drawn for absent ones."""
    report.plot_metrics(
        madeup.profile(), ax, measures=("cka_biased", "cka_debiased", "rsa", "retrieval_at_1")
    )
    assert _legend(ax) == ["CKA (biased)", "CKA (debiased)", "recall@1"]
    colors = [line.get_color() for line in ax.lines]
    assert colors == [COLORS[0], COLORS[0], COLORS[2]]
