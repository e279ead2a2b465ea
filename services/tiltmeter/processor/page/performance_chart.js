// Performance over time: a line in its band, the reference's level, and what is allowed.

const PLOT = { height: 210, top: 10, bottom: 24, left: 52, right: 104 };
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800];

/** `points`: [start_ms, labels, value, low, high]. `width` in pixels. */
function performanceChart(p, width) {
  const first = p.points[0][0];
  const last = p.points[p.points.length - 1][0];
  const end = Math.max(last, first + p.step_ms);
  const inner = width - PLOT.left - PLOT.right;
  const x = (ms) => round(PLOT.left + (inner * (ms - first)) / (end - first));
  const levels = expectedLevels(p);
  // The band of a pane with a handful of labels must not flatten all others: the widest are cut off.
  const highs = p.points.map((point) => point[4]).sort((a, b) => a - b);
  const highest = Math.max(highs[Math.floor(0.95 * (highs.length - 1))], ...p.points.map((point) => point[2]), ...levels.map((level) => level.value)) * 1.06 || 1;
  const y = (value) => round(PLOT.top + (PLOT.height - PLOT.top - PLOT.bottom) * (1 - Math.min(value / highest, 1)));
  const say = p.ratio ? percent : number;
  const drawn = s('svg', { viewBox: `0 0 ${width} ${PLOT.height}`, role: 'img', 'aria-label': spokenPerformance(p, say) },
    ticks(0, highest).map((value) => [
      s('path', { class: 'grid', d: `M${PLOT.left} ${y(value)}H${width - PLOT.right}` }),
      s('text', { x: PLOT.left - 8, y: y(value) + 4, 'text-anchor': 'end' }, say(value)),
    ]).flat(),
    timeTicks(first, end, inner).map((ms) => s('text', { x: x(ms), y: PLOT.height - 6, 'text-anchor': 'middle' }, time(ms))),
    levelLines(levels, y, width, say),
    runsOf(p).map((run) => (run.length === 1
      ? [s('path', { class: 'cross', d: `M${x(run[0][0])} ${y(run[0][3])}V${y(run[0][4])}` }), s('circle', { class: 'lone', cx: x(run[0][0]), cy: y(run[0][2]), r: 2.5 })]
      : [
        s('path', { class: 'band', d: `M${run.map((q) => `${x(q[0])} ${y(q[4])}`).join('L')}L${[...run].reverse().map((q) => `${x(q[0])} ${y(q[3])}`).join('L')}Z` }),
        s('path', { class: 'line', d: `M${run.map((q) => `${x(q[0])} ${y(q[2])}`).join('L')}` }),
      ])).flat());
  const cross = s('path', { class: 'cross', d: '' });
  drawn.append(cross);
  readable(drawn, p, x, cross, say);
  return drawn;
}

function expectedLevels(p) {
  const levels = Object.entries(p.allowed).map(([severity, value]) => ({ name: severity, severity, value }));
  if (known(p.reference)) levels.push({ name: 'reference', severity: null, value: p.reference });
  return levels.sort((a, b) => a.value - b.value);
}

/** Lines across, and their names at the right, pushed apart where they would touch. */
function levelLines(levels, y, width, say) {
  let free = Infinity;
  return levels.flatMap((level) => {
    const label = Math.min(y(level.value) + 4, free - 13);
    free = label;
    return [
      s('path', { class: level.severity ? `allowed ${level.severity}` : 'expected', fill: 'none', d: `M${PLOT.left} ${y(level.value)}H${width - PLOT.right}` }),
      s('text', { class: level.severity || '', x: width - PLOT.right + 7, y: label }, `${level.name} ${say(level.value)}`),
    ];
  });
}

/** Runs of points without a gap between them. */
function runsOf(p) {
  const runs = [];
  p.points.forEach((point, i) => {
    if (!i || point[0] - p.points[i - 1][0] > 1.5 * p.step_ms) runs.push([]);
    runs[runs.length - 1].push(point);
  });
  return runs;
}

function timeTicks(first, end, pixels) {
  const wanted = (end - first) / 1000 / Math.max(1, Math.floor(pixels / 105));
  const step = 1000 * (TIME_STEPS.find((candidate) => candidate >= wanted) || wanted);
  const found = [];
  for (let ms = Math.ceil(first / step) * step; ms <= end; ms += step) found.push(ms);
  return found;
}

/** The point under the pointer, in words, above the picture. */
function readable(drawn, p, x, cross, say) {
  const read = byId('performance-read');
  const rest = say === percent ? 'with its 95 % Wilson interval' : 'with its 95 % interval';
  const idle = () => {
    read.textContent = `${p.measure} per ${duration(p.step_ms)}, ${rest}`;
    cross.setAttribute('d', '');
  };
  drawn.addEventListener('pointermove', (event) => {
    const at = event.clientX - drawn.getBoundingClientRect().left;
    const q = p.points.reduce((best, point) => (Math.abs(x(point[0]) - at) < Math.abs(x(best[0]) - at) ? point : best));
    read.textContent = `${time(q[0])}: ${say(q[2])}, between ${say(q[3])} and ${say(q[4])}, of ${plural(q[1], 'label', 'labels')}`;
    cross.setAttribute('d', `M${x(q[0])} ${PLOT.top}V${PLOT.height - PLOT.bottom}`);
  });
  drawn.addEventListener('pointerleave', idle);
  idle();
}

function spokenPerformance(p, say) {
  const q = p.points[p.points.length - 1];
  const expected = known(p.reference) ? `; the reference has ${say(p.reference)}` : '';
  return `${p.measure} over time, now ${say(q[2])}, between ${say(q[3])} and ${say(q[4])}${expected}`;
}
