// What is open now, what moved it, who is near the quota.
const MOVEMENTS = ['created', 'reopened', 'pulled_in', 'increased', 'decreased', 'fx', 'pushed_out', 'pipeline_in', 'pipeline_out', 'won', 'lost', 'void', 'owner_in', 'owner_out'];

function tiles() {
  const open = mine(table('open')), sales = mine(table('sales')), now = sales.filter(r => r.month === clock.month);
  const before = sales.filter(r => r.month === monthsBefore(clock.month, 1)), all = recent(table('sales'));
  const rate = wilson(sum(all, 'won'), sum(all, 'won') + sum(all, 'lost'));
  return [
    ['open_amount', formats.big(sum(open, 'amount')), t('n_deals', {n: formats.count(sum(open, 'deals'))})],
    ['expected', formats.big(sum(open, 'expected')), t('expected_sub')],
    ['won_month', formats.big(sum(now, 'won_amount')), t('won_sub', {n: formats.count(sum(now, 'won')), before: formats.big(sum(before, 'won_amount'))})],
    ['win_rate', formats.percent(rate.rate), rate.rate == null ? t('no_closed') : t('rate_sub', {low: formats.percent(rate.low), high: formats.percent(rate.high), n: formats.count(sum(all, 'won') + sum(all, 'lost'))})],
    ['new_month', formats.count(sum(now, 'created')), t('new_sub', {before: formats.count(sum(before, 'created'))})],
    ['stalled_now', formats.count(sum(open, 'stalled')), t('stalled_sub', {amount: formats.big(sum(open, 'stalled_amount'))})],
  ];
}
cards.now_stages = {
  uses: 'open', columns: ['pipeline', 'stage', 'deals', 'amount', 'expected', 'stalled'],
  rows: () => inOrder(totals(mine(table('open')), ['pipeline', 'stage'], 'deals', 'amount', 'expected', 'stalled', 'without_amount')),
  draw: rows => rows.map(r => bar(r, formats.stage(r.stage), sum(rows, 'amount') ? r.amount : r.deals, `${formats.money(r.amount)} · ${formats.count(r.deals)}`)),
  note: rows => { const n = sum(rows, 'without_amount'); return n ? t('without_amount', {n: formats.count(n)}) : ''; },
};
cards.now_moves = {
  uses: 'moves', columns: ['movement', 'day_amount', 'day_rows', 'month_amount', 'month_rows'],
  rows() {
    const found = mine(table('moves')), part = (m, span) => found.filter(r => r.movement === m && r.span === span);
    return MOVEMENTS.map(m => ({movement: m, day_amount: sum(part(m, 'day'), 'amount'), day_rows: sum(part(m, 'day'), 'rows'), month_amount: sum(part(m, 'month'), 'amount'), month_rows: sum(part(m, 'month'), 'rows')}))
      .filter(r => r.month_rows || r.day_rows);
  },
  draw: rows => rows.map(r => bar(r, t(r.movement), r.month_amount, t('moved_text', {month: formats.signed(r.month_amount), day: formats.signed(r.day_amount)}), r.month_amount < 0 ? 'down' : 'up')),
};
cards.now_moved = {
  uses: 'moved', columns: ['deal', 'movement', 'amount', 'owner', 'at'], rows: () => mine(table('moved')),
};
const nearness = r => r.quota == null || !r.quota ? 'none' : r.attainment >= 1 ? 'reached' : r.p_attain >= 0.5 ? 'near' : 'far';
cards.now_reps = {
  uses: 'quota', columns: ['name', 'team', 'quota', 'won_amount', 'attainment', 'gap_amount', 'p_attain', 'weighted', 'pipeline_needed_p80'], obeys: ['source'], unsourced: true,
  rows: () => mine(table('quota')).map(r => ({...r, name: r.name || t('nobody')})),
  draw: rows => rows.filter(r => r.quota).map(r => ({...bar(r, r.name, r.attainment, r.attainment >= 1 ? t('reached_text', {share: formats.percent(r.attainment)}) : r.p_attain == null ? formats.percent(r.attainment) : t('chance_text', {share: formats.percent(r.attainment), chance: chance(r.p_attain)}), nearness(r)), goal: 1, top: Math.max(1, r.attainment)})),
};
const chance = p => p > 0 && p < 0.01 ? '< ' + formats.percent(0.01) : p < 1 && p > 0.99 ? '> ' + formats.percent(0.99) : formats.percent(p);
// A team's probability is not made of its reps' (they are not independent): its forecast's own quantiles give a band.
const band = r => r.p50 == null || !r.quota ? null : r.quota <= r.won_amount ? 'band_reached' : r.quota <= r.p10 ? 'band_90' : r.quota <= r.p50 ? 'band_50' : r.quota <= r.p90 ? 'band_10' : 'band_0';
cards.now_teams = {
  uses: 'team_quota', columns: ['team', 'quota', 'won_amount', 'attainment', 'p10', 'p50', 'p90', 'band'], obeys: ['source'],
  rows: () => mine(table('team_quota')).map(r => ({...r, attainment: over(r.won_amount, r.quota), band: band(r)})),
  draw: rows => rows.map(r => ({of: r, label: formats.team(r.team), start: 0, won: r.won_amount, low: r.p10, mid: r.p50, high: r.p90, goal: r.quota})),
};
cards.now_trend = {
  uses: 'sales', columns: ['month', 'won_amount', 'won', 'lost', 'created', 'rate', 'low', 'high'],
  rows() {
    const found = totals(recent(table('sales')), 'month', 'won_amount', 'won', 'lost', 'created'), at = new Map(found.map(r => [r.month, r]));
    if (!found.length) return [];
    const began = table('sales').reduce((first, r) => r.month < first ? r.month : first, '9');
    return monthList().filter(month => month >= began).map(month => { const r = at.get(month) ?? {month, won_amount: 0, won: 0, lost: 0, created: 0}; return {...r, ...wilson(r.won, r.won + r.lost)}; });
  },
  draw: rows => rows.map(r => ({of: r, month: r.month, value: r.won_amount, text: rows.length <= 12 && innerWidth > 700 ? formats.money(r.won_amount) : '', kind: r.month === clock.month ? 'running' : 'complete'})),
};
