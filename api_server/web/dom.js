// What the pages make elements with.

export const byId = (id) => document.getElementById(id);

// An element with a class, and text or children.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}
