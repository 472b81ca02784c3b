// Closed forms that sliders recompute (closed_forms.js), of normal laws: pure functions
// from what the page was given and the slider's value to the words of the figure and to the title
// and the marks of every panel. Each says which functions of the package or of a chapter it repeats;
// tests/test_figures_closed_forms.py holds the two together. Nats throughout.

(() => {
  const { log, sqrt, max, min, sin, cos, PI } = Math;
  const { formulas, fixed, sum, steps, factors, times, curve, dot, here, cloud, cells } = window.closedForms;

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
      const shown = [[grey, ...lines], cells(told, 1.4), termsOver(grid, terms(sigma), beta)];
      return { sigma, told, panels: shown.map((marks, k) => (k ? { marks } : { title, marks })) };
    });
    const said = ({ sigma, told }) => {
      const [[a, b], [c, d]] = told.map((row) => row.map((v) => fixed(v)));
      return `at σ = ${sigma} axis 1 tells ${a} nats of component 1 and ${b} of component 2, axis 2 ${c} and ${d}`;
    };
    return { words: `β = ${beta.toFixed(2)}: ${rows.map(said).join("; ")}`, panels: rows.flatMap((row) => row.panels) };
  };

  // Normal means, and samples with noise of this scale: `disparity` of mean_and_sample.
  formulas.noise_scale = ({ covariance, sd, means, noise }, scale) => {
    const samples = (t) => pairTC(covariance.map((row, i) => row.map((v, j) => (i === j ? v + (t * sd[i]) ** 2 : v))));
    const told = (t) => 0.5 * Math.log1p(covariance[1][1] / (t * sd[1]) ** 2);
    const [grid, ofMeans, now] = [factors(0.03, 30, 120), pairTC(covariance), samples(scale)];
    const moved = means.map((mean, n) => mean.map((v, j) => v + scale * sd[j] * noise[n][j]));
    const nats = (v) => (v < 0.095 ? v.toPrecision(2) : fixed(v));
    return {
      words: `s = ${scale.toPrecision(2)}: the total correlation of the means is ${nats(ofMeans)} nats, that of the samples ${nats(now)} nats`,
      panels: [
        { title: `means: TC(μ) = ${nats(ofMeans)}`, marks: [cloud(means, "blue")] },
        { title: `samples: TC(z) = ${nats(now)}`, marks: [cloud(moved, "orange")] },
        {
          marks: [
            here(scale),
            curve(grid, () => ofMeans, { label: "TC(μ)", colour: "blue", dash: "--" }),
            curve(grid, told, { label: "I(z₂; μ)", colour: "black", dash: ":" }),
            curve(grid, samples, { label: "TC(z)", colour: "orange" }),
            dot(scale, now, "orange"),
            dot(scale, told(scale), "black"),
          ],
        },
      ],
    };
  };

  // What the optimal linear β-VAE keeps: `linear_optimum` of figures/kl_in_three_parts.py.
  formulas.linear_optimum = ({ variances, turn, images, n_decoded }, beta) => {
    const kept = (b) => variances.map((variance) => 0.5 * log(max(1, variance / b)));
    const shares = variances.map((variance) => min(1, beta / variance));
    const back = [[turn[0][0], turn[1][0]], [turn[0][1], turn[1][1]]];
    const means = images.slice(0, n_decoded).map((x) => times(turn, times(back, x).map((v, k) => v * (1 - shares[k]))));
    const noise = variances.map((variance, k) => sqrt(variance * shares[k] * (1 - shares[k])));
    const spread = turn.map((row) => row.map((v, k) => v * noise[k]));
    const grid = factors(1, 20, 120);
    const [first, both] = [grid.map((b) => kept(b)[0]), grid.map((b) => sum(kept(b)))];
    const between = (lower, upper, look) => ({
      kind: "area", opacity: 0.6, x: [...[...grid].reverse(), ...grid], y: [...[...lower].reverse(), ...upper], ...look,
    });
    const around = means.map((mean) => ellipse(spread, mean, { colour: "blue", opacity: 0.2 }));
    const nats = sum(kept(beta));
    const left = variances.filter((variance) => variance > beta).length;
    return {
      words: `β = ${fixed(beta)}: the optimal code keeps ${left} of ${variances.length} components and ${fixed(nats)} nats`,
      panels: [
        {
          title: `images (grey), decoded codes (blue) at β = ${fixed(beta)}`,
          marks: [cloud(images, "grey"), ...around, cloud(means, "blue", 6)],
        },
        {
          marks: [
            between(grid.map(() => 0), first, { label: "axis 1", colour: "blue" }),
            between(first, both, { label: "axis 2", colour: "sky" }),
            curve(grid, () => sum(kept(1)), { label: "β-TCVAE", colour: "black", dash: "--", width: 1.3 }),
            { ...here(beta), colour: "vermilion" },
            dot(beta, nats, "vermilion"),
          ],
        },
      ],
    };
  };

  // Posteriors of one width: `true_total_corr` of estimating_q. What minibatches say comes with the
  // page, for each width of the slider: it is a mean over batches of some hundred posteriors.
  formulas.posterior_width = ({ means, noise, rho, n_axes, sigmas, estimates }, sigma) => {
    const truth = (n) => (s) => equalTC(n, 1 + s * s, rho);
    const looks = { naive: { colour: "blue" }, mss: { colour: "green", dash: "--" } };
    const [grid, at] = [factors(sigmas[0], sigmas.at(-1), 80), sigmas.indexOf(sigma)];
    const discs = means.map((mean) => ellipse([[sigma, 0], [0, sigma]], mean, { colour: "blue", opacity: 0.15 }));
    const z = means[0].map((v, j) => v + sigma * noise[j]);
    const most = n_axes.at(-1);
    const naive = estimates.find((one) => one.n_axes === most && one.scheme === "naive").values[at];
    return {
      words: `s = ${fixed(sigma)}: with ${most} axes the naive estimate of the total correlation reads ${fixed(naive, 1)} nats, the truth is ${fixed(truth(most)(sigma), 1)}`,
      panels: [
        { title: `s = ${fixed(sigma)}: ${means.length} posteriors, one z`, marks: [...discs, dot(...z, "vermilion")] },
        ...n_axes.map((n) => ({
          marks: [
            here(sigma),
            curve(grid, truth(n), { label: "truth", colour: "black", width: 2.5 }),
            ...estimates.filter((one) => one.n_axes === n).flatMap(({ scheme, values }) => [
              { kind: "line", x: sigmas, y: values, label: scheme, ...looks[scheme] },
              { kind: "points", x: sigmas, y: values, size: 4, colour: looks[scheme].colour },
            ]),
            dot(sigma, truth(n)(sigma), "black"),
          ],
        })),
      ],
    };
  };
})();
