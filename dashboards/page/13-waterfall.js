// What moved the open pipeline from the period's first day to its last, and month by month.
const ofBasis = () => recent(table('waterfall')).filter(r => r.basis === state.basis);
const INTO = {created: 'created', reopened: 'created', pulled_in: 'created', pipeline_in: 'created', owner_in: 'created', increased: 'changed', decreased: 'changed', fx: 'changed', won: 'won', lost: 'lost', void: 'other', pushed_out: 'other', pipeline_out: 'other', owner_out: 'other', closing: 'closing'};

cards.bridge = {
  uses: 'waterfall', columns: ['movement', 'amount', 'rows'], control: 'basis',
  rows() {
    const all = ofBasis(), months = monthList(), edge = (m, month) => all.filter(r => r.movement === m && r.month === month);
    if (!all.length) return [];
    const whole = (m, month) => ({movement: m, amount: sum(edge(m, month), 'amount'), rows: sum(edge(m, month), 'rows'), level: true});
    const between = MOVEMENTS.map(m => { const part = all.filter(r => r.movement === m); return {movement: m, amount: sum(part, 'amount'), rows: sum(part, 'rows')}; }).filter(r => r.rows);
    if (state.basis !== 'all_open') return between;   // its months have other deals each: they do not join
    return [whole('opening', months[0]), ...between, whole('closing', months.at(-1))];
  },
  draw: rows => { let level = 0; return rows.map(r => {
    const start = r.level ? 0 : level, end = start + r.amount; level = state.basis === 'all_open' || r.level ? end : 0;
    return {of: r, label: t(r.movement), start, end, top: Math.max(start, end), text: r.level ? formats.money(r.amount) : formats.signed(r.amount), kind: r.level ? 'level' : r.amount < 0 ? 'down' : 'up'}; }); },
  note: () => state.basis === 'all_open' ? '' : t('basis_sums'),
};
cards.bridge_months = {
  uses: 'waterfall', columns: ['month', 'created_amount', 'changed', 'won_amount', 'lost_amount', 'other_amount', 'closing'],
  rows() {
    const all = ofBasis(); if (!all.length) return [];
    return monthList().map(month => { const r = {month, created: 0, changed: 0, won: 0, lost: 0, other: 0, closing: 0};
      for (const x of all) if (x.month === month && INTO[x.movement]) r[INTO[x.movement]] += x.amount;
      return {month, created_amount: r.created, changed: r.changed, won_amount: r.won, lost_amount: r.lost, other_amount: r.other, closing: r.closing}; });
  },
  draw: rows => rows.flatMap(r => { let up = 0, down = 0;
    const parts = [['created', r.created_amount], ['changed', r.changed], ['won', r.won_amount], ['lost', r.lost_amount], ['other', r.other_amount]].filter(([, v]) => v)
      .map(([kind, v]) => { const start = v > 0 ? up : down; if (v > 0) up += v; else down += v; return {of: r, month: r.month, kind, start, end: start + v}; });
    return [...parts, {of: r, month: r.month, kind: 'closing', start: r.closing, end: r.closing}]; }),
};
write('amount', 'other_amount');
