// What is chosen lives in the address, so that a view can be sent to a colleague; defaults are left out of it.
const DEFAULTS = {page: 'now', pipeline: '', team: '', owner: '', source: '', months: '12', basis: 'all_open', model: 'linear', lang: navigator.language?.startsWith('ru') ? 'ru' : 'en', theme: 'auto'};
const form = document.getElementById('filters');
const state = {...DEFAULTS};

function readAddress() {
  const asked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  for (const [key, standard] of Object.entries(DEFAULTS)) {
    const value = asked[key] ?? standard, field = form.elements[key];
    const known = field?.options ? [...field.options].some(o => o.value === value) : key !== 'page' || document.getElementById('page-' + value);
    state[key] = known ? value : standard;        // an owner of an older address may be gone
    if (field) field.value = state[key];
  }
}
function address(changes) {
  const all = Object.entries({...state, ...changes}).filter(([key, value]) => value !== DEFAULTS[key]);
  return '#' + new URLSearchParams(all);
}
const writeAddress = () => history.replaceState(null, '', address({}));

// Rows of the selection. A table without a column cannot obey that filter; `ignored` tells the reader.
const FILTERS = ['pipeline', 'team', 'owner', 'source'];
const mine = rows => {
  const active = rows.length ? FILTERS.filter(f => state[f] && f in rows[0]) : [];
  return active.length ? rows.filter(r => active.every(f => r[f] === state[f])) : rows;
};
const monthsBefore = (month, n) => { const [y, m] = month.split('-').map(Number), d = new Date(Date.UTC(y, m - 1 - n)); return d.toISOString().slice(0, 7); };
const firstMonth = () => clock.month ? [clock.first_month, monthsBefore(clock.month, state.months - 1)].sort()[1] : '';
const recent = rows => mine(rows).filter(r => r.month >= firstMonth());
const monthList = () => { const list = []; for (let m = firstMonth(); m && m <= clock.month; m = monthsBefore(m, -1)) list.push(m); return list; };
const isFiltered = () => FILTERS.some(f => state[f]);

// Sums are summed; rates and their intervals are made of sums; quantiles are picked, never summed.
const sum = (rows, field) => rows.reduce((total, r) => total + (r[field] ?? 0), 0);
function grouped(rows, ...keys) {
  const found = new Map();
  for (const r of rows) { const key = keys.map(k => r[k]).join('\u0000'); found.has(key) ? found.get(key).push(r) : found.set(key, [r]); }
  return [...found.values()];
}
const totals = (rows, key, ...fields) => grouped(rows, ...[key].flat()).map(group => ({
  ...Object.fromEntries([key].flat().map(k => [k, group[0][k]])), ...Object.fromEntries(fields.map(f => [f, sum(group, f)]))}));
const over = (a, b) => b ? a / b : null;
function wilson(k, n, z = 1.959964) {                // 95 %
  if (!n) return {rate: null, low: null, high: null};
  const p = k / n, d = 1 + z * z / n, c = (p + z * z / 2 / n) / d, w = z * Math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / d;
  return {rate: p, low: Math.max(0, c - w), high: Math.min(1, c + w)};
}
const by = (field, down = true) => (a, b) => ((a[field] ?? -Infinity) < (b[field] ?? -Infinity) ? 1 : -1) * (down ? 1 : -1);
const stageOrder = new Map(table('stages').map((s, n) => [s.key, n]));
const inOrder = rows => rows.sort((a, b) => pipelineOrder(a.stage) - pipelineOrder(b.stage) || (stageOrder.get(a.stage) ?? 1e6) - (stageOrder.get(b.stage) ?? 1e6));
const pipelinePlace = new Map(table('pipelines').map((p, n) => [p.key, n]));
const pipelineOrder = stage => pipelinePlace.get(named.stages.get(stage)?.pipeline) ?? 99;
