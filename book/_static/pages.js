// The slider library typesets labels by MathJax 2's queue; MathJax 3 has promises in its place.
document.addEventListener("DOMContentLoaded", () => {
  if (window.MathJax?.startup && !window.MathJax.Hub) {
    window.MathJax.Hub = {
      Queue: ([, , element]) =>
        window.MathJax.startup.promise.then(() => window.MathJax.typesetPromise([element])),
    };
  }
});

// The library names a slider's handle "null", and its label too: give both the label's words.
document.addEventListener("DOMContentLoaded", () => {
  const unnamed = "[role=slider][aria-label=null], [role=slider]:not([aria-label])";
  new MutationObserver(() => {
    for (const handle of document.querySelectorAll(unnamed)) {
      const label = handle.closest(".widget-slider")?.querySelector(".widget-label");
      const words = label?.textContent.replace(/\\[()]|\\/g, "").trim();
      if (words) handle.setAttribute("aria-label", words);
      if (label?.title === "null") label.removeAttribute("title");
    }
  }).observe(document.body, { childList: true, subtree: true });
});

// On a phone a run is a block of words and numbers: each cell says the name of its column.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("section#rows table")) {
    const names = [...table.tHead.rows[0].cells].map((c) => c.textContent.replace(/\\[()]/g, ""));
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, n) => (cell.dataset.label = names[n]));
    }
  }
});
