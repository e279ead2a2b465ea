// Making elements. Names of models, features and classes are hostile: they become text nodes, never markup.

const SVG = 'http://www.w3.org/2000/svg';
const byId = (id) => document.getElementById(id);

/** An HTML element; strings among `children` become text. */
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Fill `element` anew, but only if what it is made from has changed: selections and scrolling survive. */
function show(element, made_from, build) {
  const key = JSON.stringify(made_from);
  if (element.shown === key) return;
  element.shown = key;
  element.replaceChildren(...[build()].flat(3).filter((child) => child !== null && child !== undefined));
}

/** Children of `parent` by key, in the order of `items`. Those that stay are kept, with their focus and state. */
function keyed(parent, items, keyOf, build) {
  const before = new Map([...parent.children].map((child) => [child.key, child]));
  const after = items.map((item) => {
    const key = keyOf(item);
    const element = before.get(key) || build(item);
    element.key = key;
    return element;
  });
  const staying = new Set(after);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  after.forEach((element, place) => {
    if (parent.children[place] !== element) parent.insertBefore(element, parent.children[place] || null);
  });
}

const UNSAID = { ok: 'nothing fires', unknown: 'nothing to compare with' };
const SEVERITIES = ['critical', 'warning', 'info', 'ok'];
const SHAPES = {
  critical: 'M8 0 16 8 8 16 0 8Z',
  warning: 'M8 1 16 15H0Z',
  info: 'M8 1a7 7 0 1 0 .01 0Z',
  ok: 'M8 4a4 4 0 1 0 .01 0Z',
  unknown: 'M8 3.6a4.4 4.4 0 1 0 .01 0ZM8 5.4a2.6 2.6 0 1 1-.01 0Z',
};

/** The sign of a severity: by shape as well as by colour. */
function sign(severity, label = true) {
  const known = SHAPES[severity] ? severity : 'info';
  const drawn = s('svg', { viewBox: '0 0 16 16', class: `sign ${known}` }, s('path', { d: SHAPES[known], 'fill-rule': 'evenodd' }));
  if (label) fill(drawn, { role: 'img', 'aria-label': UNSAID[known] || known }, []);
  else drawn.setAttribute('aria-hidden', 'true');
  return drawn;
}

/** What to do when there is nothing to see. */
function empty(title, text, code) {
  return h('div', { class: 'empty' }, h('p', {}, h('strong', {}, title)), text ? h('p', { class: 'soft' }, text) : null,
    code ? h('pre', {}, code) : null);
}
