// Drift of every feature in the chosen window, the drifted ones first.

const FIRST_CARDS = 12;
// `measured`: the features whose further measures are open.
const view = { window: null, all: false, measured: new Set() };

function renderWindows(m, changed) {
  const names = Object.keys(m.windows);
  if (!names.includes(view.window)) view.window = m.detection_window;
  show(byId('windows'), [m.windows, m.pane_ms, m.detection_window], () => [h('legend', { class: 'unseen' }, 'Window'),
    ...names.map((name) => {
      const input = h('input', { type: 'radio', name: 'window', value: name });
      input.addEventListener('change', () => { view.window = name; changed(); });
      return h('label', { title: name === m.detection_window ? 'alerts are decided on this window' : null }, input, ` ${name} `, h('span', { class: 'small' }, duration(m.windows[name] * m.pane_ms)));
    })]);
  for (const input of byId('windows').querySelectorAll('input')) input.checked = input.value === view.window;
}

function renderDrift(m, detail, changed) {
  show(byId('drift-legend'), [m.reference_state, m.drift_tolerances], () => (m.reference_state === 'ready' ? legend(m) : []));
  const drift = m.drift[detail.window] || {};
  const rank = (d) => SEVERITIES.indexOf(worst(levelOf(drift[d.name] || {}, m.drift_tolerances), decided(m, d)));
  const sorted = [...detail.distributions].sort((a, b) => rank(a) - rank(b) || b.output - a.output || a.name.localeCompare(b.name));
  const shown = view.all ? sorted : sorted.slice(0, FIRST_CARDS);
  const furthest = Math.min(1, Math.max(2 * Math.max(...Object.values(m.drift_tolerances)), ...Object.values(drift).map((d) => 1.15 * (d.sample_low || 0))));
  const cards = byId('features');
  if (!sorted.length) {
    show(cards, [m.reference_state, m.model, m.version], () => noReference(m));
  } else {
    cards.shown = null;
    keyed(cards, shown, (d) => d.name, (d) => frame(d, changed));
    shown.forEach((d, i) => {
      const [body, further] = cards.children[i].children;
      const { measures, ...drawn } = d;
      show(body, [drawn, drift[d.name], furthest, m.min_samples, decided(m, d), m.bad_cells[d.name]], () => card(cards.children[i], d, drift[d.name] || {}, m, furthest));
      further.hidden = !((drift[d.name] || {}).rows >= m.min_samples);
      show(further.lastChild, measures, () => (measures ? measureRows(measures) : h('p', {}, 'Asking…')));
    });
  }
  const more = byId('all-features');
  more.hidden = sorted.length <= FIRST_CARDS;
  more.textContent = view.all ? `Show the first ${FIRST_CARDS}` : `Show all ${sorted.length}`;
}

function card(element, d, drift, m, furthest) {
  const [level, held] = [levelOf(drift, m.drift_tolerances), decided(m, d)];
  element.setAttribute('class', `card ${worst(level, held) === 'ok' ? '' : worst(level, held)}`);
  const title = WHOLE.get(d.name) || d.name;
  return [
    h('div', { class: 'head' }, h('h3', { title }, title), level
      ? h('p', { class: level }, sign(level, false), ` at least ${distance(drift.at_least)}`)
      : held ? h('p', { class: held }, sign(held, false), ' drifted, and not proved to be back')
      : h('p', { class: 'soft' }, drift.rows >= m.min_samples ? reassured(drift, m) : `${count(drift.rows || 0)} rows: too few`)),
    h('p', { class: 'unseen' }, `KS distance at least ${distance(drift.at_least)}, estimated ${distance(drift.sample_low)}, at most ${distance(drift.at_most)}, of ${count(drift.rows)} rows.`),
    ...distributionPicture(d),
    intervalPicture(drift, m.drift_tolerances, furthest),
    h('div', { class: 'axis' }, h('span', {}, `KS ${distance(drift.sample_low)}, surely ${distance(drift.at_least)} to ${distance(drift.at_most)}`), h('span', {}, `${compact(drift.rows)} rows`)),
    m.bad_cells[d.name] ? h('p', { class: 'warning' }, sign('warning', false), ` too many ${m.bad_cells[d.name].join(', ').replaceAll('_', ' ')}`) : null,
    troubled(d.cells),
  ];
}

/** The severity of what the detectors hold this feature for, whatever the chosen window shows; null if it is well. */
const decided = (m, d) => [null, 'info', 'warning'][m.drifted[d.name] || 0];

const worst = (...levels) => SEVERITIES.find((severity) => levels.includes(severity)) || 'ok';

/** Not shown to drift is not shown to be well: that takes enough rows. */
const reassured = (drift, m) => (drift.at_most <= m.drift_tolerances.info ? 'within tolerance' : 'no drift shown');

/** Cells that are not what they should be. */
function troubled(cells) {
  const words = Object.entries(cells).filter(([state, n]) => state !== 'ok' && n > 0).map(([state, n]) => `${compact(n)} ${state.replaceAll('_', ' ')}`);
  return words.length ? h('p', { class: 'cells' }, words.join(', ')) : null;
}

function legend(m) {
  const key = (...shapes) => s('svg', { viewBox: '0 0 26 12', 'aria-hidden': 'true' }, ...shapes);
  const [info, warning] = [m.drift_tolerances.info, m.drift_tolerances.warning];
  return [
    h('span', {}, key(s('rect', { class: 'reference-area', width: 26, height: 12 })), 'reference'),
    h('span', {}, key(s('rect', { class: 'current-area', y: 4, width: 26, height: 8 }), s('path', { class: 'current-line', d: 'M0 4H26' })), 'this window'),
    h('span', {}, key(s('rect', { y: 3, width: 26, height: 6, fill: 'currentColor', opacity: 0.4 }), s('rect', { class: 'dot', x: 11, y: 3, width: 4, height: 6 })), 'KS distance: the estimate, and what is proved'),
    h('span', {}, key(s('path', { class: 'tolerance', d: 'M7 0V12M19 0V12' })), `tolerated: ${info} and ${warning}`),
  ];
}

function noReference(m) {
  if (m.reference_state === 'learning') {
    return empty('Learning the reference.', 'The first predictions of this version become what later ones are compared with (from_first in its section of the configuration).');
  }
  return empty('No reference: drift is not measured.', 'Build one from held-out rows and publish it; it takes effect within seconds.',
    `tiltmeter reference build held_out.parquet --model ${quoted(m.model)} --version ${quoted(m.version)} --out reference.json\ntiltmeter reference publish reference.json`);
}

/** As a shell takes it: this text is meant to be copied. */
const quoted = (name) => (/^[\w.@%+=:,/-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);
