// Numbers and times as people read them. Times are event times in UTC, whatever the clock of whoever looks.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, notation: 'compact' });
const three = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

const known = (x) => typeof x === 'number' && Number.isFinite(x);
const count = (n) => (known(n) ? whole.format(n) : '–');
const compact = (x) => (known(x) ? short.format(x) : '–');
const number = (x) => {
  if (!known(x)) return '–';
  return Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-4) ? x.toExponential(2) : three.format(x);
};
const percent = (x) => (known(x) ? `${three.format(100 * x)} %` : '–');
const distance = (x) => (known(x) ? x.toFixed(3) : '–');
const time = (ms) => (known(ms) ? new Date(ms).toISOString().slice(11, 19) : '–');
const moment = (ms) => (known(ms) ? `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC` : '–');

function duration(ms) {
  if (!known(ms)) return '–';
  for (const [unit, name] of [[86400000, 'd'], [3600000, 'h'], [60000, 'min']]) {
    if (ms >= 2 * unit) return `${Math.round(ms / unit)} ${name}`;
  }
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
const KINDS = {
  feature_drift: 'drift', prediction_drift: 'drift of predictions', label_drift: 'drift of labels', joint_drift: 'joint drift', performance: 'performance',
  adwin_gate: 'ADWIN gate', data_quality: 'data quality', drift_and_performance: 'drift that hurts', outliers: 'outliers',
  concept_drift: 'concept drift', estimated_performance: 'estimated performance', label_coverage: 'label coverage', monitor: 'monitor',
};
const kindOf = (alert) => KINDS[alert.kind] || alert.kind;
const WHOLE = new Map([['(prediction)', 'predictions'], ['(label)', 'labels'], ['(features)', 'features']]);
const subjectOf = (alert) => WHOLE.get(alert.subject) || alert.subject.replaceAll('_', ' ');

/** Round numbers that cut [low, high] into about `n` parts. */
function ticks(low, high, n = 4) {
  const rough = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((candidate) => candidate >= rough);
  const found = [];
  for (let x = Math.ceil(low / step) * step; x <= high + step * 1e-9; x += step) found.push(x);
  return found;
}
