// What will be won: the segment that is shown is one that was forecast, never a sum of quantiles.
const segments = () => new Set(table('forecast').map(r => `${r.kind}:${r.segment}`));
function segment() {
  const known = segments();
  if (state.team && known.has('team:' + state.team)) return ['team', state.team];
  if (state.pipeline && known.has('pipeline:' + state.pipeline)) return ['pipeline', state.pipeline];
  return ['all', 'all'];
}
const segmentName = ([kind, key]) => kind === 'all' ? t('company') : `${t(kind)} ${formats.segment(key)}`;
function segmentNote() {
  const [kind] = segment(), unused = FILTERS.filter(f => state[f] && f !== kind);
  return unused.length ? t('no_segment', {filters: unused.map(f => t(f).toLowerCase()).join(', '), name: segmentName(segment())}) : '';
}
const ours = rows => { const [kind, key] = segment(); return rows.filter(r => r.kind === kind && r.segment === key); };
const shownSegment = () => t('segment_shown', {name: segmentName(segment())});

cards.fan = {
  uses: 'forecast', segments: true, columns: ['month', 'actual', 'expected', 'p10', 'p50', 'p90', 'quota'],
  rows() {
    const past = ours(table('actuals')).filter(r => r.month >= firstMonth() && r.month < clock.month).map(r => ({month: r.month, actual: r.won}));
    return [...past, ...ours(table('forecast')).filter(r => r.component === 'total').map(r => ({month: r.month, expected: r.expected, p10: r.p10, p50: r.p50, p90: r.p90, quota: r.quota, within: r.within, said: r.note}))];
  },
  draw: rows => { const ahead = rows.filter(r => r.expected != null), ends = new Set([ahead[0], ahead.at(-1)]);
    return rows.flatMap(r => [{of: r, month: r.month, kind: r.actual != null ? 'actual' : 'expected', value: r.actual ?? r.expected, p10: r.p10, p90: r.p90, text: ends.has(r) ? formats.money(r.actual ?? r.expected) : ''},
      ...(r.quota ? [{of: r, month: r.month, kind: 'quota', value: r.quota, text: ''}] : [])]); },
  note: rows => [shownSegment(), ...new Set(rows.map(r => r.said).filter(Boolean)), rows.some(r => r.within === false) ? t('out_of_band') : ''].filter(Boolean).join(' '),
};
cards.components = {
  uses: 'forecast', segments: true, columns: ['month', 'booked', 'open_pipeline', 'new_business', 'total'],
  rows: () => grouped(ours(table('forecast')), 'month').map(g => { const of = c => g.find(r => r.component === c)?.expected ?? 0; return {month: g[0].month, booked: of('booked'), open_pipeline: of('open_pipeline'), new_business: of('new_business'), total: of('total')}; }),
  draw: rows => rows.flatMap(r => { let at = 0; return ['booked', 'open_pipeline', 'new_business'].map((kind, n) => { const start = at; at += r[kind]; return {of: r, month: r.month, kind, start, end: at, top: r.total, text: n === 2 && innerWidth > 700 ? formats.money(r.total) : ''}; }); }),
  note: shownSegment,
};
cards.periods = {
  uses: 'periods', segments: true, columns: ['period', 'first_day', 'last_day', 'won_so_far', 'expected', 'p10', 'p50', 'p90'],
  rows: () => ours(table('periods')).map(r => ({...r, period: r.whole ? r.period : r.period + '_part'})), note: shownSegment,
};
cards.vintages = {
  uses: 'vintages', segments: true, columns: ['vintage', 'month', 'expected', 'p10', 'p90', 'actual', 'error'],
  rows() {
    const real = new Map(ours(table('actuals')).filter(r => r.complete).map(r => [r.month, r.won]));
    return ours(table('vintages')).map(r => ({...r, actual: real.get(r.month) ?? null, error: real.has(r.month) ? real.get(r.month) - r.expected : null}));
  },
  draw(rows) {
    const all = [...new Set(rows.map(r => r.vintage))].sort(), kept = all.filter((_, n) => (all.length - 1 - n) % 3 === 0), past = rows.filter(r => kept.includes(r.vintage));
    const real = ours(table('actuals')).filter(r => r.complete && past.length && r.month >= kept[0]).map(r => ({of: {month: r.month, actual: r.won}, month: r.month, kind: 'actual', vintage: 'actual', value: r.won}));
    return [...past.map(r => ({of: r, month: r.month, kind: 'vintage', vintage: r.vintage, value: r.expected})), ...real].sort(by('month', false));
  },
  note: rows => [shownSegment(), rows.some(r => r.reconstructed) ? t('reconstructed') : ''].join(' '),
};
const accuracy = () => { const mineOnes = ours(table('accuracy')); return mineOnes.length ? mineOnes : table('accuracy').filter(r => r.kind === 'all'); };
cards.calibration = {
  uses: 'accuracy', segments: true, columns: ['horizon', 'judged', 'covered', 'rate', 'low', 'high'],
  rows: () => accuracy().filter(r => r.method === 'funnel' && r.judged).map(r => ({...r, ...wilson(r.covered, r.judged)})),
  draw: rows => rows.map(r => ({of: r, label: String(r.horizon), rate: r.rate, low: r.low, high: r.high, goal: 0.8})), note: shownSegment,
};
cards.methods = {
  uses: 'accuracy', segments: true, columns: ['method', 'n', 'wape', 'bias'],
  rows: () => grouped(table('accuracy').filter(r => r.kind === 'all' && r.horizon <= 3), 'method').map(g => ({method: g[0].method, n: sum(g, 'n'), wape: over(sum(g, 'missed'), sum(g, 'actual')), bias: over(sum(g, 'bias'), sum(g, 'actual'))})).filter(r => r.wape != null).sort(by('wape', false)),
  draw: rows => rows.map(r => bar(r, wordly('method', r.method), r.wape, formats.percent(r.wape), r.method === 'funnel' ? 'ours' : 'other')),
  note: () => t('segment_shown', {name: t('company')}),
};
cards.causes = {
  uses: 'bridge', segments: true, columns: ['cause', 'amount'],
  rows: () => totals(table('bridge'), 'cause', 'amount').filter(r => r.amount).sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount)),
  draw: rows => rows.map(r => bar(r, wordly('cause', r.cause), r.amount, formats.signed(r.amount), r.amount < 0 ? 'down' : 'up')),
  note: () => table('bridge').length ? t('since_vintage', {month: formats.month(monthsBefore(table('bridge')[0].vintage, 1)), until: formats.month(table('bridge')[0].vintage)}) : '',
};
cards.restated = {
  uses: 'restated', segments: true, columns: ['month', 'figure', 'cause', 'deal', 'old', 'new', 'amount', 'at'], rows: () => table('restated'),
};
