// Drawing: a view is embedded once a language and then fed with rows; the theme is CSS alone.
const views = {};
const room = () => innerWidth < 600 ? 112 : 190, legendColumns = () => innerWidth < 600 ? 2 : 6;
const spoken = spec => JSON.parse(JSON.stringify(spec), (key, value) => typeof value === 'string' && value.startsWith('t:') ? t(value.slice(2)) : value);
function drawing(id, rows) {
  const card = cards[id], all = card.draw(rows), kept = card.paired || rows.length <= DRAWN || 'month' in (all[0] ?? {}) ? all : all.slice(0, DRAWN);
  const ready = kept.map(({of, ...r}) => ({...r, tip: r.tip ?? told(card, of)}));
  return card.paired || 'month' in (ready[0] ?? {}) ? ready : unlike(ready);
}
// The longest text beside a bar needs room to its right: the value at which the scale has to end.
function edge(rows, width) {
  const wide = rows.filter(r => r.text && r.top != null); if (!wide.length) return rows;
  const low = Math.min(0, ...wide.map(r => Math.min(r.start ?? 0, r.end ?? 0))), plot = Math.max(80, width - room() - 34);
  const end = Math.max(...wide.map(r => low + (r.top - low) * plot / Math.max(40, plot - r.text.length * 6.9 - 8)));
  return rows.map(r => ({...r, edge: end}));
}
// Kinds that are not there are not in the legend.
function withKinds(spec, kinds) {
  const scale = spec?.scale;
  if (scale?.domain && scale.range && spec.field === 'kind') {
    const kept = scale.domain.map((k, n) => [k, scale.range[n]]).filter(([k]) => kinds.has(k));
    return {...spec, scale: {...scale, domain: kept.map(k => k[0]), range: kept.map(k => k[1])}};
  }
  return Array.isArray(spec) ? spec.map(s => withKinds(s, kinds)) : spec && typeof spec === 'object' ? Object.fromEntries(Object.entries(spec).map(([k, v]) => [k, withKinds(v, kinds)])) : spec;
}
async function show(id) {
  const card = cards[id], place = document.getElementById('card-' + id), rows = card.rows(), drawn = card.draw ? edge(drawing(id, rows), place.clientWidth - 32) : [];
  const notes = [card.note?.(rows) ?? '', card.draw && rows.length > DRAWN && drawn.length === DRAWN ? t('drawn', {n: DRAWN, all: rows.length}) : ''].filter(Boolean).join(' ');
  place.querySelector('.about').textContent = notes;
  place.querySelector('.ignored').textContent = ignored(card);
  place.classList.toggle('empty', !rows.length);
  place.querySelector('.nothing').textContent = rows.length ? '' : emptiness(id);
  fillTable(id, rows);
  const chart = place.querySelector('.chart');
  if (!chart) return;
  chart.hidden = !drawn.length;
  if (!drawn.length) return;
  const kinds = new Set(drawn.map(r => r.kind)), key = [state.lang, innerWidth < 600, ...[...kinds].sort()].join();
  if (views[id]?.key === key) { await views[id].view.data(id, drawn).resize().runAsync(); return; }
  views[id]?.view.finalize();
  const spec = spoken({...withKinds(specs.charts[id], kinds), config: specs.config, datasets: {[id]: drawn}});
  const {view} = await vegaEmbed(chart, spec, {renderer: 'svg', actions: false, ast: true, logLevel: 1, expressionFunctions: {...formats, room, legendColumns}, tooltip: {theme: 'funnel'}});
  views[id] = {view, key};
}
// Why a card is empty: nothing was ever there, or nothing of this selection.
function emptiness(id) {
  const used = [cards[id].uses].flat();
  if (used.length && used.every(name => !table(name).length)) return has(id + '_none') ? t(id + '_none') : t(table('counts')[0]?.deals_ever ? 'none_lately' : 'none_at_all');
  return isFiltered() ? t('none_selected') : t('none_period');
}
