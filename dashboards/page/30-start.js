// Filling the filters, answering clicks, drawing the page that is open.
function fillChoices() {
  const sources = [...new Set([...table('sales'), ...table('open'), ...table('lead_cohorts')].map(r => r.source))].filter(Boolean).sort();
  const many = (table('counts')[0]?.owners ?? 0) - table('owners').length;
  const choices = {
    pipeline: table('pipelines').map(r => [r.key, r.name || r.key]), team: table('teams').map(r => [r.key, r.name || r.key]),
    owner: [...table('owners').map(r => [r.key, (r.name || r.key) + (r.active ? '' : ' ' + t('inactive'))]), ...(many > 0 ? [['~', t('others_n', {n: formats.count(many)})]] : [])],
    source: sources.map(s => [s, formats.source(s)]),
  };
  for (const [name, list] of Object.entries(choices)) {
    const field = form.elements[name], value = field.value;
    field.replaceChildren(node('option', {value: '', textContent: t('all_' + name)}), ...list.map(([key, text]) => node('option', {value: key, textContent: text.length > 60 ? text.slice(0, 59) + '…' : text})));
    field.value = value;
  }
}
function say() {
  document.documentElement.lang = state.lang;
  document.querySelectorAll('[data-t]').forEach(e => { e.textContent = t(e.dataset.t); });
  document.querySelectorAll('[data-t-label]').forEach(e => { e.setAttribute('aria-label', t(e.dataset.tLabel)); });
  document.title = `${t('title')} · ${t('page_' + state.page)}`;
  fillChoices(); head(); banners();
}
const ofPage = () => listed.filter(c => c.page === state.page).map(c => c.id);
let drawnLang = '';
async function update() {
  if (drawnLang !== state.lang) { say(); drawnLang = state.lang; }
  document.title = `${t('title')} · ${t('page_' + state.page)}`;
  document.documentElement.dataset.theme = state.theme === 'auto' ? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light') : state.theme;
  document.querySelectorAll('main > section').forEach(s => { s.hidden = s.id !== 'page-' + state.page; });
  document.querySelectorAll('nav a').forEach(a => { a.href = address({page: a.dataset.page}); a.dataset.page === state.page ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current'); });
  const here = document.querySelector('nav [aria-current]'); here.parentElement.scrollLeft = here.offsetLeft - 60;
  document.getElementById('clear').hidden = !isFiltered();
  for (const select of document.querySelectorAll('select[data-control]')) select.value = state[select.dataset.control];
  if (state.page === 'now') fillTiles();
  for (const id of ofPage()) await show(id);          // one after another: the first is on screen the sooner
  document.body.dataset.shown = state.page;
}
async function change(name, value) { state[name] = value; writeAddress(); await update(); }
form.addEventListener('change', e => change(e.target.name, e.target.value));
form.addEventListener('submit', e => e.preventDefault());
document.getElementById('clear').addEventListener('click', () => { for (const f of FILTERS) { state[f] = ''; form.elements[f].value = ''; } writeAddress(); update(); });
document.querySelector('main').addEventListener('change', e => { if (e.target.dataset.control) change(e.target.dataset.control, e.target.value); });
document.querySelector('main').addEventListener('click', e => {
  const id = e.target.closest('.card')?.id.slice(5);
  if (e.target.matches('[data-csv]')) download(id);
  if (e.target.matches('[data-sort]')) {
    const column = e.target.dataset.sort, [was, down] = sorted[id] ?? [];
    sorted[id] = [column, was === column ? !down : isNumber(column)];
    fillTable(id, cards[id].rows());
    document.querySelector(`#card-${id} [data-sort="${column}"]`).focus();
  }
});
addEventListener('hashchange', async () => { readAddress(); await update(); scrollTo(0, 0); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (state.theme === 'auto') update(); });
let resized; addEventListener('resize', () => { clearTimeout(resized); resized = setTimeout(update, 150); });

fillChoices();
readAddress();
await update();
document.body.dataset.ready = String(Math.round(performance.now()));
window.funnel = {cards, csv, state, table};          // for those who look from the console, and for the tests
