// The closed forms that sliders recompute (closed_forms.js): pure functions, a chapter's name in
// front, from what the page was given and the slider's value to the words of the figure and to the
// title and the marks of every panel. Each says which functions of the package or of its chapter it
// repeats; tests/test_figures_closed_forms.py holds the two together. Nats throughout.

(() => {
  const { log, sqrt, max, min, exp, sin, cos, PI } = Math;
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const fixed = (value, digits = 2) => value.toFixed(digits).replace(/^-(0\.0*)$/, "$1"); // no sign before a zero
  const steps = (low, high, n) => Array.from({ length: n + 1 }, (_, k) => low + ((high - low) * k) / n);
  const factors = (low, high, n) => steps(log(low), log(high), n).map(exp);
  const curve = (x, of, look) => ({ kind: "line", x, y: x.map(of), ...look });
  const dot = (x, y, colour, size = 9) => ({ kind: "points", x: [x], y: [y], colour, size });
  const here = (x) => ({ kind: "rule", x, colour: "grey", width: 1.5 });
  const cloud = (points, colour, size = 3) => ({
    kind: "points", colour, size, x: points.map((p) => p[0]), y: points.map((p) => p[1]),
  });

  // A matrix on two numbers, and the determinant of one of two rows.
  const times = ([[a, b], [c, d]], [x, y]) => [a * x + b * y, c * x + d * y];
  const det = ([[a, b], [c, d]]) => a * d - b * c;

  // TC of a normal law of two axes: -log det of its correlations / 2.
  const pairTC = ([[a, b], [, d]]) => -0.5 * Math.log1p((-b * b) / (a * d));

  // TC of a normal law whose axes have one variance and one covariance.
  const equalTC = (n, variance, covariance) =>
    0.5 * (n * log(variance) - (n - 1) * log(variance - covariance) - log(variance + (n - 1) * covariance));

  // The outline of points one standard deviation from a centre, given a root of the covariance.
  function ellipse(root, [x, y], look) {
    const around = steps(0, 2 * PI, 48).map((t) => times(root, [cos(t), sin(t)]));
    return { kind: "area", x: around.map((p) => x + p[0]), y: around.map((p) => y + p[1]), opacity: 0.3, ...look };
  }
  // The lower root of a covariance of two axes.
  const root = ([[a, b], [, d]]) => [[sqrt(a), 0], [b / sqrt(a), sqrt(max(0, d - (b * b) / a))]];

  // A matrix as cells, its first row on top, each with its number in it.
  const cells = (rows, top) => rows.flatMap((row, i) => row.map((value, j) => ({
    kind: "bar", x: j, y: rows.length - 1 - i, width: 1, height: 1, colour: "blue",
    opacity: 0.45 * min(1, value / top), text: fixed(value),
  })));

  const formulas = {};
  window.formulas = formulas;

  // The four terms of the identity over a grid, in nats, and where the slider stands.
  const TERMS = [
    { label: "I(z; x)", colour: "blue" },
    { label: "Σⱼ I(zⱼ; x)", colour: "sky", dash: "--" },
    { label: "c = TC(ε)", colour: "orange", dash: "-." },
    { label: "TC(z)", colour: "vermilion", dash: ":" },
  ];
  function termsOver(grid, terms, value) {
    const [all, now] = [grid.map(terms), terms(value)];
    const lines = TERMS.map((look, k) => ({ kind: "line", x: grid, y: all.map((one) => one[k]), ...look }));
    return [here(value), ...lines, ...TERMS.map(({ colour }, k) => dot(value, now[k], colour))];
  }

  // The terms of the isotropic encoder: `isotropic` of correlated_noise, from eigenvalues.
  formulas.isotropic_noise = ({ n_axes, variance, noise, draws }, sigma) => {
    const terms = (s) => {
      const apart = 0.5 * n_axes * log(1 + variance / noise);
      const conditional = equalTC(n_axes, 1, s);
      const total = equalTC(n_axes, variance + noise, noise * s);
      return [apart + conditional - total, apart, conditional, total];
    };
    const all = steps(0, 0.95, 190);
    const now = terms(sigma);
    const [together, apart, c, total] = now.map((v) => fixed(v));
    const mixed = [[1, 0], [sigma, sqrt(1 - sigma * sigma)]];
    const square = (i, j) => ({
      kind: "bar", x: j, y: n_axes - 1 - i, width: 1, height: 1, colour: "blue", opacity: i === j ? 1 : sigma,
    });
    const axes = [...Array(n_axes).keys()];
    return {
      words: `σ = ${sigma.toFixed(2)}: the whole code knows ${together} nats, the axes apart ${apart}; c is ${c}, the total correlation ${total}`,
      panels: [
        { title: `ε₁, ε₂ at σ = ${sigma.toFixed(2)}`, marks: [cloud(draws.map((p) => times(mixed, p)), "blue")] },
        { marks: axes.flatMap((i) => axes.map((j) => square(i, j))) },
        { marks: termsOver(all, terms, sigma) },
      ],
    };
  };

  // The noise along the two eigenvectors of the code: `noise_levels` of correlated_noise.
  function noiseLevels([first, second], beta, sigma) {
    const kappa = (1 + sigma) / (1 - sigma);
    const shares = [min(1, beta / first), min(1, beta / second)];
    if (shares[1] >= kappa * shares[0]) return shares;
    let quiet = (4 * beta) / (sqrt(first) + sqrt(kappa * second)) ** 2;
    if (kappa * quiet * beta > second) {
      const b = sqrt(first / beta); // component 2 is dropped
      quiet = ((sqrt(b * b + 8 * kappa) - b) / (2 * kappa)) ** 2;
    }
    if (quiet * beta > first) quiet = 2 / (1 + kappa); // and component 1
    return [quiet, kappa * quiet];
  }

  // Means of an axis by component (2, 2) and variances of the noise: `optimum` of correlated_noise.
  function optimum(variances, beta, sigma) {
    const levels = noiseLevels(variances, beta, sigma);
    const signal = levels.map((level, k) => sqrt(max(0, sqrt((variances[k] * level) / beta) - level)));
    const d = (levels[1] - levels[0]) / (levels[1] + levels[0]);
    const angle = Math.asin(min(1, (sigma / max(d, 1e-12)) * sqrt((1 - d * d) / (1 - sigma * sigma)))) / 2;
    const frame = [[cos(angle), sin(angle)], [-sin(angle), cos(angle)]];
    const means = frame.map((row) => row.map((v, k) => v * signal[k]));
    return { means, noise: frame.map(([a, b]) => a * a * levels[0] + b * b * levels[1]) };
  }

  // The optimal linear codes, a row of panels for each correlation of the noise.
  formulas.linear_codes = ({ variances, sigmas }, beta) => {
    const terms = (sigma) => (b) => {
      const { means, noise } = optimum(variances, b, sigma);
      const shared = sigma * sqrt(noise[0] * noise[1]);
      const spread = [[noise[0], shared], [shared, noise[1]]];
      const code = spread.map((row, i) => row.map((v, j) => v + sum(means[i].map((m, k) => m * means[j][k]))));
      const apart = 0.5 * sum(noise.map((v, j) => log(code[j][j] / v)));
      return [0.5 * log(det(code) / det(spread)), apart, pairTC(spread), pairTC(code)];
    };
    const grid = factors(1, 200, 120);
    const [ends, side] = [[-1.5, 1.5], steps(-1.5, 1.5, 3)];
    const rows = sigmas.map((sigma) => {
      const { means, noise } = optimum(variances, beta, sigma);
      const joined = (from, to, look) => {
        const [a, b] = [times(means, from), times(means, to)];
        return { kind: "line", x: [a[0], b[0]], y: [a[1], b[1]], width: 1.6, ...look };
      };
      const shared = sigma * sqrt(noise[0] * noise[1]);
      const grey = ellipse(root([[noise[0], shared], [shared, noise[1]]]), [0, 0], { colour: "grey", opacity: 0.35 });
      const lines = side.flatMap((held) => [
        joined([ends[0], held], [ends[1], held], { colour: "green" }),
        joined([held, ends[0]], [held, ends[1]], { colour: "purple", dash: "--" }),
      ]);
      const told = means.map((row, j) => row.map((m) => -0.5 * Math.log1p((-m * m) / (sum(row.map((v) => v * v)) + noise[j]))));
      const title = `σ = ${sigma}, β = ${beta.toFixed(2)}`;
      return { sigma, told, panels: [{ title, marks: [grey, ...lines] }, { marks: cells(told, 1.4) }, { marks: termsOver(grid, terms(sigma), beta) }] };
    });
    const said = ({ sigma, told }) => {
      const [[a, b], [c, d]] = told.map((row) => row.map((v) => fixed(v)));
      return `at σ = ${sigma} axis 1 tells ${a} nats of component 1 and ${b} of component 2, axis 2 ${c} and ${d}`;
    };
    return { words: `β = ${beta.toFixed(2)}: ${rows.map(said).join("; ")}`, panels: rows.flatMap((row) => row.panels) };
  };
})();
