// A slider on a closed form: a formula (forms_gaussian.js, forms_discrete.js) computes at every
// value what the panels show, and this draws it as SVG. figures/closed_forms.py writes the panels,
// the values of the slider and the numbers that the formula needs into the page. The state is in
// the address, behind "#".

(() => {
  // What formulas are made of: numbers and their text, grids, and marks in the units of a panel.
  const fixed = (value, digits = 2) => value.toFixed(digits).replace(/^-(0\.0*)$/, "$1"); // no sign before a zero
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const steps = (low, high, n) => Array.from({ length: n + 1 }, (_, k) => low + ((high - low) * k) / n);
  const factors = (low, high, n) => steps(Math.log(low), Math.log(high), n).map(Math.exp);
  const curve = (x, of, look) => ({ kind: "line", x, y: x.map(of), ...look });
  const dot = (x, y, colour, size = 9) => ({ kind: "points", x: [x], y: [y], colour, size });
  const here = (x) => ({ kind: "rule", x, colour: "grey", width: 1.5 });
  const cloud = (points, colour, size = 3) => ({
    kind: "points", colour, size, x: points.map((p) => p[0]), y: points.map((p) => p[1]),
  });

  // A matrix on two numbers.
  const times = ([[a, b], [c, d]], [x, y]) => [a * x + b * y, c * x + d * y];

  // A matrix as cells, its first row on top, each with its number in it.
  const cells = (rows, top) => rows.flatMap((row, i) => row.map((value, j) => ({
    kind: "bar", x: j, y: rows.length - 1 - i, width: 1, height: 1, colour: "blue",
    opacity: 0.45 * Math.min(1, value / top), text: fixed(value),
  })));

  const formulas = {};
  window.closedForms = { formulas, fixed, sum, steps, factors, times, curve, dot, here, cloud, cells };

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function drawn(tag, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const LINE = 15; // from a line of text to the next; text is 12 high
  const words = (x, y, said, anchor = "middle") => drawn("text", { x, y, "text-anchor": anchor }, said);
  const paint = (colour) => `var(--closed-${colour})`; // pages.css has them for light and dark

  // A place on an axis of so many pixels, from its low end; -∞ where a logarithm has none.
  function scale({ low, high, log }, pixels) {
    const on = (value) => (log ? Math.log(Math.max(value, 0)) : value);
    return (value) => ((on(value) - on(low)) / (on(high) - on(low))) * pixels;
  }

  // Through all points that can be drawn; where one cannot, the line is broken.
  function through({ x, y }, across, upward) {
    let pen = "M";
    return x.map((value, at) => {
      const [u, v] = [across(value), upward(y[at])];
      if (!Number.isFinite(u) || !Number.isFinite(v)) {
        pen = "M";
        return "";
      }
      const step = `${pen}${u.toFixed(1)} ${v.toFixed(1)}`;
      pen = "L";
      return step;
    }).join("");
  }

  const DASHES = { "-": "none", "--": "7 4", ":": "2 3", "-.": "8 3 2 3" };
  const pencil = ({ colour, width = 2, dash = "-", opacity = 1 }) => ({
    "stroke-opacity": opacity,
    fill: "none",
    style: `stroke: ${paint(colour)}`,
    "stroke-width": width,
    "stroke-dasharray": DASHES[dash],
  });

  // What each kind of mark looks like, given the scales of its panel.
  const MARKS = {
    line: (mark, across, upward) => [drawn("path", { d: through(mark, across, upward), ...pencil(mark) })],
    area(mark, across, upward) {
      const style = `fill: ${paint(mark.colour)}; stroke: none`;
      return [drawn("path", { d: `${through(mark, across, upward)}Z`, style, "fill-opacity": mark.opacity })];
    },
    points(mark, across, upward) {
      const at = mark.x.map((x, n) => `M${across(x).toFixed(1)} ${upward(mark.y[n]).toFixed(1)}h0`);
      const look = pencil({ ...mark, width: mark.size });
      return [drawn("path", { d: at.join(""), ...look, "stroke-linecap": "round" })];
    },
    rule(mark, across, upward, [wide, high]) {
      const d = mark.x === undefined ? `M0 ${upward(mark.y)}H${wide}` : `M${across(mark.x)} 0V${high}`;
      return [drawn("path", { d, ...pencil(mark) })];
    },
    // A cell or a bar; with a number in it, it is pale enough for dark text, and has an edge.
    bar(mark, across, upward) {
      const [left, right] = [across(mark.x), across(mark.x + mark.width)];
      const [top, bottom] = [upward(mark.y + mark.height), upward(mark.y)];
      const style = `fill: ${paint(mark.colour)}; stroke: ${mark.edge ? paint(mark.colour) : "none"}`;
      const box = { x: left, y: top, width: Math.max(0, right - left), height: bottom - top };
      const rectangle = drawn("rect", { ...box, style, "fill-opacity": mark.opacity, "shape-rendering": "crispEdges" });
      return [rectangle, ...(mark.text ? [words((left + right) / 2, (top + bottom) / 2 + 4, mark.text)] : [])];
    },
  };

  // Labels to the right of the marks that they name, each with a piece of its mark, pushed apart.
  function labels(marks, upward, wide, high) {
    const named = marks.filter((mark) => mark.label).map((mark) => {
      const y = mark.kind === "bar" ? mark.y + mark.height / 2 : (mark.y.at?.(-1) ?? mark.y);
      return { mark, at: Math.min(high, Math.max(0, upward(y) || 0)) };
    }).sort((a, b) => a.at - b.at);
    for (let n = 1; n < named.length; n++) named[n].at = Math.max(named[n].at, named[n - 1].at + LINE);
    for (let n = named.length - 1, most = high; n >= 0; n--, most -= LINE) named[n].at = Math.min(named[n].at, most);
    const piece = (mark) => pencil(["bar", "area"].includes(mark.kind) ? { ...mark, width: 8 } : mark);
    return named.flatMap(({ mark, at }) => [
      drawn("path", { d: `M${wide + 6} ${at}h16`, ...piece(mark) }),
      words(wide + 26, at + 4, mark.label, "start"),
    ]);
  }

  // One panel: title, axes with ticks and names, marks inside, labels at the right.
  function panel(spec, { title = spec.title, marks }) {
    const lines = title.split("\n");
    const { x, y, right } = spec;
    const longest = Math.max(0, ...y.ticks.map(([, said]) => said.length));
    const [left, top] = [(longest ? 8 + 6.6 * longest : 4) + (y.label ? LINE : 0), 6 + LINE * lines.length];
    const below = (x.ticks.length ? 17 : 4) + (x.label ? LINE : 0);
    const wide = spec.width - left - right;
    const high = spec.height ?? (wide * (y.high - y.low)) / (x.high - x.low); // by default one unit is as long on both
    const [across, up] = [scale(x, wide), scale(y, high)];
    const upward = (value) => high - up(value);

    const inside = drawn("svg", { width: wide, height: high }); // cuts off what lies beyond
    inside.append(...marks.flatMap((mark) => MARKS[mark.kind](mark, across, upward, [wide, high])));
    const frame = `M0 ${y.line ? 0 : high}V${high}H${x.line ? wide : 0}`;
    const axes = drawn("path", { d: frame, ...pencil({ colour: "grey", width: 1 }) });
    const ticks = [
      ...x.ticks.map(([value, said]) => words(across(value), high + 14, said)),
      ...y.ticks.map(([value, said]) => words(-5, upward(value) + 4, said, "end")),
    ];
    const names = [words(wide / 2, high + below - 3, x.label)];
    if (y.label) {
      const name = words(0, 0, y.label);
      name.setAttribute("transform", `translate(${-left + 11} ${high / 2}) rotate(-90)`);
      names.push(name);
    }
    const titles = lines.map((line, n) => words(-left + 4, -top + 12 + LINE * n, line, "start"));
    const beside = labels(marks, upward, wide, high);
    const parts = [inside, axes, ...ticks, ...names, ...titles, ...beside];
    const all = drawn("g", { transform: `translate(${left} ${top})` }, ...parts);
    const [w, h] = [spec.width, top + high + below];
    // text is never drawn smaller than at 0.85 of its 12 pixels
    return drawn("svg", { viewBox: `0 0 ${w} ${h}`, style: `flex: ${w} 1 ${0.85 * w}px; max-width: ${1.3 * w}px` }, all);
  }

  function build(root) {
    const given = JSON.parse(root.querySelector("script").textContent);
    const { values, panels } = given;
    const formula = formulas[given.formula];
    const places = { min: 0, max: values.length - 1, step: 1, value: given.start };
    const handle = element("input", { type: "range", id: `${root.id}-value`, ...places });
    const shown = element("output", { htmlFor: handle.id });
    const picture = element("div", { className: "closed-panels" });
    picture.setAttribute("role", "img");
    const said = element("p", { className: "closed-said" });

    function draw() {
      const value = values[handle.value];
      const made = formula(given.parameters, value);
      picture.replaceChildren(...panels.map((spec, n) => panel(spec, made.panels[n])));
      picture.setAttribute("aria-label", made.words);
      handle.setAttribute("aria-valuetext", made.words);
      said.textContent = made.words;
      shown.value = value.toFixed(given.digits);
    }

    // The nearest value of the slider, where the address has a number for it.
    function readAddress() {
      const [id, query] = location.hash.slice(1).split("?");
      const asked = parseFloat(new URLSearchParams(query).get("value"));
      if (id !== root.id || !Number.isFinite(asked)) return;
      const far = values.map((value) => Math.abs(value - asked));
      handle.value = far.indexOf(Math.min(...far));
      root.scrollIntoView();
    }

    let waits = false;
    handle.addEventListener("change", () => history.replaceState(null, "", `#${root.id}?value=${values[handle.value]}`));
    handle.addEventListener("input", () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        draw();
      });
    });
    window.addEventListener("hashchange", () => {
      readAddress();
      draw();
    });

    const label = element("label", { htmlFor: handle.id, textContent: given.label });
    root.prepend(element("div", { className: "closed-control" }, label, handle, shown), picture, said);
    root.classList.add("closed-live"); // pages.css hides the static figure, but on paper
    readAddress();
    draw();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".closed-form").forEach(build));
})();
