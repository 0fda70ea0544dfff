// Served over http the page looks at the manifest beside it and loads itself anew when another publication is current.
const EVERY = 15000;
async function look(file) {
  try { const answer = await fetch(file, {cache: 'no-store'}); return answer.ok ? await answer.json() : null; } catch { return null; }
}
async function watch() {
  const now = await look('manifest.json');
  if (now?.id && publication.id && now.id !== publication.id) { location.reload(); return; }
  const run = await look('../status.json');
  if (run?.finished && run.finished !== lastRun?.finished) { lastRun = run; banners(); }
  document.body.dataset.watched = String(Number(document.body.dataset.watched ?? 0) + 1);
}
if (location.protocol.startsWith('http') && !publication.alone) { watch(); setInterval(watch, EVERY); }
