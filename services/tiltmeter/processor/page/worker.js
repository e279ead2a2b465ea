// The partitions this worker joins: how far each is, and what waits.

const COUNTED = { rejected: 'rejected', late: 'late', duplicate_predictions: 'duplicates', conflicting_predictions: 'conflicts', expired: 'expired', orphaned: 'orphaned' };

function renderWorker(status) {
  const partitions = Object.entries(status.partitions);
  show(byId('worker'), [partitions, status.watching, status.catching_up], () => {
    const watching = h('p', { class: 'soft small' }, status.watching.length
      ? `Watches the models of panes ${status.watching.length === 1 ? 'partition' : 'partitions'} ${status.watching.join(', ')}${status.catching_up.length ? `; catching up on ${status.catching_up.join(', ')}` : ''}.`
      : 'Watches no models.');
    if (!partitions.length) return [watching, h('p', { class: 'soft small' }, 'Joins no partition.')];
    return [partitionTable(partitions), watching];
  });
}

function partitionTable(partitions) {
  const columns = ['partition', 'predictions up to', 'feedback up to', 'waiting for a label', 'labels waiting', 'open panes', 'unconfirmed', 'set aside'];
  return h('table', {}, h('caption', { class: 'unseen' }, 'Partitions this worker joins'),
    h('thead', {}, h('tr', {}, columns.map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, partitions.map(([p, state]) => h('tr', {},
      [p, time(state.watermarks.predictions), time(state.watermarks.feedback), count(state.pending.predictions), count(state.pending.feedback),
        count(state.open_panes), count(state.unconfirmed_panes), setAside(state.counters)].map((cell) => h('td', {}, cell))))));
}

/** Counters are named name U+001F label U+001F label. */
function setAside(counters) {
  const sums = {};
  for (const [name, n] of Object.entries(counters)) {
    const kind = COUNTED[name.split('\u001f')[0]];
    if (kind && n) sums[kind] = (sums[kind] || 0) + n;
  }
  return Object.entries(sums).map(([kind, n]) => `${count(n)} ${kind}`).join(', ') || 'nothing';
}
