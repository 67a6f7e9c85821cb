(() => {
  const text = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const compare = (left, right) => {
    const numbers = [Number(left), Number(right)];
    const both = left !== "" && right !== "" && !numbers.some(Number.isNaN);
    return both ? numbers[0] - numbers[1] : left.localeCompare(right);
  };
  const empty = (value) => value === "" || value === "–";
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const [left, right] = [text(a, column), text(b, column)];
        if (empty(left) || empty(right)) return empty(left) - empty(right);
        return down ? compare(left, right) : compare(right, left);
      });
      table.tBodies[0].append(...rows);
    }));
  }
})();
