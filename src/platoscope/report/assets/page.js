// The pages of Platoscope: charts, the list of pairs of a run, and the comparison of runs.
// What a user or a data set named is set as text and never as markup; nothing is asked of any network.

const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id)?.textContent ?? "null");

/** Make an element with attributes, and children that are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Fill a select with [value, text] pairs, and choose one of them. */
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  select.value = chosen;
}

const count = (number) => number.toLocaleString("en-US");
const digits = (number, places = 3) => (number === null || Number.isNaN(number) ? "–" : number.toFixed(places));

// ---- Charts ----

const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DASHES = { a_to_b: "solid", b_to_a: "dash", mean: "dot", "": "solid" };
const drawn = new Map(); // from the element of a chart to what it shows, and what takes clicks on it
const listening = new WeakSet(); // charts that hear clicks
let library; // the promise of Plotly

/** Run Plotly, which is most of the page: late, when a chart is wanted and all that is no chart was painted. */
function plotly() {
  library ??= new Promise((ready) => {
    requestAnimationFrame(() =>
      setTimeout(() => {
        document.head.append(make("script", {}, byId("plotly").textContent));
        ready(window.Plotly);
      }),
    );
  });
  return library;
}

/** Plotly reads tags, entities and values in braces; a name stands there as it was written. */
const inChart = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("%{", "%&#123;");

const isDark = () => {
  const chosen = document.documentElement.style.colorScheme;
  return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
};

/** Colors that are drawn for white paper and can hardly be seen on dark paper, by how they begin. */
const ON_DARK = [
  [/^(rgba\(0,0,0,|#000)/, "#e3e8ed"],
  [/^(rgba\(0,114,178,|#0072B2)/, "#4aa3df"],
];

/** Give a chart the colors of the page; on dark paper pale areas are seen through. */
function onThisPaper(traces, layout) {
  const { color, backgroundColor, borderColor } = getComputedStyle(document.body);
  const copy = structuredClone({ traces, layout });
  const axis = { gridcolor: borderColor, linecolor: borderColor, zerolinecolor: borderColor };
  copy.layout.template = {
    layout: {
      font: { family: "system-ui, sans-serif", size: 12, color },
      paper_bgcolor: backgroundColor,
      plot_bgcolor: backgroundColor,
      xaxis: axis,
      yaxis: axis,
      legend: { bgcolor: "rgba(0,0,0,0)" },
      hoverlabel: { bgcolor: backgroundColor, font: { color } },
    },
  };
  if (isDark()) {
    for (const { line, marker } of copy.traces) {
      for (const part of [line, marker]) {
        for (const [dark, light] of ON_DARK) if (dark.test(part?.color ?? "")) part.color = light;
      }
    }
    for (const shape of copy.layout.shapes ?? []) if (shape.type === "rect") shape.opacity = 0.15;
  }
  return copy;
}

/** Draw a chart, or draw it anew, as wide as its place is; `click` takes the points that are clicked. */
async function draw(element, traces, layout, click) {
  const wanted = [traces, layout, click];
  drawn.set(element, wanted);
  const Plotly = await plotly();
  if (drawn.get(element) !== wanted) return; // meanwhile something else is to be seen
  const themed = onThisPaper(traces, layout);
  await Plotly.react(element, themed.traces, themed.layout, CONFIG);
  if (!click || listening.has(element)) return;
  listening.add(element);
  element.on("plotly_click", ({ points }) => click(points[0]));
}

/** Draw each chart when it comes near the screen: a page with many opens as fast as one with few. */
function drawWhenSeen(charts) {
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        draw(target, charts[target.id].data, charts[target.id].layout);
      }
    },
    { rootMargin: "400px" },
  );
  for (const id of Object.keys(charts)) observer.observe(byId(id));
}

function themes() {
  const select = byId("theme");
  const apply = (value) => {
    document.documentElement.style.colorScheme = value;
    for (const [element, wanted] of drawn) draw(element, ...wanted);
  };
  try {
    select.value = localStorage.getItem("platoscope-colors") ?? select.value;
    if (!select.value) select.value = "light dark";
  } catch {
    /* a browser may forbid to keep anything */
  }
  select.addEventListener("change", () => {
    try {
      localStorage.setItem("platoscope-colors", select.value);
    } catch {
      /* then it is chosen anew next time */
    }
    apply(select.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(select.value));
  apply(select.value);
}

/** One curve with the band of its interval. */
function curve({ x, values, low, high }, name, color, dash) {
  const line = {
    type: "scatter",
    mode: "lines+markers",
    x,
    y: values,
    name: inChart(name),
    line: { color, dash, width: 2 },
    marker: { size: 5, color },
    hovertemplate: "%{y:.3f}",
  };
  if (!low || !high) return [line];
  const band = { type: "scatter", mode: "lines", x, line: { width: 0, color }, hoverinfo: "skip", showlegend: false };
  return [{ ...band, y: low }, { ...band, y: high, fill: "tonexty", fillcolor: `${color}26` }, line];
}

const plain = (title, x, y, height) => ({
  title: { text: inChart(title), font: { size: 14 }, x: 0, xref: "paper" },
  xaxis: { title: { text: inChart(x) }, zeroline: false },
  yaxis: { title: { text: inChart(y) }, zeroline: false },
  hovermode: "x",
  height,
  margin: { l: 60, r: 20, t: 40, b: 90 },
  legend: { orientation: "h", x: 0, y: -0.22, yanchor: "top", traceorder: "normal" }, // bands would turn it round
});

// ---- The pairs of a run ----

const TYPES = { u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
const PER_PAGE = 25;

/** Unpack a table of numbers, which is deflated in Base64. */
async function unpack({ type, data }) {
  const packed = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new TYPES[type](await new Response(stream).arrayBuffer());
}

const unpackAll = async (tables) =>
  Object.fromEntries(
    await Promise.all(Object.entries(tables).map(async ([name, table]) => [name, await unpack(table)])),
  );

/** Unpack what is known of the pairs at matched layers, or in the cells of a grid, once. */
async function opened(packed) {
  packed.numbers ??= {
    rank: await unpackAll(packed.ranks.rank),
    partner: await unpackAll(packed.ranks.partner ?? {}),
    nearest: await unpackAll(packed.nearest),
    ties: await unpackAll(packed.ties),
  };
  return packed.numbers;
}

function explore({ comparisons, items }) {
  const state = { order: { kind: "rank", direction: "a_to_b", falling: true }, page: 0, open: new Set() };
  let comparison, pairs, known; // known: of every pair at the chosen layers, what `look` gives
  let turns = 0; // of choosing: what was chosen before the last time is not shown any more
  let asked; // the layers that were chosen last, which may not be shown yet

  const placeOf = (layers) => comparison.layers.findIndex(([a, b]) => a === layers.a && b === layers.b);
  const swept = () =>
    comparison.layers.length > 1 && comparison.layers.every(([a]) => a === comparison.layers[0][0]) ? "b" : "a";
  const shownMeasures = () => (state.space === comparison.space ? comparison.measures : comparison.spaces[state.space]);
  const measure = () => shownMeasures().find(({ name }) => name === state.measure) ?? shownMeasures()[0];

  async function choose(index) {
    const turn = ++turns;
    await opened(comparisons[index].matched);
    if (turn !== turns) return;
    comparison = comparisons[index];
    pairs = items[comparison.items];
    state.space = comparison.space;
    state.measure ??= "information_imbalance";
    const delta = comparison.measures.find(({ name }) => name === "information_imbalance") ?? comparison.measures[0];
    const values = delta.lines[0].values.map((value) => value ?? Infinity);
    [state.a, state.b] = comparison.layers[values.indexOf(Math.min(...values))];
    asked = { a: state.a, b: state.b };
    const strata = [...new Set(pairs.strata ?? [])].filter((name) => name !== null).sort();
    fill(byId("stratum"), [["", "all"], ...strata.map((name) => [`=${name}`, name])], "");
    byId("stratum")
      .closest("label")
      .classList.toggle("hidden", strata.length < 2);
    const spaces = [...new Set([comparison.space, ...Object.keys(comparison.spaces)])];
    fill(
      byId("space"),
      spaces.map((name) => [name, name]),
      state.space,
    );
    byId("space")
      .closest("label")
      .classList.toggle("hidden", spaces.length < 2);
    fill(byId("direction"), Object.entries(comparison.directions), state.order.direction);
    for (const side of ["a", "b"])
      byId(`layer-${side}-name`).textContent = `Layer of ${comparison.names[side === "a" ? 0 : 1]}`;
    byId("license").textContent = pairs.shown
      ? pairs.license
        ? `License of the pairs: ${pairs.license}.`
        : ""
      : `${pairs.why} Pairs stand here by their ids.`;
    restart();
  }

  function restart() {
    known = look();
    showCharts();
    narrow();
  }

  /**
   * Give of every pair at the chosen layers its ranks by kind and direction, and by side its nearest neighbor and how many
   * tie for it: of matched layers, or of a cell of the grid; null for what the page does not have.
   */
  function look() {
    const place = placeOf(state);
    const cells = place < 0 ? comparison.grid?.cells?.numbers : undefined;
    const { layers_a, layers_b } = comparison.grid ?? {};
    const where = cells
      ? { a: layers_a.indexOf(state.a), b: layers_b.indexOf(state.b) }
      : { a: comparison.layers.findIndex(([a]) => a === state.a), b: comparison.layers.findIndex(([, b]) => b === state.b) };
    const both = cells ? where.a * layers_b.length + where.b : place;
    const n = pairs.ids.length;
    const cut = (tables, placed) =>
      Object.fromEntries(
        Object.entries(tables).map(([name, table]) => {
          const from = placed(name) * n;
          return [name, from < 0 ? null : table.subarray(from, from + n)];
        }),
      );
    const { rank, partner, nearest, ties } = cells ?? comparison.matched.numbers;
    const [paired, sided] = [() => both, (side) => where[side]];
    return {
      ranked: both >= 0,
      rank: cut(rank, paired),
      partner: cut(partner, paired),
      nearest: cut(nearest, sided),
      ties: cut(ties, sided),
    };
  }

  /** Show two layers; what is known of the cells of a grid is unpacked when the first of them is asked for. */
  async function show(layers) {
    const turn = ++turns;
    asked = layers;
    if (placeOf(layers) < 0 && comparison.grid?.cells) await opened(comparison.grid.cells);
    if (turn !== turns) return;
    Object.assign(state, layers);
    restart();
  }

  /** Show the list from its beginning; charts stay as they are. */
  function narrow() {
    state.page = 0;
    state.open.clear();
    showList();
  }

  /** Take a layer of one side, and on the other the one it is matched with, unless a grid has every two. */
  function take(side, layer) {
    const wanted = { ...asked, [side]: layer };
    if (!comparison.grid && placeOf(wanted) < 0) {
      [wanted.a, wanted.b] = comparison.layers.find((two) => two[side === "a" ? 0 : 1] === layer);
    }
    show(wanted);
  }

  // What is shown of the state: controls, charts, list.

  function showCharts() {
    fill(
      byId("measure"),
      shownMeasures().map(({ name, label }) => [name, label]),
      measure().name,
    );
    for (const [column, side] of ["a", "b"].entries()) {
      const layers = comparison.grid?.[`layers_${side}`] ?? [...new Set(comparison.layers.map((two) => two[column]))];
      fill(
        byId(`layer-${side}`),
        layers.map((layer) => [layer, layer]),
        state[side],
      );
    }
    showGrid(); // first: whether it is there decides the width of the profile
    showProfile();
  }

  function showProfile() {
    const column = swept() === "a" ? 0 : 1;
    const x = comparison.layers.map((two) => two[column]);
    const { lines, label } = measure();
    const traces = lines.flatMap((line, i) => curve({ x, ...line }, line.name, PALETTE[i], DASHES[line.direction]));
    const element = byId("profile");
    const layout = plain("", `layer of ${comparison.names[column]}`, label, 380);
    layout.margin.t = 15;
    const range = Math.max(...x) - Math.min(...x);
    Object.assign(layout.xaxis, { tick0: 0, dtick: Math.max(1, Math.ceil(range / 12)) }); // there is no half a layer
    layout.shapes = [
      {
        type: "line",
        yref: "paper",
        x0: state[swept()],
        x1: state[swept()],
        y0: 0,
        y1: 1,
        line: { color: "#7F7F7F", width: 2, dash: "dot" },
      },
    ];
    const row = placeOf(state);
    element.setAttribute(
      "aria-label",
      `${label} over the layers of ${comparison.names[column]}. ` +
        (row < 0
          ? ""
          : lines.map((line) => `${line.name} at the chosen layer: ${digits(line.values[row])}`).join("; ")),
    );
    draw(element, traces, layout, ({ x }) => {
      const [a, b] = comparison.layers.find((two) => two[swept() === "a" ? 0 : 1] === x);
      show({ a, b });
    });
  }

  function showGrid() {
    const element = byId("grid");
    const { grid, names } = comparison;
    const shown = grid?.measures.find(({ name }) => name === measure().name);
    const hidden = !shown || state.space !== comparison.space;
    element.classList.toggle("hidden", hidden);
    if (hidden) return;
    const line = shown.lines.find(({ direction }) => direction === state.order.direction) ?? shown.lines[0];
    const signed = shown.name === "asymmetry";
    const traces = [
      {
        type: "heatmap",
        x: grid.layers_a,
        y: grid.layers_b,
        z: line.values,
        colorscale: signed ? "RdBu" : "Viridis",
        zmid: signed ? 0 : undefined,
        hovertemplate: `${inChart(names[0])} %{x}<br>${inChart(names[1])} %{y}<br>%{z:.3f}<extra></extra>`,
      },
      {
        type: "scatter",
        mode: "markers",
        x: [state.a],
        y: [state.b],
        showlegend: false,
        hoverinfo: "skip",
        marker: { size: 13, symbol: "circle-open", color: "#D55E00", line: { width: 3 } },
      },
    ];
    const layout = plain(line.name, `layer of ${names[0]}`, `layer of ${names[1]}`, 380);
    layout.hovermode = "closest";
    if (7 * line.name.length > element.clientWidth - 90) {
      layout.title.text = layout.title.text.replace(" → ", "<br>→ ");
      layout.margin.t += 20;
    }
    const value = line.values[grid.layers_b.indexOf(state.b)][grid.layers_a.indexOf(state.a)];
    element.setAttribute(
      "aria-label",
      `${line.name} of every layer of ${names[0]} with every layer of ${names[1]}. At the chosen layers: ${digits(value)}`,
    );
    draw(element, traces, layout, ({ x, y }) => show({ a: x, b: y }));
  }

  /**
   * What a pair may be sorted by: ranks in both directions, of the partner too where retrieval was measured, and on both
   * sides of how many others it is the neighbor.
   */
  function columns() {
    const kinds = known.ranked ? ["rank", "partner"].filter((kind) => Object.keys(known[kind]).length) : [];
    const says = { rank: "rank of the neighbor", partner: "rank of the partner" };
    const ranks = kinds.flatMap((kind) =>
      Object.entries(comparison.directions).map(([direction, name]) => ({
        kind,
        direction,
        text: `${says[kind]}, ${name}`,
        values: known[kind][direction],
      })),
    );
    const hubs = ["a", "b"].map((side, i) => ({
      kind: "hub",
      direction: Object.keys(comparison.directions)[i],
      text: `nearest neighbor of others, ${comparison.names[i]}`,
      values: occurrences(side),
    }));
    return [...ranks, ...hubs.filter(({ values }) => values)];
  }

  /** Of how many pairs each one is the nearest neighbor; where several tie as nearest, it is none of them. */
  function occurrences(side) {
    const [nearest, ties] = [known.nearest[side], known.ties[side]];
    if (!nearest) return null;
    const counts = new Uint32Array(nearest.length);
    for (const [item, near] of nearest.entries()) if (ties[item] === 1) counts[near] += 1;
    return counts;
  }

  function matching() {
    const wanted = byId("search").value.trim().toLowerCase();
    const stratum = byId("stratum").value;
    const holds = (item) =>
      (!stratum || pairs.strata[item] === stratum.slice(1)) &&
      (!wanted ||
        [
          pairs.ids[item],
          pairs.titles?.[item] ?? "",
          ...["a", "b"].map((side, i) => (pairs.modalities?.[i] === "text" ? pairs[side][item] : "")),
        ].some((text) => text.toLowerCase().includes(wanted)));
    return [...pairs.ids.keys()].filter(holds);
  }

  function showList() {
    const found = matching();
    const all = columns();
    const named = (wanted) =>
      all.find(({ kind, direction }) => kind === wanted && direction === state.order.direction);
    const by = named(state.order.kind) ?? named("rank");
    if (by) {
      const sign = state.order.falling ? -1 : 1;
      found.sort((i, j) => sign * (by.values[i] - by.values[j]) || i - j);
    }
    const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    state.page = Math.min(state.page, pages - 1);
    const from = state.page * PER_PAGE;
    const shown = found.slice(from, from + PER_PAGE);
    showHead(all, by);
    byId("pairs").tBodies[0].replaceChildren(...shown.flatMap((item) => rows(item, all)));
    const order = by
      ? `by ${by.text}, ${state.order.falling ? "highest" : "lowest"} first`
      : "in the order of the data";
    const range = shown.length ? `Pairs ${count(from + 1)} to ${count(from + shown.length)}` : "None";
    byId("said").textContent =
      `${range} of ${count(found.length)}${found.length < pairs.ids.length ? ` that match (${count(pairs.ids.length)} in all)` : ""}, ${order}.${share(found)}`;
    byId("previous").disabled = state.page === 0;
    byId("next").disabled = state.page >= pages - 1;
    byId("place").textContent = `Page ${state.page + 1} of ${pages}`;
    byId("unranked").textContent = caveat();
  }

  /** The share of Δ that these pairs carry: 2/N times the mean of their ranks. */
  function share(found) {
    if (!known.ranked || !found.length) return "";
    const n = pairs.ids.length;
    const own = (chosen, ranks) => (2 / n) * (chosen.reduce((sum, item) => sum + ranks[item], 0) / chosen.length);
    const everyone = [...pairs.ids.keys()];
    const parts = Object.entries(known.rank).map(([direction, ranks]) => {
      const whole = digits(own(everyone, ranks));
      return `Δ(${comparison.directions[direction]}) ${found.length < n ? `${digits(own(found, ranks))}, of all ${whole}` : whole}`;
    });
    return ` Over these pairs: ${parts.join("; ")}.`;
  }

  function caveat() {
    if (!known.ranked) {
      return `${comparison.grid.why} Of layer ${state.a} of ${comparison.names[0]} and layer ${state.b} of ${comparison.names[1]} the list shows the nearest neighbors on each side.`;
    }
    if (state.space !== comparison.space) {
      return `The chart is in the space “${state.space}”. The pairs are ranked in “${comparison.space}”, the only one whose ranks the run keeps.`;
    }
    return "";
  }

  function showHead(all, by) {
    const heads = [
      ["Pair", "name"],
      [comparison.names[0], cell("a")],
      [comparison.names[1], cell("b")],
    ].map(([text, name]) => make("th", { scope: "col", class: name }, text));
    for (const column of all) {
      const chosen = column === by;
      const sort = chosen ? (state.order.falling ? "descending" : "ascending") : "none";
      const mark = chosen ? (state.order.falling ? " ▼" : " ▲") : "";
      const click = () => {
        state.order = { ...column, falling: chosen ? !state.order.falling : true };
        byId("direction").value = column.direction;
        restart();
        byId("pairs").tHead.querySelector("[aria-sort=ascending] button, [aria-sort=descending] button")?.focus();
      };
      heads.push(
        make(
          "th",
          { scope: "col", class: "number", "aria-sort": sort },
          make("button", { type: "button", onclick: click }, `${column.text}${mark}`),
        ),
      );
    }
    heads.push(make("th", { scope: "col" }, "Neighbors"));
    byId("pairs").tHead.replaceChildren(make("tr", {}, ...heads));
  }

  /** What a reader calls a pair: its title where the data have one. */
  const called = (item) => pairs.titles?.[item] || pairs.ids[item];
  const isPicture = (side) => pairs.shown && pairs.modalities[side === "a" ? 0 : 1] === "image";
  const cell = (side) => (isPicture(side) ? "content picture" : "content");

  function content(side, item) {
    if (!pairs.shown) return make("div", { class: "text" }, "–");
    const value = pairs[side][item];
    if (!isPicture(side)) return make("div", { class: "text", dir: "auto" }, value);
    const alt = `${called(item)}, ${comparison.names[side === "a" ? 0 : 1]}`;
    return value.startsWith("data:image/")
      ? make("img", { src: value, alt, loading: "lazy" })
      : make("div", { class: "text" }, `${alt} cannot be shown`);
  }

  function rows(item, all) {
    const open = state.open.has(item);
    const toggle = () => {
      if (!state.open.delete(item)) state.open.add(item);
      showList();
      byId(`neighbors-${item}`).focus();
    };
    const stratum = pairs.strata?.[item];
    const cells = [
      make(
        "th",
        { scope: "row", class: "name" },
        called(item),
        called(item) === pairs.ids[item] ? "" : make("div", { class: "id" }, pairs.ids[item]),
        stratum ? make("div", { class: "stratum" }, stratum) : "",
      ),
      ...["a", "b"].map((side) => make("td", { class: cell(side) }, content(side, item))),
      ...all.map(({ text, values }) => make("td", { class: "number", "data-name": text }, written(values[item]))),
      make(
        "td",
        { class: "more" },
        make(
          "button",
          {
            type: "button",
            id: `neighbors-${item}`,
            "aria-expanded": String(open),
            "aria-controls": open ? `detail-${item}` : null,
            "aria-label": `neighbors of ${called(item)}`,
            onclick: toggle,
          },
          open ? "hide" : "show",
        ),
      ),
    ];
    const main = make("tr", { class: open ? "unfolded" : null }, ...cells);
    if (!open) return [main];
    const detail = make("td", { colspan: cells.length }, ...["a", "b"].map((side) => neighbor(side, item)));
    return [main, make("tr", { class: "detail", id: `detail-${item}` }, detail)];
  }

  const written = (rank) => (Number.isInteger(rank) ? count(rank) : rank.toFixed(1));

  /** The nearest neighbor of a pair on one side, whole: where its other half lies is the rank of that direction. */
  function neighbor(side, item) {
    const [own, other] = side === "a" ? comparison.names : [...comparison.names].reverse();
    if (!known.nearest[side])
      return make(
        "div",
        { class: "neighbor" },
        make("p", {}, `Of layer ${state[side]} of ${own} the page has no neighbors.`),
      );
    const [nearest, ties] = [known.nearest[side][item], known.ties[side][item]];
    const direction = side === "a" ? "a_to_b" : "b_to_a";
    const says = [`Nearest in ${own}, layer ${state[side]}: ${called(nearest)}`];
    if (ties > 1) says.push(` (the first of ${count(ties)} that are equally near)`);
    if (known.ranked)
      says.push(
        `. In ${other} it has rank ${written(known.rank[direction][item])} of ${count(pairs.ids.length - 1)}`,
        ties > 1 ? ", the mean over them" : "",
      );
    return make(
      "div",
      { class: isPicture("a") ? "neighbor picture-first" : "neighbor" },
      make("p", {}, `${says.join("")}.`),
      content("a", nearest),
      content("b", nearest),
    );
  }

  byId("comparison").addEventListener("change", ({ target }) => choose(Number(target.value)));
  byId("measure").addEventListener("change", ({ target }) => {
    state.measure = target.value;
    showCharts();
  });
  byId("space").addEventListener("change", ({ target }) => {
    state.space = target.value;
    showCharts();
    showList(); // which says of what space its ranks are
  });
  byId("direction").addEventListener("change", ({ target }) => {
    state.order = { ...state.order, direction: target.value };
    restart();
  });
  for (const side of ["a", "b"])
    byId(`layer-${side}`).addEventListener("change", ({ target }) => take(side, Number(target.value)));
  byId("search").addEventListener("input", narrow);
  byId("stratum").addEventListener("change", narrow);
  for (const [id, step] of [
    ["previous", -1],
    ["next", 1],
  ]) {
    byId(id).addEventListener("click", () => {
      state.page += step;
      state.open.clear();
      showList();
    });
  }
  fill(
    byId("comparison"),
    comparisons.map(({ label }, index) => [index, label]),
    0,
  );
  byId("comparison")
    .closest("label")
    .classList.toggle("hidden", comparisons.length < 2);
  return choose(0);
}

// ---- Several runs ----

function overlay({ runs }) {
  const chosen = () => runs.filter((_, index) => byId(`run-${index}`).checked);
  const show = () => {
    const study = byId("study").value;
    for (const [index, run] of runs.entries()) {
      const shown = !study || run.study === study;
      byId(`run-${index}`).closest("tr").classList.toggle("hidden", !shown);
      if (!shown) byId(`run-${index}`).checked = false;
    }
    const curves = chosen().flatMap((run) => run.curves.map((found) => ({ run, found })));
    const direction = byId("direction").value;
    const traces = curves.flatMap(({ run, found }, i) => {
      const { x, lines, label } = found;
      return curve(
        { x, ...lines[direction] },
        `${run.name}: ${label}`,
        PALETTE[i % PALETTE.length],
        ["solid", "dash", "dot", "dashdot"][Math.floor(i / PALETTE.length) % 4],
      );
    });
    const layout = plain(
      "",
      "relative depth",
      direction === "a_to_b" ? "Δ(A → B)" : "Δ(B → A)",
      420 + 22 * curves.length,
    );
    Object.assign(layout, { hovermode: "closest", margin: { l: 60, r: 20, t: 15, b: 70 + 22 * curves.length } });
    layout.legend.y = -60 / 335;
    byId("overlay").classList.toggle("hidden", !curves.length);
    if (curves.length) draw(byId("overlay"), traces, layout);
    byId("said").textContent = says(curves);
  };

  /** Δ depends on the number of pairs and on the space: curves that differ in them are not compared in silence. */
  const says = (curves) => {
    if (!curves.length) return "No run with profiles is chosen.";
    const differing = [
      ["the number of pairs", new Set(curves.map(({ found }) => count(found.n)))],
      ["the space", new Set(curves.map(({ found }) => found.space))],
      ["the study", new Set(curves.map(({ run }) => run.study))],
    ]
      .filter(([, values]) => values.size > 1)
      .map(([what, values]) => `${what} (${[...values].join(" | ")})`);
    const warning = differing.length
      ? ` They differ in ${differing.join(" and in ")}, on which Δ depends: do not compare their heights.`
      : "";
    return `${curves.length} profile${curves.length > 1 ? "s" : ""} shown.${warning}`;
  };

  for (const id of ["study", "direction", ...runs.map((_, index) => `run-${index}`)])
    byId(id).addEventListener("change", show);
  show();
}

themes();
const charts = read("charts");
if (charts) drawWhenSeen(charts);
const explorer = read("explorer");
if (explorer) explore(explorer);
const runs = read("runs");
if (runs) overlay(runs);
