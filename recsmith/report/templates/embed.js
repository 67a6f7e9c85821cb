(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const look = () => {
    const ink = dark.matches ? "#aab2bd" : "#5d6673", line = dark.matches ? "#2d333c" : "#e9e6e0";
    const font = getComputedStyle(document.body).fontFamily;
    return {
      font, background: "transparent", view: { stroke: null },
      axis: {
        labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line,
        labelFontSize: 13, titleFontSize: 13, titleFontWeight: 400, titlePadding: 10, labelPadding: 6,
      },
      text: { color: ink },
      axisY: { domain: false, ticks: false },
      legend: { labelColor: ink, titleColor: ink, labelFontSize: 13, symbolSize: 90, padding: 4, labelLimit: 260 },
    };
  };
  const draw = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      vegaEmbed(place, specs[place.dataset.chart], {
        mode: "vega-lite", actions: false, renderer: "svg", config: look(), tooltip: { theme: dark.matches ? "dark" : "light" },
      }).catch((error) => { place.textContent = "This chart could not be drawn: " + error.message; });
    }
  };
  draw();
  dark.addEventListener("change", draw);
})();
