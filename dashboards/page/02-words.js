// Texts and numbers of the chosen language. Every text has a key; what has none is a name and is shown as it is.
const t = (key, given) => {
  const text = words[state.lang]?.[key] ?? words.en[key] ?? key;
  return given ? text.replace(/\{(\w+)\}/g, (all, name) => given[name] ?? all) : text;
};
const has = key => (words[state.lang]?.[key] ?? words.en[key]) !== undefined;
const currency = publication.currency;
const numbers = {};
const intl = (name, options) => x => {
  if (x == null || Number.isNaN(x)) return '–';
  const kept = numbers[state.lang + name] ??= new Intl.NumberFormat(state.lang, options);
  return kept.format(x);
};
const asDate = x => new Date(/^\d{4}-\d\d$/.test(x) ? x + '-01' : x);
const dated = options => x => x ? asDate(x).toLocaleDateString(state.lang, {timeZone: 'UTC', ...options}) : '–';
const money = (name, options) => {       // a currency that Intl does not know is written as its code
  try { new Intl.NumberFormat('en', {style: 'currency', currency}); } catch { return x => intl(name, {...options, style: 'decimal'})(x) + ' ' + currency; }
  return intl(name, {style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...options});
};
const formats = {
  money: intl('m', {notation: 'compact', maximumSignificantDigits: 3}),
  amount: intl('a', {maximumFractionDigits: 0}),
  big: money('b', {notation: 'compact', minimumFractionDigits: 0, maximumSignificantDigits: 3}),
  percent: intl('p', {style: 'percent', maximumFractionDigits: 0}),
  percent1: intl('p1', {style: 'percent', maximumFractionDigits: 1}),
  count: intl('c', {maximumFractionDigits: 1}),
  days: intl('d', {maximumFractionDigits: 0}),
  days1: intl('d1', {maximumFractionDigits: 1}),
  ratio: intl('r', {maximumFractionDigits: 1}),
  signed: intl('s', {notation: 'compact', maximumSignificantDigits: 3, signDisplay: 'exceptZero'}),
  month: x => { const d = asDate(x); return d.toLocaleDateString(state.lang, {month: 'short', timeZone: 'UTC'}).replace('.', '') + '\u00a0' + String(d.getUTCFullYear()).slice(2); },
  date: dated({day: 'numeric', month: 'short', year: 'numeric'}),
  instant: x => x ? asDate(x).toLocaleString(state.lang, {timeZone: clock.timezone ?? 'UTC', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit'}) : '–',
  word: x => x == null ? '–' : t(x),
  text: x => x ?? '–',
  yes: x => x == null ? '–' : t(x ? 'yes' : 'no'),
  pipeline: x => x ? nameOf('pipelines', x) : t('none'),
  team: x => x ? nameOf('teams', x) : t('none'),
  owner: x => x === '~' ? t('other_owners') : x ? nameOf('owners', x) : t('nobody'),
  stage: x => x ? nameOf('stages', x) : t('none'),
  source: x => !x ? t('unknown') : has('source_' + x) ? t('source_' + x) : x === x.toUpperCase() ? x[0] + x.slice(1).toLowerCase().replaceAll('_', ' ') : x,
  segment: x => x === 'all' ? t('company') : named.pipelines.get(x)?.name ?? named.teams.get(x)?.name ?? x,
  reasons: x => x ? translated(x) : '–',
  link: x => x ?? '–',
  ...Object.fromEntries(['reason', 'method', 'channel', 'cause', 'lifecycle', 'period'].map(kind => [kind, x => x == null ? '–' : wordly(kind, x)])),
};
// Reasons come from the marts in English, put together of known pieces: words hold [pattern, text] pairs.
const translated = text => (words[state.lang].patterns ?? []).reduce((s, [pattern, by]) => s.replace(new RegExp(pattern, 'g'), by), text);

// How a column is written, by its name; what is not here is text.
const written = {};
const write = (kind, ...names) => names.forEach(name => { written[name] = kind; });
write('amount', 'amount', 'expected', 'won_amount', 'lost_amount', 'stalled_amount', 'stuck_amount', 'quota', 'gap_amount', 'weighted', 'pipeline_needed_p80', 'p10', 'p50', 'p90', 'actual', 'error', 'won_so_far', 'spend', 'cac', 'old', 'new', 'day_amount', 'month_amount', 'booked', 'open_pipeline', 'new_business', 'total', 'value', 'created_amount', 'changed', 'closing', 'opening', 'frozen');
write('percent1', 'rate', 'low', 'high', 'chance', 'attainment', 'p_attain', 'skip_rate', 'back_rate', 'wape', 'bias', 'share', 'lead_to_mql', 'mql_to_sql', 'sql_to_opportunity', 'opportunity_to_customer', 'lead_to_customer');
write('count', 'deals', 'rows', 'day_rows', 'month_rows', 'entered', 'reached', 'skipped', 'still_open', 'lost', 'won', 'created', 'entries', 'skipping', 'backward', 'reopened', 'at_risk', 'forward', 'other', 'still_there', 'stuck', 'rank', 'n', 'judged', 'covered', 'leads', 'mqls', 'sqls', 'opportunities', 'customers', 'clicks', 'pushes', 'alike', 'checks', 'at_source', 'landed', 'in_mart', 'rejected', 'unexplained', 'stalled', 'horizon', 'days_n', 'table_rows');
write('days1', 'median', 'p75', 'p90_days', 'usual', 'days', 'limit_days', 'age_hours', 'budget_hours');
write('ratio', 'roas');
write('month', 'month', 'vintage');
write('date', 'close_date', 'first_day', 'last_day');
write('instant', 'at', 'reached_at');
write('word', 'movement', 'kind', 'mature', 'state', 'band', 'status');
write('yes', 'is_slow');
for (const name of ['pipeline', 'team', 'owner', 'stage', 'source', 'segment', 'reasons', 'cause', 'reason', 'channel', 'method', 'lifecycle', 'period']) write(name, name);
write('link', 'deal', 'lead');
const isNumber = column => /amount|percent1|count|days1|ratio/.test(written[column] ?? '');
const shown = (column, row) => (formats[written[column]] ?? formats.text)(row[column]);
const wordly = (prefix, x) => has(`${prefix}_${x}`) ? t(`${prefix}_${x}`) : t(x);
