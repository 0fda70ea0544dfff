// Tables and CSV of a card's rows: what is drawn, as text.
const node = (tag, props = {}, ...children) => { const e = Object.assign(document.createElement(tag), props); e.append(...children); return e; };
const sorted = {};                                   // {card: [column, down]}

function cell(column, row) {
  const td = node('td', {className: isNumber(column) ? 'num' : written[column] === 'reasons' || column === 'notes' || column === 'said' ? 'long' : 'name'});
  if (written[column] === 'link' && /^https?:/.test(row.url ?? '')) td.append(node('a', {href: row.url, target: '_blank', rel: 'noopener noreferrer', textContent: row[column] || t('unnamed')}));
  else td.textContent = written[column] === 'link' && !row[column] && column === 'deal' ? (row.cause ? '–' : t('unnamed')) : shown(column, row);
  if (td.textContent.length > 40 && td.className === 'name') td.title = td.textContent;
  return td;
}
function fillTable(id, rows) {
  const card = cards[id], place = document.querySelector(`#card-${id} table`), [column, down] = sorted[id] ?? [];
  const ordered = column ? [...rows].sort(by(column, down)) : rows;
  const head = node('tr', {}, ...card.columns.map(c => {
    const th = node('th', {scope: 'col', className: isNumber(c) ? 'num' : ''}), button = node('button', {type: 'button', textContent: header(c)});
    button.dataset.sort = c;
    if (c === column) th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    th.append(button); return th; }));
  const caption = node('caption', {className: 'hidden', textContent: t(id)});
  place.replaceChildren(caption, node('thead', {}, head), node('tbody', {}, ...ordered.map(r => node('tr', {}, ...card.columns.map(c => cell(c, r))))));
}
function csv(id) {
  const card = cards[id], columns = [...card.columns, ...(card.columns.some(c => written[c] === 'link') ? ['url'] : [])];
  const safe = value => {                            // a text that a spreadsheet would run as a formula is shown to it as text
    const text = value == null ? '' : String(value);
    const harmless = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  };
  const value = (c, r) => ['pipeline', 'team', 'owner', 'stage', 'source', 'segment'].includes(c) ? shown(c, r) : r[c];
  return [columns, ...card.rows().map(r => columns.map(c => value(c, r)))].map(line => line.map(safe).join(',')).join('\r\n') + '\r\n';
}
function download(id) {
  const url = URL.createObjectURL(new Blob(['\ufeff' + csv(id)], {type: 'text/csv;charset=utf-8'}));
  node('a', {href: url, download: `${id}-${publication.id || 'funnel'}.csv`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
