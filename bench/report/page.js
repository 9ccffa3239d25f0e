/** Draws the charts of the report, and draws them anew when the reader's theme changes. */

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let drawn = [];

  const themed = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colourOf = (contender) =>
    contender === data.limit ? themed("--ink") : themed(`--c${data.contenders.indexOf(contender)}`);
  const format = (value) =>
    value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));

  /** From the least to the most of each bar, and where the physical limit is. */
  const marks = {
    id: "marks",
    afterDatasetsDraw(chart) {
      const { bars, limit } = chart.config.options.plugins.marks ?? {};
      if (bars === undefined) return;
      const { chartArea, ctx, scales } = chart;
      ctx.save();
      ctx.strokeStyle = themed("--ink");
      ctx.lineWidth = 1.5;
      bars.forEach(({ least, most }, index) => {
        const { y } = chart.getDatasetMeta(0).data[index];
        const from = scales.x.getPixelForValue(least);
        const to = scales.x.getPixelForValue(most);
        ctx.beginPath();
        for (const x of [from, to]) {
          ctx.moveTo(x, y - 4);
          ctx.lineTo(x, y + 4);
        }
        ctx.moveTo(from, y);
        ctx.lineTo(to, y);
        ctx.stroke();
      });
      if (limit !== undefined) {
        const x = scales.x.getPixelForValue(limit);
        ctx.setLineDash([5, 4]);
        ctx.lineWidth = 2;
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
      }
      ctx.restore();
    },
  };

  const axis = (more) => ({
    grid: { color: themed("--line") },
    border: { color: themed("--line") },
    ...more,
    ticks: { color: themed("--soft"), maxRotation: 0, ...more.ticks },
  });
  const titled = (text) => ({ display: true, text, color: themed("--soft") });

  function barChart({ bars, limit, unit }) {
    const most = Math.max(...bars.map((bar) => bar.most), limit ?? 0);
    return {
      type: "bar",
      data: {
        labels: bars.map((bar) => bar.contender),
        datasets: [
          {
            data: bars.map((bar) => bar.value),
            backgroundColor: bars.map((bar) => colourOf(bar.contender)),
            maxBarThickness: 18,
          },
        ],
      },
      options: {
        indexAxis: "y",
        scales: {
          x: axis({ beginAtZero: true, suggestedMax: most * 1.02, ticks: { maxTicksLimit: 5 } }),
          y: axis({ grid: { display: false }, ticks: { color: themed("--ink") } }),
        },
        plugins: {
          legend: { display: false },
          marks: { bars, limit },
          tooltip: {
            callbacks: {
              label: ({ dataIndex }) => {
                const { least, most: greatest, value } = bars[dataIndex];
                return `${format(value)} ${unit} (${format(least)} – ${format(greatest)})`;
              },
            },
          },
        },
      },
    };
  }

  function lineChart({ labels, lines, logarithmic, x, y }) {
    const measured = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))];
    const scale = (on) => (on ? "logarithmic" : "linear");
    const plainTicks = { callback: (value) => format(value), maxTicksLimit: 7 };
    const ticks =
      labels === undefined ? plainTicks : { callback: (at) => labels[at] ?? "", stepSize: 1 };
    return {
      type: "line",
      data: {
        datasets: lines.map(({ contender, points }) => ({
          label: contender,
          data: points.map(([at, value]) => ({ x: at, y: value })),
          borderColor: colourOf(contender),
          backgroundColor: colourOf(contender),
          borderDash: contender === data.limit ? [5, 4] : [],
          borderWidth: 2,
          pointRadius: points.length > 20 ? 0 : 3,
        })),
      },
      options: {
        interaction: { mode: "index", axis: "x", intersect: false },
        scales: {
          x: axis({
            type: scale(logarithmic.x),
            title: titled(x),
            ticks,
            // Where something was measured, not where tens are.
            afterBuildTicks: (built) => {
              if (logarithmic.x) built.ticks = measured.map((value) => ({ value }));
            },
          }),
          y: axis({
            type: scale(logarithmic.y),
            beginAtZero: !logarithmic.y,
            title: titled(y),
            ticks: { callback: (value) => format(value), maxTicksLimit: 7 },
          }),
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            callbacks: {
              title: ([item]) => `${labels?.[item.parsed.x] ?? format(item.parsed.x)} ${x}`,
              label: ({ dataset, parsed }) => `${dataset.label}: ${format(parsed.y)} ${y}`,
            },
          },
        },
      },
    };
  }

  function draw() {
    for (const chart of drawn) chart.destroy();
    drawn = [...document.querySelectorAll("canvas[data-chart]")].map((canvas) => {
      const [section, at] = canvas.dataset.chart.split(".").map(Number);
      const chart = data.charts[section][at];
      const config = chart.kind === "bars" ? barChart(chart) : lineChart(chart);
      config.options = { ...config.options, animation: false, maintainAspectRatio: false };
      return new Chart(canvas, { ...config, plugins: [marks] });
    });
  }

  draw();
  dark.addEventListener("change", draw);
})();
