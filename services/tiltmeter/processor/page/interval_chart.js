// What is proved of a drift: from at least to at most, the estimate as a stroke, the tolerances dashed.

const INTERVAL = { width: 300, height: 20 };

/** `furthest` is the distance at the right end, the same for all features so that lengths compare. */
function intervalPicture(drift, tolerances, furthest) {
  const x = (value) => round(INTERVAL.width * Math.min(Math.max(value, 0) / furthest, 1));
  const [middle, low] = [INTERVAL.height / 2, drift.at_least || 0];
  const high = known(drift.at_most) ? drift.at_most : 0;
  return s('svg', { class: `interval ${levelOf(drift, tolerances) || 'plain'}`, viewBox: `0 0 ${INTERVAL.width} ${INTERVAL.height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('path', { class: 'axis-line', d: `M0 ${middle}H${INTERVAL.width}` }),
    s('rect', { x: x(low), y: middle - 3, width: Math.max(x(high) - x(low), 0), height: 6, fill: 'currentColor', opacity: 0.4 }),
    low > 0 ? s('rect', { x: x(low), y: middle - 6, width: 2, height: 12, fill: 'currentColor' }) : null,
    known(drift.sample_low) ? s('rect', { class: 'dot', x: x(drift.sample_low) - 2, y: middle - 3, width: 4, height: 6 }) : null,
    Object.values(tolerances).map((t) => s('path', { class: 'tolerance', d: `M${x(t)} 0V${INTERVAL.height}` })));
}

/** The severity of the largest tolerance that the drift is proved to exceed; null if none. */
function levelOf(drift, tolerances) {
  const passed = Object.entries(tolerances).filter(([, tolerance]) => (drift.at_least || 0) > tolerance);
  return passed.length ? passed.reduce((a, b) => (b[1] > a[1] ? b : a))[0] : null;
}
