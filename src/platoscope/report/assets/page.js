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
const drawn = new Map(); // from the element of a chart to what it shows

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

/** Draw a chart, or draw it anew; one that was seen before keeps its listeners. */
function draw(element, traces, layout) {
  drawn.set(element, [traces, layout]);
  const themed = onThisPaper(traces, layout);
  return Plotly.react(element, themed.traces, themed.layout, CONFIG);
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
    for (const [element, [traces, layout]] of drawn) draw(element, traces, layout);
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
const runs = read("runs");
if (runs) overlay(runs);
