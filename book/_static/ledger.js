// Filters, sorts and counts the rows of the ledger. Without it the page shows all of them.
{
  const form = document.querySelector("form.ledger-controls");
  const status = document.querySelector(".ledger-count");
  const body = document.querySelector("table.ledger tbody");
  const filters = ["paper", "kind", "verdict", "chapter"];
  const field = (name) => form.elements.namedItem(name);
  const rows = [...body.rows].map((row, place) => ({
    row,
    place,
    words: row.textContent.toLowerCase(),
    ...row.querySelector("[data-id]").dataset,
  }));

  // The choices of a filter stand in the order of the book, and so do sorted rows.
  const rank = (name, value) => [...field(name).options].findIndex((o) => o.value === value);
  const last = (place) => (place > 0 ? place : Infinity); // rows that belong to no chapter
  const orders = {
    "": (a, b) => a.place - b.place,
    id: (a, b) => a.id.localeCompare(b.id, "en", { numeric: true }),
    verdict: (a, b) => rank("verdict", a.verdict) - rank("verdict", b.verdict),
    chapter: (a, b) => last(rank("chapter", a.chapter)) - last(rank("chapter", b.chapter)),
  };

  const count = (shown) => {
    const found = new Map();
    for (const { verdict } of shown) found.set(verdict, (found.get(verdict) ?? 0) + 1);
    const words = [...field("verdict").options].filter((o) => found.has(o.value));
    const parts = words.map((option) => `${found.get(option.value)} ${option.text}`);
    return `${shown.length} of ${rows.length} rows${parts.length ? ": " : ""}${parts.join(", ")}.`;
  };

  const show = () => {
    const sought = field("words").value.toLowerCase().split(/\s+/);
    const isWanted = (row) =>
      filters.every((name) => !field(name).value || row[name] === field(name).value) &&
      sought.every((word) => row.words.includes(word));
    for (const row of rows) row.row.hidden = !isWanted(row);
    const order = orders[field("order").value];
    body.append(...[...rows].sort((a, b) => order(a, b) || a.place - b.place).map((r) => r.row));
    status.textContent = count(rows.filter((row) => !row.row.hidden));
  };

  // What is shown stands in the address, to be sent to others.
  const remember = () => {
    const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", `${location.pathname}?${asked}`.replace(/\?$/, ""));
  };
  const recall = () => {
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (field(name)) field(name).value = value;
    }
    for (const select of form.querySelectorAll("select")) {
      if (select.selectedIndex < 0) select.selectedIndex = 0; // an address with a slip in it
    }
  };

  // A link to a row leads there, whatever was filtered before.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target?.closest("table.ledger tr")?.hidden) form.reset();
    else if (target) target.scrollIntoView();
  };

  form.addEventListener("input", () => (show(), remember()));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () =>
    setTimeout(() => {
      show();
      if (document.activeElement?.form === form) remember();
      else reveal();
    }),
  );
  window.addEventListener("hashchange", reveal);
  form.hidden = false;
  recall();
  show();
  if (location.hash) reveal();
}
