// From a source to revenue.
cards.channels = {
  uses: 'channels', columns: ['channel', 'spend', 'leads', 'deals', 'won', 'won_amount', 'cac', 'roas'], control: 'model',
  rows: () => totals(recent(table('channels')).filter(r => r.model === state.model), 'channel', 'spend', 'leads', 'deals', 'won', 'won_amount')
    .map(r => ({...r, cac: r.spend ? over(r.spend, r.won) : null, roas: r.spend ? r.won_amount / r.spend : null})).sort(by('won_amount')),
  draw: rows => rows.map(r => bar(r, wordly('channel', r.channel), r.won_amount, t('channel_text', {amount: formats.money(r.won_amount), won: formats.count(Math.round(r.won * 10) / 10)}))),
  note: rows => rows.length && !rows.some(r => r.spend) ? t('no_spend') : '',
};
const leadSums = () => totals(recent(table('lead_cohorts')), 'source', 'leads', 'mqls', 'sqls', 'opportunities', 'customers').sort(by('leads'));
cards.customers = {
  uses: 'lead_cohorts', columns: ['source', 'leads', 'customers', 'rate', 'low', 'high'],
  rows: () => leadSums().map(r => ({...r, ...wilson(r.customers, r.leads)})),
  draw: rows => rows.map(r => ({of: r, label: formats.source(r.source), rate: r.rate, low: r.low, high: r.high, top: r.high, text: `${formats.percent1(r.rate)} · ${formats.count(r.customers)} / ${formats.count(r.leads)}`})),
};
cards.lead_steps = {
  uses: 'lead_cohorts', columns: ['source', 'leads', 'mqls', 'lead_to_mql', 'sqls', 'mql_to_sql', 'opportunities', 'sql_to_opportunity', 'customers', 'opportunity_to_customer', 'lead_to_customer'],
  rows: () => leadSums().map(r => ({...r, lead_to_mql: over(r.mqls, r.leads), mql_to_sql: over(r.sqls, r.mqls), sql_to_opportunity: over(r.opportunities, r.sqls), opportunity_to_customer: over(r.customers, r.opportunities), lead_to_customer: over(r.customers, r.leads)})),
};
