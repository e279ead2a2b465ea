// Reference and window of one feature drawn over each other: grey area and blue line.

const PICTURE = { width: 300, height: 96, tail: 13, gap: 5 };
/** A bar this many times higher than the third highest is cut off: one value must not flatten all others. */
const SPIKE = 8;

const total = (bars, side) => bars.reduce((sum, bar) => sum + bar[side], 0);

function distributionPicture(d) {
  if (d.kind === 'numeric') return numericPicture(d);
  if (d.kind === 'categories') return categoriesPicture(d);
  return [h('p', { class: 'soft small' }, 'The reference holds no finite value of this feature.')];
}

function numericPicture(d) {
  const place = d.scale === 'log' ? Math.log10 : (x) => x;
  const rows = [0, 1].map((side) => total(d.bars, 2 + side) + d.below[side] + d.above[side]);
  const from = place(d.bars[0][0]);
  const to = place(d.bars[d.bars.length - 1][1]);
  const [left, right] = [d.below, d.above].map((tail) => (tail[0] + tail[1] ? PICTURE.tail + PICTURE.gap : 0));
  const scale = (PICTURE.width - left - right) / (to - from || 1);
  const x = (value) => left + (place(value) - from) * scale;
  // Density: rows per unit of width, so that wide bars do not look like many rows.
  const boxes = d.bars.map(([a, b, ...n]) => ({ start: x(a), end: x(b), n }));
  if (left) boxes.unshift({ start: 0, end: PICTURE.tail, n: d.below, apart: true });
  if (right) boxes.push({ start: PICTURE.width - PICTURE.tail, end: PICTURE.width, n: d.above, apart: true });
  const heights = boxes.map((box) => box.n.map((n, side) => (rows[side] ? n / rows[side] / Math.max(box.end - box.start, 1e-9) : 0)));
  const sorted = heights.flat().sort((a, b) => b - a);
  const top = Math.min(sorted[0], SPIKE * (sorted[2] || sorted[0])) || 1;
  const y = (density) => PICTURE.height * (1 - Math.min(density / top, 1) * 0.96);
  const outline = (side) => parts(boxes).map((part) => {
    const steps = part.map((i) => `L${round(boxes[i].start)} ${round(y(heights[i][side]))}L${round(boxes[i].end)} ${round(y(heights[i][side]))}`);
    const [first, last] = [boxes[part[0]], boxes[part[part.length - 1]]];
    return `M${round(first.start)} ${PICTURE.height}${steps.join('')}L${round(last.end)} ${PICTURE.height}`;
  }).join('');
  const drawn = s('svg', { class: 'picture', viewBox: `0 0 ${PICTURE.width} ${PICTURE.height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('path', { class: 'reference-area', d: outline(0) }),
    rows[1] ? s('path', { class: 'current-area', d: outline(1) }) : null,
    rows[1] ? s('path', { class: 'current-line', d: outline(1) }) : null,
    s('path', { class: 'axis-line', d: `M0 ${PICTURE.height}H${PICTURE.width}` }));
  const axis = h('div', { class: 'axis' }, h('span', {}, (left ? '‹ ' : '') + compact(d.range[0])),
    d.scale === 'log' ? h('span', {}, 'logarithmic') : null, h('span', {}, compact(d.range[1]) + (right ? ' ›' : '')));
  return [drawn, axis];
}

/** Runs of boxes that touch: the tails stand apart. */
function parts(boxes) {
  const runs = [[]];
  boxes.forEach((box, i) => {
    if (i && (box.apart || boxes[i - 1].apart)) runs.push([]);
    runs[runs.length - 1].push(i);
  });
  return runs;
}

function categoriesPicture(d) {
  const rows = [...d.rows];
  if (d.rest[0] + d.rest[1]) rows.push([d.rest_of ? `${d.rest_of} more, unseen` : 'unseen', ...d.rest]);
  const sums = [1, 2].map((side) => total(rows, side));
  const share = (row, side) => (sums[side - 1] ? row[side] / sums[side - 1] : 0);
  const widest = Math.max(...rows.flatMap((row) => [share(row, 1), share(row, 2)]), 1e-9);
  const bar = (row, side, attributes) => s('rect', { x: 0, width: round(100 * share(row, side) / widest), ...attributes });
  return [h('div', { class: 'rows' }, rows.flatMap((row) => [
    h('span', { class: 'label', title: row[0] }, row[0]),
    s('svg', { viewBox: '0 0 100 13', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      bar(row, 1, { y: 0, height: 13, class: 'reference-area' }), bar(row, 2, { y: 4, height: 5, fill: 'var(--current)' })),
    h('span', { class: 'share' }, sums[1] ? `${Math.round(100 * share(row, 1))} → ${Math.round(100 * share(row, 2))} %` : `${Math.round(100 * share(row, 1))} %`),
  ]))];
}

const round = (x) => Math.round(x * 100) / 100;
