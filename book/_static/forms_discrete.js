// Closed forms that sliders recompute (closed_forms.js), of images and factors with few values: pure functions
// from what the page was given and the slider's value to the words of the figure and to the title
// and the marks of every panel. Each says which functions of the package or of a chapter it repeats;
// tests/test_figures_closed_forms.py holds the two together. Nats throughout.

(() => {
  const { log, sqrt, max, min, exp, sin, cos, PI } = Math;
  const { formulas, fixed, sum, steps, times, curve, dot, here, cloud, cells } = window.closedForms;

  // A mixture of two tables over an image and axes, two values each: `of_mixture` of
  // necessary_or_sufficient, I(z_S; x), Σ I(z_i; x), TC(z_S | x) and TC(z_S) for each set S of axes.
  formulas.mixture = ({ tables, n_bits, sets }, weight) => {
    const fourNumbers = (w, set) => {
      const joint = tables[0].map((p, at) => (1 - w) * p + w * tables[1][at]);
      const entropy = (kept) => {
        const law = Array(2 ** kept.length).fill(0);
        joint.forEach((p, at) => (law[kept.reduce((bits, bit) => 2 * bits + ((at >> (n_bits - 1 - bit)) & 1), 0)] += p));
        return -sum(law.map((p) => (p > 0 ? p * log(p) : 0)));
      };
      const alone = sum(set.map((i) => entropy([i])));
      const [x, all, withX] = [entropy([0]), entropy(set), entropy([0, ...set])];
      const given = sum(set.map((i) => entropy([0, i]) - x));
      return { together: all + x - withX, each: alone - given, conditional: given - (withX - x), total: alone - all };
    };
    const excess = (w, set) => {
      const { together, each } = fourNumbers(w, set);
      return together - each;
    };
    const bars = sets.flatMap(({ axes }, row) => {
      const { together, each, conditional, total } = fourNumbers(weight, axes);
      const bar = (x, width, lower, label, colour) => ({
        kind: "bar", x, y: 2 * (sets.length - 1 - row) + (lower ? 0.2 : 1), width, height: 0.7, colour, opacity: 0.4,
        edge: true, text: width > 0.3 ? fixed(width) : "", label: row ? "" : label,
      });
      return [
        bar(0, together, false, "I(z; x)", "blue"),
        bar(together, total, false, "TC(z)", "vermilion"),
        bar(0, each, true, "Σᵢ I(zᵢ; x)", "sky"),
        bar(each, conditional, true, "TC(z | x)", "orange"),
      ];
    });
    const [grid, looks] = [steps(0, 1, 100), [{ colour: "blue" }, { colour: "purple", dash: "--" }]];
    const lines = sets.map(({ name, axes }, k) => curve(grid, (w) => excess(w, axes), { label: name, ...looks[k] }));
    const said = sets.map(({ name, axes }) => {
      const nats = excess(weight, axes);
      return `${name} know ${fixed(Math.abs(nats))} nats ${nats < 0 ? "less" : "more"} than one by one`;
    });
    return {
      words: `w = ${fixed(weight)}: together, ${said.join("; ")}`,
      panels: [
        { title: `w = ${fixed(weight)}, nats`, marks: bars },
        {
          marks: [
            { kind: "rule", y: 0, colour: "grey", width: 1 }, here(weight), ...lines,
            ...sets.map(({ axes }, k) => dot(weight, excess(weight, axes), looks[k].colour)),
          ],
        },
      ],
    };
  };

  // Two factors of a normal law on a grid, after an intervention, and the weights that lead back:
  // `two_factors` of figures/interventions.py, `intervene` and `weights` of interventions.
  formulas.intervention = ({ levels }, rho) => {
    const free = levels.map((a) => levels.map((b) => exp(-(a * a - 2 * rho * a * b + b * b) / (2 * (1 - rho * rho)))));
    const total = sum(free.map(sum));
    const before = free.map((row) => row.map((p) => p / total));
    const [first, second] = [before.map(sum), levels.map((_, j) => sum(before.map((row) => row[j])))];
    const after = first.map((p) => second.map((q) => p * q));
    const weights = before.map((row, i) => row.map((p, j) => p / after[i][j]));
    const correlation = (law) => {
      const mean = (of) => sum(law.map((row, i) => sum(row.map((p, j) => p * of(levels[i], levels[j])))));
      const [a, b] = [mean((v) => v), mean((_, v) => v)];
      return mean((v, u) => (v - a) * (u - b)) / sqrt(mean((v) => (v - a) ** 2) * mean((_, v) => (v - b) ** 2));
    };
    const side = levels[1] - levels[0];
    const squares = (values, look) => values.flatMap((row, i) => row.map((value, j) => ({
      kind: "bar", x: levels[i] - side / 2, y: levels[j] - side / 2, width: side, height: side, ...look(value),
    })));
    const shades = (law) => {
      const top = 1.1 * max(...law.flat());
      return squares(law, (p) => ({ colour: "black", opacity: p / top }));
    };
    const about = (w) => ({ colour: w < 1 ? "orange" : "purple", opacity: min(1, Math.abs(Math.log10(w)) / 3) });
    const [r, s, most] = [fixed(correlation(before)), fixed(correlation(after)), Number(max(...weights.flat()).toPrecision(3))];
    return {
      words: `ρ = ${fixed(rho)}: the factors correlate by ${r} before and by ${s} after an intervention; weights go up to ${most}`,
      panels: [
        { title: `data: p(v)\ncorrelation ${r}`, marks: shades(before) },
        { title: `intervened: ṗ(v)\ncorrelation ${s}`, marks: shades(after) },
        { title: `weights W(v), up to ${most}\norange < 1 < purple`, marks: squares(weights, about) },
      ],
    };
  };

  // A code turned by an angle: `rotated` of mutual_information_gap and the metric `mig_exact`, with
  // the entropies of the mixtures by sums over a grid, a quarter of a standard deviation apart.
  formulas.turned_code = ({ levels, sd }, degrees) => {
    const n = levels.length;
    const most = log(n);
    // I(z; v) of both factors for z = a v_1 + b v_2 + noise; (nats, nats)
    const informations = (a, b) => {
      const reach = (Math.abs(a) + Math.abs(b)) * max(...levels.map(Math.abs)) + 9 * sd;
      const grid = steps(-reach, reach, Math.ceil((8 * reach) / sd));
      const laws = () => levels.map(() => new Float64Array(grid.length));
      const [first, second, [whole]] = [laws(), laws(), laws()]; // of z, given a factor and alone
      const share = 1 / (n * sd * sqrt(2 * PI));
      levels.forEach((v, i) => levels.forEach((u, j) => grid.forEach((z, g) => {
        const p = share * exp(-0.5 * ((z - a * v - b * u) / sd) ** 2);
        first[i][g] += p;
        second[j][g] += p;
        whole[g] += p / n;
      })));
      const step = grid[1] - grid[0];
      const entropy = (law) => -step * law.reduce((total, p) => (p > 0 ? total + p * log(p) : total), 0);
      return [first, second].map((given) => min(most, max(0, entropy(whole) - sum(given.map(entropy)) / n)));
    };
    const score = (angle) => {
      const [c, s] = [cos((angle * PI) / 180), sin((angle * PI) / 180)];
      const axes = [informations(c, -s), informations(s, c), [0, 0]];
      const told = [0, 1].map((k) => axes.map((axis) => axis[k])); // factor by axis
      const gaps = told.map((row) => [...row].sort((a, b) => b - a)).map(([best, next]) => (best - next) / most);
      return { told, gap: sum(gaps) / 2, turn: [[c, -s], [s, c]] };
    };
    const { told, gap, turn } = score(degrees);
    const plane = levels.map((v, k) => ({
      ...cloud(levels.map((u) => times(turn, [v, u])), "blue", 6),
      opacity: 0.3 + (0.7 * k) / (n - 1),
    }));
    const gaps = curve(steps(0, 90, 18), (angle) => score(angle).gap, { colour: "blue" });
    return {
      words: `${degrees}°: mutual information gap ${fixed(gap)}`,
      panels: [
        { title: `turned by ${degrees}°; shade: v₁`, marks: plane },
        { marks: cells(told, most) },
        { title: `MIG = ${fixed(gap)}`, marks: [here(degrees), gaps, dot(degrees, gap, "vermilion")] },
      ],
    };
  };
})();
