// The live page: server-sent events in; what needs somebody on top, then each sensor, worst first.
import { Chart } from '/chart.js';
import {
  ageOf,
  isSilent,
  lastedOf,
  ORDER,
  PHASES,
  quantityOf,
  readingOf,
  STATES,
  timeOf,
  WORDS,
} from '/words.js';

const POINTS_MAX = 360;
const ROWS_MAX = 300;
// The relay says something at least each quarter of a minute.
const QUIET_MS = 40_000;
const DRAW_MS = 1000;

const sensors = new Map();
const alerts = new Map();
const charts = new Map();
const wanted = new Set();
const unfolded = new Set();
let beyond = 0;
let offsetMs = 0;
let heardAt = 0;
let dirty = false;

const byId = (id) => document.getElementById(id);
const now = () => Date.now() + offsetMs;
const when = (ms) => timeOf(ms, now());

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Only what differs is touched, so that a screen reader and a cursor are left alone.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, state) {
  node.className = `state ${state}`;
  say(node, `${STATES[state].shape} ${STATES[state].word}`);
}

const isOpen = ({ state }) => state !== 'cleared';
const isAlarm = ({ severity, alert_type }) => severity === 'critical' || alert_type === 'excursion';

function stateOf(sensor, open) {
  const mine = open.get(`${sensor.clinic}/${sensor.sensor}`) ?? [];
  const of = mine.filter((alert) => sensor.quantity === 'temperature' || alert.kpi.name === sensor.quantity);
  if (of.some(isAlarm)) return 'alarm';
  if (isSilent(sensor, now())) return 'silent';
  const { value, quality } = sensor.last;
  const outside =
    (sensor.low !== null && value < sensor.low) || (sensor.high !== null && value > sensor.high);
  return of.length > 0 || quality !== 'good' || outside ? 'watch' : 'well';
}

function openBySensor() {
  const open = new Map();
  for (const alert of alerts.values()) {
    if (!isOpen(alert)) continue;
    const key = `${alert.clinic}/${alert.sensor}`;
    open.set(key, [...(open.get(key) ?? []), alert]);
  }
  return open;
}

// Sensors with their state, worst first, then by name.
function ranked() {
  const open = openBySensor();
  const all = [...sensors.values()].map((sensor) => ({ sensor, state: stateOf(sensor, open) }));
  const nameOf = ({ sensor }) => `${sensor.clinic_name} ${sensor.name} ${quantityOf(sensor)}`;
  return all.sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || nameOf(a).localeCompare(nameOf(b)),
  );
}

function drawCounts(all) {
  const holder = byId('counts');
  for (const state of ORDER) {
    let button = byId(`count-${state}`);
    if (!button) {
      button = element('button', `count ${state}`);
      button.id = `count-${state}`;
      button.type = 'button';
      button.addEventListener('click', () => {
        if (!wanted.delete(state)) wanted.add(state);
        draw();
      });
      holder.append(button);
    }
    const count = all.filter((one) => one.state === state).length;
    say(button, `${STATES[state].shape} ${count} ${STATES[state].word}`);
    button.setAttribute('aria-pressed', String(wanted.has(state)));
  }
}

function newRow(sensor) {
  const row = element('tr');
  row.id = `row-${sensor.key}`;
  const name = element('td');
  const button = element('button', 'name');
  button.type = 'button';
  button.addEventListener('click', () => {
    if (!unfolded.delete(sensor.key)) unfolded.add(sensor.key);
    draw();
  });
  name.append(button, element('div', 'chart'));
  row.append(element('td'), name, element('td', 'number value'), element('td'));
  row.cells[0].append(element('span'));
  return row;
}

function drawRow(row, { sensor, state }) {
  const [first, second, value, at] = row.cells;
  mark(first.firstChild, state);
  row.className = state;
  const [button, chart] = second.children;
  const what = quantityOf(sensor);
  say(button, `${sensor.name}${what && `, ${what}`} · ${sensor.clinic_name}`);
  const shown = unfolded.has(sensor.key);
  button.setAttribute('aria-expanded', String(shown));
  say(value, readingOf(sensor) + (sensor.last.quality === 'good' ? '' : ', not believed'));
  say(at, `${ageOf(now() - sensor.last.at)}, ${when(sensor.last.at)}`);
  chart.hidden = !shown;
  if (shown) chartIn(chart, sensor.key).draw(sensor.points, sensor);
}

function drawRows(all) {
  const text = byId('search').value.trim().toLowerCase();
  const found = all.filter(({ sensor, state }) => {
    const names = `${sensor.name} ${sensor.sensor} ${sensor.clinic_name} ${sensor.clinic}`.toLowerCase();
    return (wanted.size === 0 || wanted.has(state)) && names.includes(text);
  });
  const rows = found.slice(0, ROWS_MAX).map((one) => {
    const row = byId(`row-${one.sensor.key}`) ?? newRow(one.sensor);
    drawRow(row, one);
    return row;
  });
  inOrder(byId('sensors'), rows);
  const hidden = found.length - rows.length;
  const more = [
    ...(hidden > 0 ? [`${hidden} more: find them by name, or by their state above.`] : []),
    ...(beyond > 0 ? [`${beyond} sensors are more than this page can hold.`] : []),
    ...(sensors.size === 0 ? ['No readings in the last 24 hours.'] : []),
  ];
  say(byId('more'), more.join(' '));
}

// Moves as few as can be: what has the focus stays where it is.
function inOrder(holder, nodes) {
  for (const old of [...holder.children]) if (!nodes.includes(old)) old.remove();
  nodes.forEach((node, i) => {
    if (holder.children[i] !== node) holder.insertBefore(node, holder.children[i] ?? null);
  });
}

function chartIn(holder, key) {
  if (!charts.has(key)) charts.set(key, new Chart(holder, when));
  return charts.get(key);
}

function newCard(alert) {
  const card = element(isOpen(alert) ? 'article' : 'details');
  card.id = `alert-${alert.episode_id}`;
  const title = element(isOpen(alert) ? 'h3' : 'summary');
  title.append(element('span'), element('b'), element('span', 'tag'));
  card.append(
    title,
    element('p', 'reading'),
    element('p', 'summary'),
    element('p', 'tag'),
    element('div', 'chart'),
  );
  card.addEventListener('toggle', () => draw());
  return card;
}

function drawCard(alert) {
  const old = byId(`alert-${alert.episode_id}`);
  const right = old && (old.localName === 'article') === isOpen(alert);
  if (old && !right) charts.delete(alert.episode_id);
  const card = right ? old : newCard(alert);
  const [title, reading, summary, tag, chart] = card.children;
  card.className = `alert ${alert.severity} ${alert.state}`;
  if (isOpen(alert)) mark(title.children[0], isAlarm(alert) ? 'alarm' : 'watch');
  say(
    title.children[1],
    `${WORDS[alert.alert_type] ?? alert.alert_type}: ${alert.name} · ${alert.clinic_name}`,
  );
  say(reading, isOpen(alert) ? nowOf(alert) : '');
  say(summary, alert.summary);
  const since = Date.parse(alert.since);
  const until = isOpen(alert) ? now() : Date.parse(alert.timestamp);
  say(title.children[2], `since ${when(since)}, ${lastedOf(until - since)}`);
  const by = alert.by ? ` by ${alert.by}` : '';
  const said = alert.comment ? `: “${alert.comment}”` : '';
  const worst = alert.episode ? `, worst ${alert.episode.worst.toFixed(1)} °C` : '';
  say(tag, `${PHASES[alert.state]}${by}${said}${worst}`);
  const charted = ['excursion', 'pre_alarm'].includes(alert.alert_type) && (card.open || isOpen(alert));
  if (charted && chart.isConnected) chartIn(chart, alert.episode_id).draw(alert.points, limitsOf(alert));
  return card;
}

// What the alert's own sensor measures now, and how old that is.
function nowOf({ clinic, sensor, kpi }) {
  const found = sensors.get(`${clinic}/${sensor}/${kpi.name}`);
  return found ? `${readingOf(found)}, ${ageOf(now() - found.last.at)}` : '';
}

// Where nobody has announced limits, the one that the alert is about.
function limitsOf({ low, high, kpi }) {
  if (low !== null || high !== null || kpi.threshold === null) return { low, high };
  return kpi.value > kpi.threshold ? { low: null, high: kpi.threshold } : { low: kpi.threshold, high: null };
}

function drawAlerts() {
  const all = [...alerts.values()].sort((a, b) => Date.parse(b.since) - Date.parse(a.since));
  const open = all.filter(isOpen).sort((a, b) => Number(isAlarm(b)) - Number(isAlarm(a)));
  const over = all.filter((alert) => !isOpen(alert));
  for (const [id, some] of [
    ['open', open],
    ['over', over],
  ]) {
    inOrder(byId(id), some.map(drawCard));
    byId(id).parentElement.hidden = some.length === 0;
  }
  const alarms = open.filter(isAlarm).length;
  document.body.classList.toggle('alarming', alarms > 0);
  document.title = alarms > 0 ? `(${alarms}) coldwatch` : 'coldwatch';
}

function drawState() {
  const quiet = Date.now() - heardAt > QUIET_MS;
  document.body.classList.toggle('stale', quiet);
  if (heardAt === 0) return;
  say(
    byId('state'),
    quiet ? `not connected: all of this is as of ${when(heardAt + offsetMs)}` : `live, ${when(now())}`,
  );
}

function draw() {
  dirty = false;
  const all = ranked();
  drawCounts(all);
  drawRows(all);
  drawAlerts();
  drawState();
}

function takeSensor(update, whole) {
  const known = whole ? undefined : sensors.get(update.key);
  const points = new Map([...(known?.points ?? []), ...update.points]);
  const sorted = [...points].sort((a, b) => a[0] - b[0]).slice(-POINTS_MAX);
  sensors.set(update.key, { ...update, points: sorted });
  if (whole || update.quantity !== 'temperature') return;
  for (const alert of alerts.values())
    if (isOpen(alert) && alert.clinic === update.clinic && alert.sensor === update.sensor)
      alert.points = [...new Map([...alert.points, ...update.points])].sort((a, b) => a[0] - b[0]);
}

function takeAlert(alert) {
  if (!alerts.has(alert.episode_id) && isOpen(alert) && isAlarm(alert))
    say(byId('news'), `${WORDS[alert.alert_type]}: ${alert.name}, ${alert.clinic_name}. ${alert.summary}`);
  alerts.set(alert.episode_id, alert);
}

function take(update) {
  heardAt = Date.now();
  if (update.type === 'beat') offsetMs = update.now - Date.now();
  if (update.type === 'alert') takeAlert(update.alert);
  const whole = update.type === 'snapshot';
  if (whole) {
    sensors.clear();
    alerts.clear();
    beyond = update.sensors_beyond;
    for (const alert of update.alerts) alerts.set(alert.episode_id, alert);
  }
  for (const sensor of update.sensors ?? []) takeSensor(sensor, whole);
  if (update.type !== 'beat') later();
}

// Many changes at once are drawn once.
function later() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(draw);
}

const stream = new EventSource('/api/stream');
stream.onmessage = (event) => take(JSON.parse(event.data));
stream.onerror = () => {
  // Closed for good: this browser is not let in any more.
  if (stream.readyState === EventSource.CLOSED) location.reload();
};
byId('search').addEventListener('input', draw);
addEventListener('resize', draw);
// Ages grow, and what is not heard turns silent, without anybody saying so.
window.setInterval(draw, DRAW_MS);
