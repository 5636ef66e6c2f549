// Shows /openapi.json: one line for each operation, with its parameters, bodies and answers below.

const METHODS = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete'];
const READING = ['get', 'head', 'options'];

/** An element with a class, and with children that are elements or texts. */
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** The text with what stands between backticks as code. */
function rich(text) {
  const parts = text.split('`').map((part, index) => (index % 2 ? element('code', '', part) : part));
  return element('p', '', ...parts);
}

/** The schema without references. A schema within itself stays a name. */
function resolved(schema, root, within = []) {
  if (Array.isArray(schema)) return schema.map((part) => resolved(part, root, within));
  if (schema === null || typeof schema !== 'object') return schema;
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.split('/').pop();
    if (within.includes(name)) return name;
    return resolved(root.components.schemas[name], root, [...within, name]);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value, root, within)]));
}

/** A schema in short: objects with the types of their properties. */
function shape(schema) {
  if (typeof schema !== 'object' || schema === null) return String(schema);
  const { allOf, oneOf, anyOf, properties, items, type } = schema;
  if (schema.enum) return schema.enum.join(' | ');
  if (allOf) return Object.assign({}, ...allOf.map(shape).filter((part) => typeof part === 'object'));
  if (oneOf || anyOf) {
    const shapes = (oneOf ?? anyOf).map(shape);
    return shapes.every((part) => typeof part === 'string') ? shapes.join(' | ') : { 'one of': shapes };
  }
  if (properties) {
    return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, described(value)]));
  }
  if (items) return [shape(items)];
  if (schema.additionalProperties) return { '...': shape(schema.additionalProperties) };
  return type ? [type].flat().join(' | ') : 'any';
}

/** The shape of a property: with its bounds and its description, if it is a plain value. */
function described(schema) {
  const plain = shape(schema);
  if (typeof plain !== 'string') return plain;
  const { minimum, maximum, description } = schema;
  const bounds = minimum === undefined || maximum === undefined ? '' : `, ${minimum} to ${maximum}`;
  return `${plain}${bounds}${description ? `: ${description.split('\n')[0]}` : ''}`;
}

/** The content types of a body, each with its schema behind a click. */
function contents(content, root) {
  return Object.entries(content ?? {}).map(([type, { schema }]) => {
    if (!schema) return element('p', 'soft', type);
    const text = JSON.stringify(shape(resolved(schema, root)), null, 2);
    return element('details', '', element('summary', '', type), element('pre', '', text));
  });
}

/** A list of terms, each with elements that describe it; nothing if it has none. */
function list(title, entries) {
  if (entries.length === 0) return [];
  const terms = entries.flatMap(([term, ...about]) => [element('dt', '', term), element('dd', '', ...about)]);
  return [element('h2', '', title), element('dl', '', ...terms)];
}

function answer([status, given], root) {
  const { description, headers, content } = given.$ref ? root.components.responses[given.$ref.split('/').pop()] : given;
  const named = Object.entries(headers ?? {}).map(([name, header]) => rich(`\`${name}\`: ${header.description ?? ''}`));
  return [status, rich(description), ...named, ...contents(content, root)];
}

function operation(method, path, about, root) {
  const kind = READING.includes(method) ? 'method' : 'method change';
  const line = element('summary', '', element('span', kind, method.toUpperCase()),
    element('code', 'path', path), element('span', 'text', about.summary ?? ''));
  const tokens = (about.security ?? []).flatMap((one) => Object.keys(one));
  const access = tokens.map((name) => [name, rich(root.components.securitySchemes[name].description)]);
  const parameters = (about.parameters ?? []).map((one) => [one.name, rich(`${one.description} (${one.in})`)]);
  const body = contents(about.requestBody?.content, root);
  const shown = element('details', 'operation', line);
  // The rest is made at the first click.
  shown.addEventListener('toggle', () => shown.append(
    ...(about.description ? [rich(about.description)] : []),
    ...list('Access', access),
    ...list('Parameters', parameters),
    ...(body.length ? [element('h2', '', 'Body'), ...body] : []),
    ...list('Answers', Object.entries(about.responses).map((one) => answer(one, root))),
  ), { once: true });
  shown.dataset.words = `${method} ${path} ${about.summary ?? ''}`.toLowerCase();
  return shown;
}

function show(root) {
  document.title = `${root.info.title}: endpoints`;
  document.getElementById('title').textContent = `${root.info.title} ${root.info.version}`;
  const paragraphs = root.info.description.trim().split('\n\n').map(rich);
  document.getElementById('about').replaceWith(...paragraphs);
  const all = Object.entries(root.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method])
    .map((method) => operation(method, path, item[method], root)));
  document.getElementById('operations').replaceChildren(...all);
  document.getElementById('filter').addEventListener('input', ({ target }) => {
    const wanted = target.value.toLowerCase();
    for (const one of all) one.hidden = !one.dataset.words.includes(wanted);
  });
}

try {
  const response = await fetch('openapi.json');
  if (!response.ok) throw new Error(`status ${response.status}`);
  show(await response.json());
} catch (error) {
  document.getElementById('operations').textContent = `The description cannot be shown: ${error.message}`;
}
