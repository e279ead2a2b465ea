// Alerts of the chosen model: what fires now, what happened before, and what a reader may rely on.

const firingKey = (a) => JSON.stringify([a.kind, a.subject, a.severity, a.since]);

/** One group per kind and subject, its worst severity first. */
function grouped(firing) {
  const groups = new Map();
  const worst = [...firing].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.since - b.since);
  for (const a of worst) {
    const key = JSON.stringify([a.kind, a.subject]);
    groups.set(key, [...(groups.get(key) || []), a]);
  }
  return [...groups.values()];
}

function renderFiring(firing) {
  byId('firing-section').hidden = !firing.length;
  const groups = grouped(firing);
  keyed(byId('firing'), groups, ([a]) => firingKey(a), ([a]) => h('li', { class: a.severity }));
  groups.forEach(([a, ...also], i) => show(byId('firing').children[i], [a, also], () => [
    h('div', { class: 'head' }, sign(a.severity, false), h('b', { class: a.severity }, a.severity), h('span', {}, kindOf(a)), h('span', {}, `since ${time(a.since)}`)),
    h('p', {}, a.summary),
    about(a.subjects),
    evidence(a.evidence),
    promise(a.guarantee),
    also.length ? h('p', { class: 'also' }, `also ${also.map((b) => `${b.severity} since ${time(b.since)}`).join(', ')}`) : null,
  ]));
}

function renderTimeline(transitions, firing, now) {
  const panel = byId('timeline');
  const width = panel.clientWidth - 34;
  show(panel, [transitions.map((a) => a.id), firing.map(firingKey), now, width],
    () => timelineChart(transitions, firing, now, width) || empty('No alert so far.', 'Each alert that fires leaves a bar here, with its evidence below.'));
  const newest = [...transitions].reverse();
  keyed(byId('transitions'), newest, (a) => a.id, transition);
}

function transition(a) {
  const resolved = a.transition === 'resolved';
  return h('li', {}, h('details', {},
    h('summary', {},
      h('span', { class: 'soft', title: moment(a.pane_end) }, time(a.pane_end)),
      sign(resolved ? 'ok' : a.severity, false),
      h('span', { class: 'subject' }, resolved ? `${a.severity} resolved` : a.severity),
      h('span', {}, resolved ? `${subjectOf(a)}: after ${duration(a.resolved_at - a.first_at)}` : a.summary)),
    h('div', { class: 'more' },
      resolved ? h('p', { class: 'small' }, a.summary) : null,
      about(a.subjects), evidence(a.evidence), promise(a.guarantee),
      h('p', { class: 'promise' }, `${kindOf(a)} by ${a.detector} · pane ${moment(a.pane_start)} to ${time(a.pane_end)} · id ${a.id.slice(0, 12)}`))));
}

/** The features that an alert about several names, the worst first. */
function about(subjects) {
  if (!subjects || !subjects.length) return null;
  return h('div', { class: 'about' }, subjects.map((one) => h('span', {}, h('b', {}, one.name), ` ${one.state.replaceAll('_', ' ')}, by ${one.decided_by.replaceAll('_', ' ').replace('+', ' and ')}`)));
}

function evidence(numbers) {
  return h('dl', { class: 'evidence' }, Object.entries(numbers).map(([name, value]) =>
    h('div', {}, h('dt', {}, name.replaceAll('_', ' ')), h('dd', {}, name === 'labels' || name === 'rows' ? count(value) : number(value)))));
}

const promise = (guarantee) => h('p', { class: 'promise' }, `Guarantee: ${guarantee}.`);

let spoken = null;

/** Read new alerts out once, of all models; what is there on the first look is not news. */
function speak(alerts) {
  const seen = new Set(alerts.map((a) => a.id));
  const fresh = spoken ? alerts.filter((a) => !spoken.has(a.id)) : [];
  spoken = seen;
  for (const a of fresh.slice(-5)) byId('spoken').append(h('p', {}, `${a.transition}, ${a.severity}: ${a.model} ${a.version}, ${a.summary}`));
  while (byId('spoken').children.length > 20) byId('spoken').firstChild.remove();
}
