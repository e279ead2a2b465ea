// Asking the worker every two seconds, while somebody looks, and saying so when it does not answer.

const EVERY_MS = 2000;
const STALE_MS = 6000;
const PATIENCE_MS = 8000;
const heard = { status: null, detail: null, at: 0, asking: false, again: false };

const chosen = () => location.hash.slice(1) || null;
const chosenModel = () => heard.status && heard.status.models.find((m) => isOf(chosen(), m));

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

async function poll() {
  if (document.hidden) return;
  heard.again = heard.asking;
  if (heard.asking) return;
  heard.asking = true;
  try {
    heard.status = await ask('status.json');
    if (!chosenModel() && !chosen() && heard.status.models.length) {
      history.replaceState(null, '', `#${idOf(worstFirst(heard.status.models)[0])}`);
    }
    const m = chosenModel();
    if (m) {
      const window = Object.hasOwn(m.windows, view.window || '') ? view.window : m.detection_window;
      const measures = view.measured.size ? '1' : '0';
      heard.detail = await ask(`model.json?${new URLSearchParams({ model: m.model, version: m.version, segment: m.segment, window, measures })}`);
    }
    heard.at = Date.now();
  } catch { /* shown by its age */ }
  heard.asking = false;
  render();
  if (heard.again) poll();
}

function render() {
  const { status, detail } = heard;
  showAge();
  if (!status) return;
  const m = chosenModel();
  byId('version').textContent = status.version;
  speak(status.alerts);
  renderModels(status.models, chosen());
  byId('nothing').hidden = Boolean(m);
  byId('model').hidden = !m;
  if (m) renderModel(m, status.models, detail, poll);
  else if (status.models.length) show(byId('nothing'), chosen(), () => empty('This worker does not watch that model.', 'Another worker may own it now, or its name has changed. Choose one from the list.'));
  else renderNothing(status);
  renderWorker(status);
  const firing = status.models.reduce((sum, model) => sum + model.firing.length, 0);
  document.title = firing ? `(${firing}) Tiltmeter` : 'Tiltmeter';
}

/** How old everything on the page is. */
function showAge() {
  const age = Date.now() - heard.at;
  const stale = age > STALE_MS && !document.hidden && performance.now() > STALE_MS;
  const live = byId('live');
  live.setAttribute('class', `live ${stale ? 'off' : document.hidden ? 'paused' : ''}`);
  const text = !heard.at ? 'connecting…' : stale ? 'no answer' : document.hidden ? 'paused' : `live · ${time(heard.at)} UTC`;
  if (live.textContent !== text) live.textContent = text;
  document.body.classList.toggle('is-stale', stale);
  const banner = byId('stale');
  if (stale && banner.hidden) {
    const since = heard.at ? `What you see is from ${moment(heard.at)}.` : 'Nothing has been read yet.';
    banner.textContent = `The worker does not answer. ${since} Check that tiltmeter run is alive; this page goes on asking.`;
  }
  banner.hidden = !stale;
}

setTheme(rememberedTheme());
startKeys(() => { render(); });
addEventListener('hashchange', () => { view.all = false; closeMeasures(); render(); poll(); });
addEventListener('resize', () => render());
document.addEventListener('visibilitychange', () => { showAge(); poll(); });
setInterval(poll, EVERY_MS);
setInterval(showAge, 1000);
poll();
