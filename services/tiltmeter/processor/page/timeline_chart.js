// Alerts over time: one lane per subject, one bar from firing to resolved.

const LANES = { most: 12, height: 26, names: 168, bottom: 22, right: 12 };
const THICKNESS = { critical: 16, warning: 11, info: 6 };

/** `now` closes what still fires. Returns null if nothing ever fired. */
function timelineChart(transitions, firing, now, width) {
  const episodes = episodesOf(transitions, firing, now);
  if (!episodes.length) return null;
  const lanes = [...new Set(episodes.map((e) => e.lane))].slice(-LANES.most);
  const names = Math.min(LANES.names, width / 3);
  const first = Math.min(...episodes.map((e) => e.from));
  const end = Math.max(now, ...episodes.map((e) => e.to), first + 1000);
  const start = first - 0.03 * (end - first);
  const inner = width - names - LANES.right;
  const x = (ms) => round(names + (inner * (ms - start)) / (end - start));
  const height = lanes.length * LANES.height + LANES.bottom;
  return s('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${plural(episodes.length, 'alert', 'alerts')} on ${plural(lanes.length, 'subject', 'subjects')}; listed below` },
    timeTicks(start, end, inner).map((ms) => [
      s('path', { class: 'grid', d: `M${x(ms)} 0V${height - LANES.bottom}` }),
      s('text', { x: x(ms), y: height - 4, 'text-anchor': 'middle' }, time(ms)),
    ]).flat(),
    lanes.map((lane, i) => lanePicture(lane, (i + 0.5) * LANES.height, episodes, x, names, width)).flat());
}

function lanePicture(lane, y, episodes, x, names, width) {
  const mine = episodes.filter((e) => e.lane === lane).sort((a, b) => THICKNESS[a.severity] - THICKNESS[b.severity]);
  const [kind, subject] = JSON.parse(lane);
  const full = kind === 'performance' || kind === 'feature_drift' ? subjectOf({ subject }) : `${subjectOf({ subject })} · ${kindOf({ kind })}`;
  const fits = Math.floor(names / 7);
  return [
    s('path', { class: 'lane', d: `M${names} ${y}H${width - LANES.right}` }),
    s('text', { class: 'lane-name', x: 0, y: y + 4 }, full.length > fits ? `${full.slice(0, fits - 1)}…` : full, s('title', {}, full)),
    mine.map((e) => s('rect', { class: `episode ${e.severity}`, x: x(e.from), width: Math.max(x(e.to) - x(e.from), 3), y: y - THICKNESS[e.severity] / 2, height: THICKNESS[e.severity], rx: 2 },
      s('title', {}, `${e.severity}: ${time(e.from)} to ${e.open ? 'now' : time(e.to)}`))),
  ].flat();
}

/** From transitions, and from what fires without one: this worker may have taken it over. */
function episodesOf(transitions, firing, now) {
  const open = new Map(firing.map((a) => [JSON.stringify([a.kind, a.subject, a.severity]), a.since]));
  const episodes = transitions.filter((a) => a.transition === 'resolved').map((a) => ({ ...laneOf(a), from: a.first_at, to: a.resolved_at }));
  for (const [key, since] of open) {
    const [kind, subject, severity] = JSON.parse(key);
    episodes.push({ ...laneOf({ kind, subject, severity }), from: since, to: now, open: true });
  }
  return episodes.sort((a, b) => a.from - b.from);
}

const laneOf = (a) => ({ lane: JSON.stringify([a.kind, a.subject]), severity: THICKNESS[a.severity] ? a.severity : 'info' });
