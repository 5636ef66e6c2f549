// Helpers for the elements of the page.

export const byId = (id) => document.getElementById(id);

/** Changes the text only if it differs: an equal text would still notify screen readers. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Shows the result of an action; `wrong` marks it as an error. */
export function showResult(id, text, wrong = false) {
  const target = byId(id);
  target.classList.toggle("wrong", wrong);
  setText(target, text);
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
