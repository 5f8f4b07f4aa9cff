// One chart of a temperature: the safe band shaded, a gap left as a gap, a table behind it for who cannot see it.
import uPlot from '/uplot.js';

// More than three usual intervals without a reading is a gap, not a line.
const MISSED = 3;
const GAP_MS = 300_000;
const ROWS = 30;

function columns(points) {
  const between = points.slice(1).map(([at], i) => at - points[i][0]);
  const usual = [...between].sort((a, b) => a - b)[between.length >> 1] ?? 0;
  const gap = Math.max(GAP_MS, MISSED * usual);
  const xs = [];
  const ys = [];
  points.forEach(([at, value], i) => {
    if (i > 0 && at - points[i - 1][0] > gap) {
      xs.push((at + points[i - 1][0]) / 2000);
      ys.push(null);
    }
    xs.push(at / 1000);
    ys.push(value);
  });
  return [xs, ys];
}

// Between the limits; without one on a side, to the edge.
function shadeBand({ low, high }, colour) {
  return (plot) => {
    if (low === null && high === null) return;
    const { left, top, width, height } = plot.bbox;
    const edge = (value, otherwise) =>
      value === null ? otherwise : Math.min(top + height, Math.max(top, plot.valToPos(value, 'y', true)));
    const from = edge(high, top);
    plot.ctx.fillStyle = colour;
    plot.ctx.fillRect(left, from, width, edge(low, top + height) - from);
  };
}

function scaleOf({ low, high }) {
  return (_plot, min, max) => {
    const all = [min, max, low, high].filter((value) => value !== null && value !== undefined);
    return [Math.min(...all) - 1, Math.max(...all) + 1];
  };
}

// A canvas knows nothing of light and dark: what the style sheet's colour is now.
function colourOf(holder, name) {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  holder.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function tableOf(points, timeOf) {
  const step = Math.max(1, Math.ceil(points.length / ROWS));
  const table = document.createElement('table');
  table.className = 'unseen';
  for (const [at, value] of points.filter((_point, i) => i % step === 0)) {
    const row = table.insertRow();
    row.insertCell().textContent = timeOf(at);
    row.insertCell().textContent = `${value.toFixed(1)} °C`;
  }
  return table;
}

export class Chart {
  constructor(holder, timeOf) {
    this.holder = holder;
    this.timeOf = timeOf;
    this.drawn = 0;
  }

  // Drawn anew only when there is something new, and in the width that there is.
  draw(points, limits) {
    const width = Math.max(240, this.holder.clientWidth);
    const mark = `${points.length} ${points.at(-1)} ${points[0]} ${width} ${limits.low} ${limits.high}`;
    if (mark === this.drawn || points.length === 0) return;
    this.drawn = mark;
    this.plot?.destroy();
    const axis = {
      stroke: colourOf(this.holder, '--ink'),
      grid: { stroke: 'rgba(128,128,128,.2)', width: 1 },
      font: '12px system-ui',
    };
    const clock = (_plot, ticks) => ticks.map((t) => this.timeOf(t * 1000));
    const options = {
      width,
      height: 160,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: scaleOf(limits) } },
      hooks: { drawClear: [shadeBand(limits, colourOf(this.holder, '--band'))] },
      series: [
        {},
        { stroke: colourOf(this.holder, '--line-ink'), width: 2, points: { show: points.length < 3 } },
      ],
      axes: [
        { ...axis, values: clock, space: 90 },
        { ...axis, values: (_plot, ticks) => ticks.map((t) => `${t} °C`), size: 56 },
      ],
    };
    this.plot = new uPlot(options, columns(points), this.holder);
    this.holder.append(tableOf(points, this.timeOf));
    for (const old of [...this.holder.querySelectorAll('table')].slice(0, -1)) old.remove();
  }
}
