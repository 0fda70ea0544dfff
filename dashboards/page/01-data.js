// What Python wrote into the page: the publication, its tables by columns, the words, the specs.
const read = id => JSON.parse(document.getElementById(id).textContent);
const {publication, cards: listed, tables: packed} = read('data'), words = read('words'), specs = read('specs');

// A column is a list, or distinct texts and each row's place among them (-1: null).
function rowsOf(table) {
  const columns = Object.entries(table).map(([name, c]) => [name, Array.isArray(c) ? c : c.at.map(n => n < 0 ? null : c.of[n])]);
  const count = columns.length ? columns[0][1].length : 0;
  return Array.from({length: count}, (_, n) => Object.fromEntries(columns.map(([name, values]) => [name, values[n]])));
}
const unpacked = {};
const table = name => unpacked[name] ??= rowsOf(packed[name] ?? {});
const clock = table('clock')[0] ?? {month: '', day: '', first_month: ''};

// Names of keys. A name may be missing, and an owner may be one of many that are summed ('~').
const named = Object.fromEntries(['pipelines', 'owners', 'teams', 'stages'].map(kind => [kind, new Map(table(kind).map(r => [r.key, r]))]));
const nameOf = (kind, key) => named[kind].get(key)?.name || key;
