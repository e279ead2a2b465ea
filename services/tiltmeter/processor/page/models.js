// The list of models, worst first.

const idOf = (m) => [m.model, m.version, m.segment].map(encodeURIComponent).join('/');
const isOf = (id, m) => idOf(m) === id;

function worstFirst(models) {
  const rank = (m) => SEVERITIES.indexOf(m.severity);
  return [...models].sort((a, b) => rank(a) - rank(b) || b.firing.length - a.firing.length
    || a.model.localeCompare(b.model) || b.version.localeCompare(a.version, 'en', { numeric: true }) || a.segment.localeCompare(b.segment));
}

function renderModels(models, selected) {
  const filter = byId('filter');
  filter.hidden = models.length < 8;
  const wanted = filter.hidden ? '' : filter.value.trim().toLowerCase();
  const listed = worstFirst(models).filter((m) => `${m.model} ${m.version} ${m.segment}`.toLowerCase().includes(wanted));
  keyed(byId('models'), listed, idOf, (m) => h('li', {}, h('a', { href: `#${idOf(m)}` })));
  const links = [...byId('models').querySelectorAll('a')];
  listed.forEach((m, i) => {
    if (isOf(selected, m)) links[i].setAttribute('aria-current', 'true');
    else links[i].removeAttribute('aria-current');
    show(links[i], [m.severity, m.firing, m.trend, m.predictions > 0, m.reference_state, m.feedback.matched > 0], () => entry(m));
  });
}

function entry(m) {
  const name = [m.model, m.version, m.segment].filter(Boolean).join(' · ');
  return [
    sign(stateOf(m)),
    h('span', { class: 'who', title: name }, m.model, h('span', { class: 'soft small' }, ` ${[m.version, m.segment].filter(Boolean).join(' · ')}`)),
    h('span', { class: 'what' }, inShort(m)),
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
