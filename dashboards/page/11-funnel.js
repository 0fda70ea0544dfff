// Cohorts, steps, skips and backward moves.
const steps = () => { const all = recent(table('steps')); const p = onePipeline(all); return all.filter(r => r.pipeline === p); };

cards.funnel_steps = {
  uses: 'steps', columns: ['stage', 'entered', 'reached', 'rate', 'low', 'high', 'skipped', 'lost', 'still_open'],
  rows() {
    const found = totals(steps().filter(r => r.is_next), ['from_stage', 'to_stage'], 'entered', 'rate_n', 'reached', 'skipped', 'lost', 'still_open');
    const rows = inOrder(found.map(r => ({...r, stage: r.from_stage, ...wilson(r.reached, r.rate_n)})));
    const last = rows.at(-1);
    return last ? [...rows, {stage: last.to_stage, entered: last.reached, closes: true}] : [];
  },
  draw: rows => rows.map(r => bar(r, formats.stage(r.stage), r.entered, r.closes ? formats.count(r.entered) : innerWidth < 600 ? `${formats.count(r.entered)} · ${formats.percent(r.rate)}` : t('step_text', {n: formats.count(r.entered), rate: interval(r)}))),
  note: () => pipelineNote(recent(table('steps'))),
};
cards.funnel_cohorts = {
  uses: 'steps', columns: ['month', 'entered', 'reached', 'still_open', 'rate', 'low', 'high', 'mature'],
  rows() {
    const found = steps().filter(r => r.is_to_won), first = inOrder(found.map(r => ({...r, stage: r.from_stage})))[0]?.stage;
    return found.filter(r => r.from_stage === first && r.entered).map(r => ({...r, mature: r.is_mature ? 'mature' : 'young'})).sort(by('month', false));
  },
  draw: rows => rows.filter(r => r.rate != null).map(r => ({of: r, month: r.month, rate: r.rate, low: r.low, high: r.high, kind: r.mature})),
  note: rows => [pipelineNote(recent(table('steps'))), rows.length ? t('from_stage', {name: formats.stage(rows[0].from_stage)}) : ''].filter(Boolean).join(' '),
};
cards.funnel_moves = {
  uses: 'transitions', columns: ['stage', 'entries', 'skipping', 'skip_rate', 'backward', 'back_rate', 'reopened'],
  rows() {
    const all = recent(table('transitions')).map(r => ({...r, entered: r.entries})), p = onePipeline(all);
    return inOrder(totals(all.filter(r => r.pipeline === p && named.stages.get(r.stage)?.is_open), 'stage', 'entries', 'skipping', 'backward', 'reopened'))
      .map(r => ({...r, skip_rate: over(r.skipping, r.entries), back_rate: over(r.backward, r.entries)}));
  },
  draw: rows => rows.flatMap(r => [['skipped', r.skip_rate, r.skipping], ['backward', r.back_rate, r.backward]]
    .map(([kind, rate, n]) => bar(r, formats.stage(r.stage), rate, `${formats.percent(rate)} · ${formats.count(n)}`, kind))),
  paired: true,
  note: () => pipelineNote(recent(table('transitions')).map(r => ({...r, entered: r.entries}))),
};
