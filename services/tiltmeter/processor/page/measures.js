// Further measures of one feature, below its picture, for whoever asks.

/** What a refresh must not rebuild, because somebody may have opened it. */
function frame(d, changed) {
  const title = d.output ? 'predictions' : d.name;
  const further = h('details', { class: 'further', open: view.measured.has(d.name) },
    h('summary', {}, 'More measures', h('span', { class: 'unseen' }, ` of ${title}`)), h('div', {}));
  further.addEventListener('toggle', () => {
    if (further.open === view.measured.has(d.name)) return;
    view.measured[further.open ? 'add' : 'delete'](d.name);
    changed();
  });
  return h('section', { 'aria-label': title }, h('div', { class: 'body' }), further);
}

function measureRows(of) {
  const p = (value) => (known(value) ? value < 1e-4 ? 'p < 0.0001' : `p = ${value.toFixed(4)}` : '–');
  const row = (name, value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
  return [
    h('dl', {},
      row('Population stability index', number(of.psi)),
      row('Jensen-Shannon distance', number(of.jensen_shannon)),
      row('Hellinger distance', number(of.hellinger)),
      row('Kullback-Leibler divergence', number(of.kullback_leibler)),
      known(of.wasserstein) ? row('Wasserstein distance', number(of.wasserstein)) : null,
      of.normal_scores ? row('z, normal scores', `${number(of.normal_scores.z)}, ${p(of.normal_scores.p_value)}`) : null,
      of.chi_square ? row(`χ², ${plural(of.chi_square.degrees, 'degree', 'degrees')}`, `${number(of.chi_square.statistic)}, ${p(of.chi_square.p_value)}`) : null,
      of.ks_p_value ? row('KS, at most', p(of.ks_p_value[1])) : null),
    h('p', {}, 'Nothing alarms on these. A p-value is of one look, at rows that do not depend on each other.'),
  ];
}

/** Another model's cards are new, also where a feature has the same name. */
function closeMeasures() {
  view.measured.clear();
  for (const further of document.querySelectorAll('.further[open]')) further.open = false;
}
