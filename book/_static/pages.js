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

// A slider over pictures says the number of its place, such as "6": let it say the picture in words,
// which name the value first. The library hides the other pictures by attributes.
document.addEventListener("DOMContentLoaded", () => {
  const said = { attributeFilter: ["aria-valuetext", "class", "style"], childList: true, subtree: true };
  new MutationObserver(() => {
    for (const handle of document.querySelectorAll(".widget-slider [role=slider]")) {
      const pictures = handle.closest(".widget-vbox")?.querySelectorAll("img") ?? [];
      const shown = [...pictures].find((picture) => picture.offsetParent);
      if (shown?.alt && handle.getAttribute("aria-valuetext") !== shown.alt)
        handle.setAttribute("aria-valuetext", shown.alt);
    }
  }).observe(document.body, said);
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

// A box that scrolls sideways says so: the keyboard reaches it, it has a name, and its edge fades
// (pages.css) on the side where there is more.
document.addEventListener("DOMContentLoaded", () => {
  const kinds = {
    "mjx-container[display=true]": "Equation",
    ".figure-box, .widget-html-content, .widget-vbox": "Figure",
    ".pst-scrollable-table-container, .output.text_html, table.ledger td": "Table",
    "pre": "Code",
  };
  const told = new WeakMap(); // what each box is, in a word

  function look(box) {
    const hidden = box.scrollWidth - box.clientWidth;
    const sides = [box.scrollLeft > 1 && "left", box.scrollLeft < hidden - 1 && "right"];
    const more = sides.filter(Boolean).join(" ");
    if (more) {
      box.dataset.more = more;
      box.tabIndex = 0;
      if (box.tagName !== "TD") box.setAttribute("role", "group"); // a cell stays a cell
      box.setAttribute("aria-label", `${told.get(box)}, scrolls sideways`);
    } else if (box.dataset.more) {
      for (const name of ["data-more", "tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }

  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => look(target)));
  function find() {
    for (const [selector, kind] of Object.entries(kinds)) {
      for (const box of document.querySelectorAll(`article :is(${selector})`)) {
        if (!told.has(box)) sizes.observe(box);
        told.set(box, kind);
      }
    }
  }
  find();
  new MutationObserver(find).observe(document.body, { childList: true, subtree: true });
  const scrolled = ({ target }) => told.has(target) && look(target);
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });
});

// A page that was opened as a file may not fetch others, so that search lists pages without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
