// Time in stage, where deals go from there, what stands still, why deals are lost.
const EXITS = ['forward', 'won', 'backward', 'other', 'lost', 'still_there'];
const lastWhole = () => [...new Set(recent(table('stage_months')).filter(r => r.complete).map(r => r.month))].sort().at(-1) ?? recent(table('stage_months')).at(-1)?.month;
const ofLast = () => { const month = lastWhole(); return inOrder(mine(table('stage_months')).filter(r => r.month === month)); };

cards.stage_days = {
  uses: 'stage_months', columns: ['pipeline', 'stage', 'entered', 'median', 'p75', 'p90_days', 'usual', 'is_slow'],
  rows: () => ofLast().filter(r => r.median != null || r.p75 != null || r.usual != null).map(r => ({...r, p90_days: r.p90})),
  draw: rows => rows.map(r => ({of: r, label: formats.stage(r.stage), start: 0, median: r.median, p75: r.p75, p90: r.p90, usual: r.usual, top: Math.max(r.median ?? 0, r.p75 ?? 0, r.p90 ?? 0, r.usual ?? 0), text: r.median == null ? '' : t('days_text', {n: formats.days(r.median)})})),
  note: () => lastWhole() ? t('entered_in', {month: formats.month(lastWhole())}) : '',
};
cards.stage_exits = {
  uses: 'stage_months', columns: ['pipeline', 'stage', ...EXITS],
  rows() {
    const all = recent(table('stage_months')), end = all.map(r => r.month).sort().at(-1);
    return inOrder(grouped(all, 'stage').map(g => ({pipeline: g[0].pipeline, stage: g[0].stage, ...Object.fromEntries(EXITS.map(e => [e, sum(e === 'still_there' ? g.filter(r => r.month === end) : g, e)]))})))
      .filter(r => EXITS.some(e => r[e]));
  },
  draw: rows => rows.flatMap(r => {
    const whole = EXITS.reduce((s, e) => s + r[e], 0); let at = 0;
    return EXITS.filter(e => r[e]).map(e => { const share = r[e] / whole, start = at; at += share;
      return {of: r, label: formats.stage(r.stage), kind: e, start, end: at, middle: (start + at) / 2, text: share > (innerWidth < 600 ? 0.19 : 0.09) ? formats.percent(share) : '', tip: `${formats.stage(r.stage)}\n${t(e)}: ${formats.count(r[e])} (${formats.percent(share)})`}; });
  }), paired: true,
};
cards.stage_bottlenecks = {
  uses: 'stage_months', columns: ['rank', 'stage', 'stuck', 'stuck_amount', 'median', 'usual', 'is_slow'],
  rows: () => ofLast().filter(r => r.rank != null).sort((a, b) => pipelineOrder(a.stage) - pipelineOrder(b.stage) || a.rank - b.rank),
  note: () => lastWhole() ? t('entered_in', {month: formats.month(lastWhole())}) : '',
};
cards.losses = {
  uses: 'losses', columns: ['reason', 'deals', 'share', 'amount'],
  rows() { const found = totals(recent(table('losses')), 'reason', 'deals', 'amount').sort(by('deals')), all = sum(found, 'deals'); return found.map(r => ({...r, share: over(r.deals, all)})); },
  draw: rows => rows.map(r => bar(r, wordly('reason', r.reason), r.deals, `${formats.count(r.deals)} · ${formats.percent(r.share)}`)),
};
cards.stalled = {
  uses: 'deals', columns: ['deal', 'reasons', 'stage', 'owner', 'amount', 'days', 'limit_days', 'pipeline'],
  rows: () => mine(table('deals')).filter(r => r.is_stalled),
  note: rows => cutNote('deals', rows),
};
