// Everything about the chosen model, from its entry in /status.json and from /model.json.

const SCORES = { labelled: count, accuracy: percent, precision: percent, recall: percent, f1: percent, brier_score: number, log_loss: number, mae: number, rmse: number, bias: number, r2: number };

function renderModel(m, models, detail, changed) {
  show(byId('name'), [m.model, m.version, m.segment], () => [m.model, h('span', {}, ` version ${m.version}`), m.segment ? segmentOf(m) : null]);
  show(byId('verdict'), [m.firing, m.reference_state], () => [sign(stateOf(m), false), ` ${m.firing.length ? `${plural(m.firing.length, 'alert fires', 'alerts fire')}` : 'nothing fires'}`]);
  byId('verdict').setAttribute('class', stateOf(m));
  show(byId('figures'), [m.predictions, m.performance.all.labelled, m.prediction_errors, m.reference_id, m.last_prediction_pane, m.reference_state, m.feedback, m.label_delay_ms, m.labels_within], () => figures(m));
  const parts = m.segment ? [] : segmentsOf(m, models);
  renderWorst(m, parts);
  renderSegments(parts);
  renderWindows(m, changed);
  if (!detail || !isOf(idOf(m), detail)) return;
  renderFiring(detail.firing);
  renderPerformance(m, detail.performance);
  renderDrift(m, detail, changed);
  renderTimeline(detail.timeline, detail.firing, Math.max(m.last_prediction_pane || 0, m.last_label_pane || 0));
}

function figures(m) {
  const figure = (name, value, ...more) => h('div', {}, h('dt', {}, name), h('dd', {}, value, ...more));
  const meter = h('i', {});
  meter.style.width = `${100 * (m.label_coverage || 0)}%`;
  const newest = m.reference_state === 'ready' ? m.reference_id : m.reference_state;
  return [
    figure('Predictions', count(m.predictions), h('small', {}, m.prediction_errors ? `${plural(m.prediction_errors, 'error', 'errors')}` : 'no errors')),
    figure('Labelled', percent(m.label_coverage), h('div', { class: 'meter', 'aria-hidden': 'true' }, meter),
      h('small', {}, `${count(m.performance.all.labelled)} of ${count(m.predictions)}`), labelTimes(m)),
    known(m.performance.all.accuracy) ? figure('Accuracy', percent(m.performance.all.accuracy), h('small', {}, 'of all labels so far')) : null,
    known(m.performance.all.mae) ? figure('Mean absolute error', number(m.performance.all.mae), h('small', {}, 'of all labels so far')) : null,
    figure('Newest pane', time(m.last_prediction_pane), h('small', {}, `panes of ${duration(m.pane_ms)}`)),
    figure('Reference', newest === 'none' ? 'none' : newest.replace('ref-', ''), h('small', {}, newest === 'none' ? 'drift is not measured' : m.reference_state)),
  ];
}

/** In the title of a segment's page: which one, and the way back to the whole. */
const segmentOf = (m) => h('span', {}, `, ${m.segment} `, h('a', { href: `#${idOf({ ...m, segment: '' })}` }, 'of all'));

/** How long labels take, and how many predictions of an age have theirs; null while nothing is known. */
function labelTimes(m) {
  const [half, most] = [m.label_delay_ms['0.5'], m.label_delay_ms['0.99']];
  const aged = Object.entries(m.labels_within).filter(([, [ratio]]) => known(ratio));
  return [
    known(half) && half !== most ? h('small', {}, `half within ${duration(half)}`) : null,
    known(most) ? h('small', {}, `99 % of them within ${duration(most)}`) : null,
    ...aged.map(([age, [ratio, usual]]) => h('small', {}, `${percent(ratio)} by ${age}${known(usual) ? `, usually ${percent(usual)}` : ''}`)),
  ];
}

/** Beside the headline: the worst segment and why, as a link to its line. The elements stay, and with them the focus. */
function renderWorst(m, parts) {
  const worst = m.segment ? null : m.worst_segment;
  const part = worst && parts.find((one) => one.segment === worst.segment);
  byId('worst').hidden = !worst;
  byId('worst-link').hidden = !part;
  if (!worst) return;
  const link = byId('worst-link');
  const href = part ? `#${idOf(part)}` : null;
  if (part && link.getAttribute('href') !== href) link.setAttribute('href', href);
  show(link, [part && part.segment, part && part.severity], () => (part ? [part.firing.length ? sign(part.severity, false) : null, part.segment] : []));
  if (part) link.setAttribute('aria-label', `Worst segment ${part.segment}: ${worst.reason}. Go to its line`);
  show(byId('worst-reason'), [worst.reason, Boolean(part)], () => [part ? `: ${worst.reason}` : worst.reason]);
}

/** One line each; lines stay, so that a link in them keeps the focus while numbers change. */
function renderSegments(parts) {
  byId('segments-section').hidden = !parts.length;
  const measure = parts.some((m) => known(m.performance.all.accuracy)) ? 'accuracy' : 'mae';
  byId('segments-measure').textContent = measure;
  keyed(byId('segment-lines'), parts, idOf, (m) => h('tr', {}, h('td', {}, h('a', { href: `#${idOf(m)}` }, m.segment)), ...[1, 2, 3, 4].map(() => h('td', {}))));
  parts.forEach((m, i) => {
    const cells = [
      [[stateOf(m), inShort(m)], () => [sign(stateOf(m)), ` ${inShort(m)}`]],
      [count(m.predictions)], [count(m.performance.all.labelled)], [SCORES[measure](m.performance.all[measure])],
    ];
    cells.forEach(([made_from, build], place) => show(byId('segment-lines').children[i].children[place + 1], made_from, build || (() => made_from)));
  });
}

function renderPerformance(m, performance) {
  const panel = byId('performance');
  const width = panel.clientWidth - 34;
  show(panel, [performance, width], () => {
    if (performance.points.length) return performanceChart(performance, width);
    byId('performance-read').textContent = '';
    return empty('No labels yet.', 'Predictions wait for theirs. Send them as soon as the truth is known, with the id of the prediction:', 'emitter.feedback(prediction_id, label)');
  });
  const windows = Object.entries(m.performance).filter(([, scores]) => scores.labelled > 0).map(([name, scores]) => [name === 'all' ? 'so far' : `${name}, ${duration(m.windows[name] * m.pane_ms)}`, scores]);
  show(byId('scores'), windows, () => {
    const columns = Object.keys(SCORES).filter((name) => windows.some(([, scores]) => known(scores[name])));
    if (!windows.length) return [];
    return h('table', {}, h('caption', { class: 'unseen' }, 'Performance by window'),
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'window'), columns.map((name) => h('th', { scope: 'col' }, name.replaceAll('_', ' '))))),
      h('tbody', {}, windows.map(([name, scores]) => h('tr', {}, h('td', {}, name), columns.map((column) => h('td', {}, SCORES[column](scores[column])))))));
  });
}

/** What to show instead of a model. */
function renderNothing(status) {
  const come = Object.values(status.partitions).some((state) => state.watermarks.predictions !== null);
  show(byId('nothing'), [status.models.length, status.watching, status.catching_up, come], () => {
    if (!status.watching.length) return empty('This worker owns no models yet.', 'It is joining the group, or other workers own all partitions of the panes topic. It looks again by itself.');
    if (status.catching_up.length) return empty('Catching up.', 'Reading panes written before this worker started.');
    if (come) return empty('No model here yet.', 'Predictions have come. Their model appears one pane and the watermark’s delay after its first event; with several workers, another one may be watching it.');
    return empty('No predictions yet.', 'They appear one pane and the watermark’s delay after the first event. Emit with:',
      'from tiltmeter.emitter import Emitter\n\nemitter = Emitter("broker:9092", model="churn", version="3")\nprediction_id = emitter.prediction({"tenure": 12, "plan": "basic"}, 1, score=0.83)\n…\nemitter.feedback(prediction_id, 0)');
  });
}
