// Keyboard and theme.

function startKeys(changed) {
  const links = () => [...byId('models').querySelectorAll('a')];
  const move = (by) => {
    const all = links();
    const from = all.includes(document.activeElement) ? all.indexOf(document.activeElement) : all.findIndex((a) => a.hasAttribute('aria-current')) - (by > 0 ? 1 : -1);
    const next = all[Math.min(Math.max(from + by, 0), all.length - 1)];
    if (next) next.focus();
  };
  const toList = () => (links().find((a) => a.hasAttribute('aria-current')) || links()[0] || document.body).focus();
  const actions = {
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), Escape: toList,
    '/': () => { if (!byId('filter').hidden) byId('filter').focus(); },
    '?': () => byId('keys').showModal(), t: switchTheme,
    w: () => {
      const inputs = [...byId('windows').querySelectorAll('input')];
      if (inputs.length) inputs[(inputs.findIndex((i) => i.checked) + 1) % inputs.length].click();
    },
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId('keys').open) return;
    const typing = event.target.matches('input[type=search]');
    if (typing && event.key !== 'Escape' && event.key !== 'ArrowDown') return;
    // Arrows scroll and choose windows elsewhere; in the list they walk.
    if (event.key.startsWith('Arrow') && !typing && !event.target.closest('nav')) return;
    const action = Object.hasOwn(actions, event.key) && actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  byId('models').addEventListener('click', (event) => {
    // Opened by key or by pointer: reading goes on at the model.
    if (event.target.closest('a')) requestAnimationFrame(() => byId('name').focus());
  });
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault(); // the address names the model
    byId('main').focus();
  });
  byId('worst-link').addEventListener('click', (event) => {
    // To its line among the others; opened in another tab, the address is that of the segment itself.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const line = [...byId('segments').querySelectorAll('a')].find((a) => a.hash === event.currentTarget.hash);
    if (!line) return;
    event.preventDefault();
    line.scrollIntoView({ block: 'center' });
    line.focus({ preventScroll: true });
  });
  byId('filter').addEventListener('input', changed);
  byId('all-features').addEventListener('click', () => { view.all = !view.all; changed(); });
  byId('theme').addEventListener('click', switchTheme);
  byId('help').addEventListener('click', () => byId('keys').showModal());
  for (const severity of Object.keys(SHAPES)) byId(`sign-${severity}`).append(sign(severity, false));
}

function switchTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  setTheme(dark ? 'light' : 'dark');
}

function setTheme(theme) {
  if (theme !== 'light' && theme !== 'dark') return;
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem('tiltmeter-theme', theme); } catch { /* private window: it lasts as long as the page */ }
}

function rememberedTheme() {
  try { return localStorage.getItem('tiltmeter-theme'); } catch { return null; }
}
