// The list of models, worst first.

const idOf = (m) => [m.model, m.version, m.segment].map(encodeURIComponent).join('/');
const isOf = (id, m) => idOf(m) === id;

const sameVersion = (a, b) => a.model === b.model && a.version === b.version;
const rank = (m) => SEVERITIES.indexOf(m.severity);

/** Whole versions; their segments are listed on their page. */
function worstFirst(models) {
  const worst = new Map(models.filter((m) => !m.segment).map((m) => [m, Math.min(rank(m), ...segmentsOf(m, models).map(rank))]));
  return [...worst.keys()].sort((a, b) => worst.get(a) - worst.get(b) || b.firing.length - a.firing.length
    || a.model.localeCompare(b.model) || b.version.localeCompare(a.version, 'en', { numeric: true }));
}

/** The segments of a version, worst first: the worker has ranked them. */
function segmentsOf(m, models) {
  return models.filter((other) => other.segment && sameVersion(m, other)).sort((a, b) => a.segment_place - b.segment_place);
}

function renderModels(models, selected) {
  const filter = byId('filter');
  const wholes = worstFirst(models);
  filter.hidden = wholes.length < 8;
  const wanted = filter.hidden ? '' : filter.value.trim().toLowerCase();
  const listed = wholes.filter((m) => `${m.model} ${m.version}`.toLowerCase().includes(wanted));
  const open = models.find((m) => isOf(selected, m));
  keyed(byId('models'), listed, idOf, (m) => h('li', {}, h('a', { href: `#${idOf(m)}` })));
  const links = [...byId('models').querySelectorAll('a')];
  listed.forEach((m, i) => {
    if (open && sameVersion(open, m)) links[i].setAttribute('aria-current', 'true');
    else links[i].removeAttribute('aria-current');
    const [worst] = segmentsOf(m, models);
    const part = worst && rank(worst) < rank(m) ? worst : null;
    show(links[i], [m.severity, m.firing, m.trend, m.predictions > 0, m.reference_state, m.feedback.matched > 0, part && [part.segment, part.firing]], () => entry(m, part));
  });
}

/** `part`: a segment that is worse off than the whole. */
function entry(m, part) {
  return [
    sign(stateOf(part || m)),
    h('span', { class: 'who', title: `${m.model} · ${m.version}` }, m.model, h('span', { class: 'soft small' }, ` ${m.version}`)),
    h('span', { class: 'what' }, part ? `${part.segment}: ${inShort(part)}` : inShort(m)),
    trend(m.trend),
  ];
}

/** A green dot is earned: without a reference nothing can fire. */
const stateOf = (m) => (m.severity === 'ok' && m.reference_state !== 'ready' ? 'unknown' : m.severity);

/** One line: what fires, or what is missing. */
function inShort(m) {
  if (m.firing.length) {
    const subjects = new Set(m.firing.map(([kind, subject]) => subjectOf({ kind, subject })));
    return [...subjects].join(', ');
  }
  if (m.reference_state === 'none') return 'no reference';
  if (m.reference_state === 'learning') return 'learning its reference';
  return m.trend.length ? 'calm' : 'no labels yet';
}

function trend(points) {
  const drawn = s('svg', { class: 'trend', viewBox: '0 0 64 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  if (points.length < 2) return drawn;
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  const top = Math.max(...points.map((p) => p[1])) || 1;
  const path = points.map(([at, value]) => `${round((64 * (at - first)) / (last - first))} ${round(26 - (24 * value) / top)}`);
  drawn.append(s('path', { d: `M${path.join('L')}` }));
  return drawn;
}
