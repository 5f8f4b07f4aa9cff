// The live page: one stream of server-sent events in, a table and a card for each alert out.
import uPlot from '/uplot.js';

const sensors = new Map();
const alerts = new Map();
const charts = new Map();
const byId = (id) => document.getElementById(id);
const timeOf = (ms) =>
  new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const CHART_POINTS = 360;

const WORDS = {
  excursion: 'Out of range',
  pre_alarm: 'Getting warm or cold',
  sensor_fault: 'Probe fault',
  communication_lost: 'No readings',
  mains_lost: 'Mains power out',
  door_open: 'Door open',
  low_battery: 'Battery low',
  clock: 'Clock not set',
  calibration: 'Calibration due',
  storage: 'Storage failing',
  gateway_silent: 'Gateway silent',
  kpi: 'Stock and sales',
};
const STATES = {
  raised: 'open',
  escalated: 'open, escalated',
  acknowledged: 'acknowledged',
  cleared: 'over',
};
const QUANTITIES = {
  temperature: 'temperature',
  humidity: 'humidity',
  contact: 'contact',
  battery_level: 'battery',
};
const UNITS = { Cel: '°C', '%RH': '% RH', 1: '' };

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function takeSensor(update) {
  const known = sensors.get(update.key);
  const points = known ? known.points : [];
  for (const point of update.points) {
    const same = points.findIndex(([at]) => at === point[0]);
    if (same >= 0) points[same] = point;
    else points.push(point);
  }
  points.sort((a, b) => a[0] - b[0]);
  sensors.set(update.key, { ...update, points: points.slice(-CHART_POINTS) });
}

function drawSensor(sensor) {
  const id = `row-${sensor.key}`;
  let row = byId(id);
  if (!row) {
    row = element('tr');
    row.id = id;
    for (let i = 0; i < 7; i++) row.append(element('td', i === 3 || i === 5 ? 'number' : ''));
    byId('sensors').append(row);
  }
  const { last } = sensor;
  const value =
    sensor.quantity === 'contact'
      ? last.value
        ? 'active'
        : 'idle'
      : `${last.value} ${UNITS[sensor.unit] ?? sensor.unit}`;
  const texts = [
    sensor.clinic,
    sensor.sensor,
    QUANTITIES[sensor.quantity] ?? sensor.quantity,
    value,
    timeOf(last.at),
    sensor.readings,
    last.quality,
  ];
  texts.forEach((text, i) => {
    row.cells[i].textContent = text;
  });
  row.cells[6].className = last.quality === 'good' ? '' : 'bad';
}

function drawAlert(alert) {
  const id = `alert-${alert.episode_id}`;
  let card = byId(id);
  if (!card) {
    byId('alerts').querySelector('.quiet')?.remove();
    card = element('article');
    card.id = id;
    card.append(element('h3'), element('p', 'summary'), element('p', 'tag'), element('div', 'chart'));
    byId('alerts').prepend(card);
  }
  card.className = `alert ${alert.severity} ${alert.state}`;
  card.children[0].textContent = `${WORDS[alert.alert_type] ?? alert.alert_type}: ${alert.clinic} / ${alert.sensor}`;
  card.children[1].textContent = alert.summary;
  const by = alert.by ? ` by ${alert.by}` : '';
  card.children[2].textContent = `${STATES[alert.state]}${by}, since ${timeOf(Date.parse(alert.since))}`;
  drawChart(alert, card.children[3]);
}

function drawChart(alert, holder) {
  const sensor = sensors.get(`${alert.clinic}/${alert.sensor}/temperature`);
  if (!sensor || !['excursion', 'pre_alarm'].includes(alert.alert_type)) return;
  const xs = sensor.points.map(([at]) => at / 1000);
  const limit = alert.kpi.threshold;
  const data = [xs, sensor.points.map(([, value]) => value), xs.map(() => limit)];
  const chart = charts.get(alert.episode_id);
  if (chart) return chart.setData(data);
  const ink = getComputedStyle(document.body).color;
  const axis = { stroke: ink, grid: { stroke: 'rgba(128,128,128,.25)' } };
  const options = {
    width: Math.max(240, holder.clientWidth),
    height: 150,
    legend: { show: false },
    cursor: { show: false },
    series: [{}, { stroke: '#2a7de1', width: 2 }, { stroke: '#b3261e', dash: [6, 4] }],
    axes: [axis, { ...axis, values: (_u, ticks) => ticks.map((t) => `${t} °C`) }],
  };
  charts.set(alert.episode_id, new uPlot(options, data, holder));
}

function take(update) {
  if (update.type === 'alert') {
    alerts.set(update.alert.episode_id, update.alert);
    drawAlert(update.alert);
    return;
  }
  if (update.type === 'snapshot') {
    sensors.clear();
    for (const alert of update.alerts) alerts.set(alert.episode_id, alert);
  }
  for (const sensor of update.sensors) {
    takeSensor(sensor);
    drawSensor(sensors.get(sensor.key));
  }
  const touched = new Set(update.sensors.map((sensor) => `${sensor.clinic}/${sensor.sensor}`));
  for (const alert of alerts.values()) {
    if (update.type === 'snapshot' || touched.has(`${alert.clinic}/${alert.sensor}`)) drawAlert(alert);
  }
}

const stream = new EventSource('/api/stream');
stream.onopen = () => {
  byId('state').textContent = 'live';
};
stream.onerror = () => {
  byId('state').textContent = 'connection lost, trying again…';
};
stream.onmessage = (event) => take(JSON.parse(event.data));
