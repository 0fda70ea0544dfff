// Lists of single records, and what is known about the data itself.
const cutNote = (name, rows) => { const all = table('counts')[0]?.[name] ?? 0, held = table(name).length; return all > held ? t('cut', {shown: formats.count(held), all: formats.count(all)}) : ''; };

cards.deals = {
  uses: 'deals', columns: ['rank', 'deal', 'reasons', 'stage', 'owner', 'amount', 'chance', 'expected', 'close_date', 'days', 'pushes', 'pipeline'],
  rows: () => mine(table('deals')), note: rows => cutNote('deals', rows),
};
cards.leads = {
  uses: 'leads', columns: ['rank', 'lead', 'chance', 'reasons', 'days', 'source', 'owner', 'lifecycle', 'alike'],
  rows: () => mine(table('leads')).map(r => ({...r, reasons: r.drivers})), note: rows => cutNote('leads', rows),
};
cards.sources = {
  uses: [], columns: ['name', 'reached_at', 'age_hours', 'budget_hours', 'state', 'said'],
  rows: () => Object.entries(publication.sources).map(([name, s]) => ({name, reached_at: s.reached ?? s.extracted_at, age_hours: s.age_hours, budget_hours: s.budget_hours, state: s.failed.length ? 'failed' : s.stale ? 'stale' : 'fresh', said: [...s.failed, ...s.warnings].join(' · ') || '–'})),
};
cards.checks = {
  uses: [], columns: ['kind', 'status', 'checks'], rows: () => table('checked').map(r => ({...r, kind: 'check_' + r.kind, status: 'status_' + r.status})),
  note: () => publication.warnings.map(w => w.slice(0, 400)).join('\n'),
};
cards.reconciled = {uses: [], columns: ['source_name', 'stream', 'at_source', 'landed', 'in_mart', 'rejected', 'unexplained'], rows: () => table('reconciled').map(r => ({...r, source_name: r.source}))};
cards.guide = {uses: [], columns: ['name', 'grain', 'key', 'table_rows', 'notes'], rows: () => table('guide').map(r => ({...r, table_rows: publication.rows[r.name] ?? null}))};
