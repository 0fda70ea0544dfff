// The header: what stands published, how fresh it is, what the audit said, what is wrong and what to do about it.
const chip = (kind, text) => { const e = node('span', {className: 'chip ' + kind, textContent: text}); return e; };
let lastRun = publication.last_run;

function head() {
  const place = document.getElementById('status'), late = Object.entries(publication.sources).filter(([, s]) => s.stale || s.failed.length);
  const passed = publication.checks.pass ?? 0, warned = publication.checks.warn ?? 0;
  place.replaceChildren();
  if (!publication.id) return;
  place.append(node('span', {className: 'asof', textContent: t('as_of', {when: formats.instant(publication.as_of)})}),
    late.length ? chip('warn', t('sources_late', {names: late.map(([name]) => name).join(', ')})) : chip('good', t('sources_fresh')),
    warned ? chip('warn', t('audit_warned', {n: formats.count(passed), warned: formats.count(warned)})) : chip('good', t('audit_passed', {n: formats.count(passed)})),
    node('span', {className: 'unit', textContent: t('unit', {currency})}));
}
const HOUR = 3600e3;
function banners() {
  const list = publication.problems.map(p => ['bad', t('problem_' + p.key, {about: p.about})]);
  if (publication.id && !publication.problems.length && !(table('counts')[0]?.deals_ever)) list.push(['warn', t('nothing_yet')]);
  const age = publication.finished ? (Date.now() - Date.parse(publication.finished)) / HOUR : 0;
  if (lastRun?.code === 3) list.push(['bad', t('run_refused', {when: formats.instant(lastRun.finished), checks: (lastRun.refused ?? []).slice(0, 5).join(', ') || '–'})]);
  else if (lastRun && ![0, 4].includes(lastRun.code)) list.push(['bad', t('run_failed', {when: formats.instant(lastRun.finished)})]);
  else if (age > publication.stale_hours && !(lastRun && (Date.now() - Date.parse(lastRun.finished)) / HOUR < publication.stale_hours)) list.push(['warn', t('page_old', {when: formats.instant(publication.finished), days: formats.count(Math.floor(age / 24)), hours: formats.count(Math.floor(age))})]);
  for (const [name, s] of Object.entries(publication.sources)) if (s.failed.length || s.stale) list.push(['warn', t(s.failed.length ? 'source_failed' : 'source_stale', {name, when: formats.instant(s.reached ?? s.extracted_at), hours: formats.count(s.age_hours), budget: formats.count(s.budget_hours)})]);
  document.getElementById('banners').replaceChildren(...list.map(([kind, text]) => node('p', {className: 'banner ' + kind, textContent: text})));
}
function fillTiles() {
  document.getElementById('tiles').replaceChildren(...tiles().map(([key, value, sub]) => node('div', {}, node('dt', {textContent: t('tile_' + key)}), node('dd', {className: 'value', textContent: value}), node('dd', {className: 'sub', textContent: sub}))));
}
