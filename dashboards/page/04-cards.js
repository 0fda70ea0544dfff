// A card: {uses: table, columns, rows(), draw(rows), note(), control}. Its table, its CSV and its drawing are made of rows().
const cards = {};
const DRAWN = 20;                                    // bars that are drawn; the table below holds all

const bar = (of, label, value, text, kind = 'level') => ({of, label, start: 0, end: value ?? 0, top: Math.max(0, value ?? 0), text, kind});
const interval = r => r.rate == null ? '' : `${formats.percent(r.rate)} (${formats.percent(r.low)}–${formats.percent(r.high)})`;
// Two rows of one name would be drawn as one: the second gets a character of no width.
function unlike(rows) {
  const seen = new Map();
  return rows.map(r => { const n = seen.get(r.label) ?? 0; seen.set(r.label, n + 1); return n ? {...r, label: r.label + '\u200b'.repeat(n)} : r; });
}
const header = column => has('col_' + column) ? t('col_' + column) : t(column);
const told = (card, row) => card.columns.filter(c => row[c] != null && written[c] !== 'link').map(c => `${header(c)}: ${shown(c, row)}`).join('\n');

// Filters that are set and that a card cannot obey, in words.
function ignored(card) {
  if (card.segments) return segmentNote();
  const tables = [card.uses].flat().map(table).filter(rows => rows.length);
  const missed = FILTERS.filter(f => state[f] && (!tables.length || tables.some(rows => !(f in rows[0]))) && !(card.obeys ?? []).includes(f));
  return missed.length && tables.length ? t('not_by', {filters: missed.map(f => t(f).toLowerCase()).join(', ')}) : '';
}
// Stages belong to a pipeline: where none is chosen the busiest is shown, and named.
function onePipeline(rows) {
  if (state.pipeline) return state.pipeline;
  return totals(rows, 'pipeline', 'entered').sort(by('entered'))[0]?.pipeline ?? '';
}
const pipelineNote = rows => !state.pipeline && named.pipelines.size > 1 && rows.length ? t('one_pipeline', {name: formats.pipeline(onePipeline(rows))}) : '';
