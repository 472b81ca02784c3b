// A latent space to walk through: the axes of a code as sliders, the decoded picture, and the codes
// of images coloured by a factor. figures/latent_space.py writes the models into the page, weights
// as int8 times one step an output; nothing is fetched. The state is in the address, behind "#".

(() => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const integers = (text) => new Int8Array(bytes(text).buffer);
  const floats = (text) => new Float32Array(bytes(text).buffer);

  // A layer's numbers, made from base 64 once.
  const read = (layer) =>
    layer.weight === undefined
      ? layer
      : { ...layer, weight: integers(layer.weight), step: floats(layer.step), bias: floats(layer.bias) };

  // What a layer makes of values in a shape [channels, height, width]; a vector is [n, 1, 1].
  const apply = {
    shape: ({ values }, layer) => ({ values, shape: layer.shape }),
    tanh: ({ values, shape }) => ({ values: values.map(Math.tanh), shape }),
    leaky: ({ values, shape }, { slope }) => ({ values: values.map((v) => (v > 0 ? v : slope * v)), shape }),
    dense({ values }, layer) {
      const made = new Float64Array(layer.out);
      for (let o = 0, at = 0; o < layer.out; o++) {
        let sum = 0;
        for (let i = 0; i < layer.in; i++, at++) sum += layer.weight[at] * values[i];
        made[o] = sum * layer.step[o] + layer.bias[o];
      }
      return { values: made, shape: [layer.out, 1, 1] };
    },
    // A transposed convolution: every input adds its kernel to the windows that it reaches.
    up({ values, shape: [, height, width] }, layer) {
      const { kernel, stride, padding } = layer;
      const size = (n) => (n - 1) * stride - 2 * padding + kernel;
      const [high, wide] = [size(height), size(width)];
      const made = new Float64Array(layer.out * high * wide);
      for (let i = 0; i < layer.in; i++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const value = values[(i * height + y) * width + x];
            if (value === 0) continue;
            for (let o = 0; o < layer.out; o++)
              for (let v = 0; v < kernel; v++) {
                const row = y * stride - padding + v;
                if (row < 0 || row >= high) continue;
                const from = ((i * layer.out + o) * kernel + v) * kernel;
                for (let u = 0; u < kernel; u++) {
                  const column = x * stride - padding + u;
                  if (column >= 0 && column < wide)
                    made[(o * high + row) * wide + column] += value * layer.weight[from + u];
                }
              }
          }
      const area = high * wide;
      const scaled = made.map((v, at) => v * layer.step[Math.floor(at / area)] + layer.bias[Math.floor(at / area)]);
      return { values: scaled, shape: [layer.out, high, wide] };
    },
  };

  // Pixels in [0, 1] and their shape, of a code.
  function decode(layers, code) {
    let now = { values: Float64Array.from(code), shape: [code.length, 1, 1] };
    for (const layer of layers) now = apply[layer.kind](now, layer);
    return { values: now.values.map((v) => 1 / (1 + Math.exp(-v))), shape: now.shape };
  }

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  // Viridis at five places; between them straight lines.
  const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  function colour(share) {
    const at = Math.min(share * (STOPS.length - 1), STOPS.length - 1 - 1e-9);
    const [low, rest] = [Math.floor(at), at % 1];
    return `rgb(${STOPS[low].map((v, c) => Math.round(v + rest * (STOPS[low + 1][c] - v))).join(" ")})`;
  }

  let n_labels = 0;
  // A control with its label in front; `into` gets both.
  function labelled(into, words, control) {
    control.id = `latent-control-${n_labels++}`;
    into.append(element("label", { htmlFor: control.id, textContent: words }), control);
    return control;
  }

  function choice(into, words, values) {
    const options = values.map((v, i) => element("option", { value: i, textContent: v }));
    return labelled(into, words, element("select", {}, ...options));
  }

  function range(into, words, min, max, step) {
    const control = labelled(into, words, element("input", { type: "range", min, max, step, value: 0 }));
    control.said = into.appendChild(element("output", { htmlFor: control.id }));
    return control;
  }

  function build(root) {
    const given = JSON.parse(root.querySelector("script").textContent);
    const models = given.models.map((m) => ({ ...m, layers: m.layers.map(read), codes: integers(m.codes) }));
    const factors = bytes(given.factors);
    const n_axes = models[0].nats.length;
    const n_factors = given.names.length;
    const axes = models[0].nats.map((_, axis) => `axis ${axis}`);

    const which = element("div", { className: "latent-controls" });
    const walk = element("div", { className: "latent-controls" });
    const seen = element("div", { className: "latent-controls" });
    const picture = element("canvas", { className: "latent-picture" });
    const scatter = element("canvas", { className: "latent-scatter", width: 480, height: 480 });
    const legend = element("p", { className: "latent-legend" });
    for (const canvas of [picture, scatter]) canvas.setAttribute("role", "img");

    // Of every label with several values a control: a slider for three numbers or more, else a choice.
    const labels = Object.keys(models[0].labels).map((name) => {
      const values = [...new Set(models.map((m) => m.labels[name]))];
      const ordered = values.length > 2 && values.every((v) => typeof v === "number");
      const control =
        values.length < 2 ? { value: 0 }
          : ordered ? range(which, name, 0, values.length - 1, 1)
            : choice(which, name, values);
      return { name, values, control };
    });
    const sliders = axes.map((name) => range(walk, name, -given.reach, given.reach, 0.1));
    const reset = walk.appendChild(element("button", { type: "button", textContent: "All axes to 0" }));
    const across = choice(seen, "across", axes);
    const upward = choice(seen, "upward", axes);
    const by = choice(seen, "colour", given.names);

    const model = () =>
      models.find((m) => labels.every((l) => m.labels[l.name] === l.values[l.control.value]));

    // At the start the two axes that tell most lie across and upward.
    const most = [...models[0].nats.keys()].sort((a, b) => models[0].nats[b] - models[0].nats[a]);
    across.value = most[0];
    upward.value = most[1] ?? most[0];

    const named = { across, upward, by };
    const controls = [...labels.map((l) => l.control), ...Object.values(named), ...sliders];

    function address() {
      const state = new URLSearchParams();
      for (const l of labels) if (l.values.length > 1) state.set(l.name, l.values[l.control.value]);
      state.set("z", sliders.map((s) => Number(s.value)).join(","));
      for (const [name, control] of Object.entries(named)) state.set(name, control.value);
      history.replaceState(null, "", `#${root.id}?${state}`);
    }

    function readAddress() {
      const [id, query] = location.hash.slice(1).split("?");
      if (id !== root.id || !query) return;
      const state = new URLSearchParams(query);
      for (const l of labels) {
        const at = l.values.findIndex((v) => String(v) === state.get(l.name));
        if (at >= 0) l.control.value = at;
      }
      const z = (state.get("z") ?? "").split(",").map(Number);
      if (z.length === n_axes && z.every(Number.isFinite)) z.forEach((v, axis) => (sliders[axis].value = v));
      for (const [name, control] of Object.entries(named)) {
        const at = Number(state.get(name) ?? NaN);
        if (Number.isInteger(at) && at >= 0 && at < control.length) control.value = at;
      }
      root.scrollIntoView();
    }

    function drawPicture(now) {
      const { values, shape: [channels, height, width] } = decode(now.layers, sliders.map((s) => Number(s.value)));
      const area = height * width;
      const pixels = new ImageData(width, height);
      for (let at = 0; at < area; at++)
        for (let c = 0; c < 4; c++)
          pixels.data[4 * at + c] = c === 3 ? 255 : 255 * values[(channels === 1 ? 0 : c) * area + at];
      Object.assign(picture, { width, height });
      picture.getContext("2d").putImageData(pixels, 0, 0);
      const moved = sliders.flatMap((s, axis) => (Number(s.value) ? `axis ${axis} at ${s.value}` : []));
      picture.setAttribute("aria-label", `The decoded picture, ${moved.join(", ") || "all axes at 0"}`);
    }

    // A place on an axis in pixels of the scatter, and back.
    const edge = given.reach * 1.15;
    const place = (value) => ((value + edge) / (2 * edge)) * scatter.width;
    const value = (place) => Math.max(-given.reach, Math.min(given.reach, (place / scatter.width) * 2 * edge - edge));

    function drawScatter(now) {
      const [a, b, k] = [across, upward, by].map((c) => Number(c.value));
      const pen = scatter.getContext("2d");
      pen.clearRect(0, 0, scatter.width, scatter.height);
      for (let n = 0; n < factors.length / n_factors; n++) {
        const at = (axis) => (now.codes[n * n_axes + axis] * given.reach) / 100;
        pen.fillStyle = colour(factors[n * n_factors + k] / Math.max(1, given.sizes[k] - 1));
        pen.beginPath();
        pen.arc(place(at(a)), scatter.height - place(at(b)), 5, 0, 7);
        pen.fill();
      }
      const [x, y] = [place(Number(sliders[a].value)), scatter.height - place(Number(sliders[b].value))];
      pen.strokeStyle = "#d62728";
      pen.lineWidth = 3;
      pen.strokeRect(x - 9, y - 9, 18, 18);
      const of = given.names[k];
      scatter.setAttribute("aria-label", `Codes of ${factors.length / n_factors} images, axis ${a} across and axis ${b} upward, coloured by ${of}`);
      legend.textContent = `Points are images: dark where ${of} is 0, bright where it is ${given.sizes[k] - 1}. The red square is the code of the picture; drag it.`;
    }

    function say() {
      for (const l of labels)
        if (l.control.said) {
          const words = `${l.name} is ${l.values[l.control.value]}`;
          l.control.setAttribute("aria-valuetext", words);
          l.control.said.value = l.values[l.control.value];
        }
      sliders.forEach((s, axis) => {
        s.setAttribute("aria-valuetext", `axis ${axis} at ${s.value}, ${model().nats[axis]} nats`);
        s.said.value = `${Number(s.value).toFixed(1)}, tells ${model().nats[axis].toFixed(1)} nats`;
      });
    }

    function draw() {
      const now = model();
      drawPicture(now);
      drawScatter(now);
      say();
    }

    let waits = false;
    function changed() {
      address();
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        draw();
      });
    }

    for (const control of controls) control.addEventListener?.("input", changed);
    reset.addEventListener("click", () => {
      for (const s of sliders) s.value = 0;
      changed();
    });
    function drag(event) {
      if (!event.buttons) return;
      const box = scatter.getBoundingClientRect();
      const scale = scatter.width / box.width;
      sliders[across.value].value = value((event.clientX - box.left) * scale);
      sliders[upward.value].value = value((box.bottom - event.clientY) * scale);
      event.preventDefault();
      changed();
    }
    scatter.addEventListener("pointerdown", (event) => {
      scatter.setPointerCapture(event.pointerId);
      drag(event);
    });
    scatter.addEventListener("pointermove", drag);
    window.addEventListener("hashchange", () => {
      readAddress();
      draw();
    });

    root.querySelector(".latent-static").hidden = true;
    const left = element("div", { className: "latent-side" }, picture, walk);
    const right = element("div", { className: "latent-side" }, scatter, legend, seen);
    root.prepend(which, element("div", { className: "latent-both" }, left, right));
    readAddress();
    draw();
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".latent-space").forEach(build));
})();
