/**
 * The few things that the dashboard does to the document. Text only ever becomes text nodes: what a
 * stranger has written is never parsed as HTML.
 *
 * @module
 */

/** A child of an element; `undefined` is none. */
export type Child = Node | string | undefined;

/** Makes an element. An attribute that is `true` has no value, one that is `undefined` is left out. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | true | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An element that the page has for certain. */
export function byId<E extends HTMLElement>(id: string, type: abstract new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new TypeError(`Cannot find #${id} as ${type.name}`);
}

/** Any element that the page has for certain. */
export function place(id: string): HTMLElement {
  return byId(id, HTMLElement);
}

/** Sets the text of an element, and leaves the document alone where it has that already. */
export function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A part of a whole as the length of a bar. A style attribute in markup would break the page's CSP. */
export function setPart(element: HTMLElement, property: "left" | "width", part: number): void {
  element.style.setProperty(property, `${(part * 100).toFixed(2)}%`);
}

const work = new Map<unknown, () => void>();

/** Does something before the next frame; of what has the same key, only the last. */
export function onFrame(key: unknown, task: () => void): void {
  if (work.size === 0) {
    requestAnimationFrame(() => {
      const tasks = [...work.values()];
      work.clear();
      for (const task of tasks) task();
    });
  }
  work.set(key, task);
}

/** The children of an element, one for each item of a list, kept as long as its key is in the list. */
export class Keyed<Item, Element extends HTMLElement> {
  #elements = new Map<string, Element>();

  /**
   * @param parent Has no other children.
   * @param key Two items of a list never have the same.
   * @param make Makes the element of an item.
   * @param update Brings it up to date; not called where an item never changes.
   */
  constructor(
    readonly parent: HTMLElement,
    readonly key: (item: Item) => string,
    readonly make: (item: Item) => Element,
    readonly update?: (element: Element, item: Item) => void,
  ) {}

  /** Shows a list. Elements that stay are not touched, so that focus and hover stay with them. */
  show(items: readonly Item[]): void {
    const keys = new Set(items.map(this.key));
    // First, or else those that stay would have to be moved past them.
    for (const [key, element] of this.#elements) {
      if (keys.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
    let next: ChildNode | null = null;
    // Backwards: each goes in front of the one behind it.
    for (const item of items.toReversed()) {
      const key = this.key(item);
      const element: Element = this.#elements.get(key) ?? this.make(item);
      this.#elements.set(key, element);
      this.update?.(element, item);
      if (element.parentNode !== this.parent || element.nextSibling !== next) {
        this.parent.insertBefore(element, next);
      }
      next = element;
    }
  }
}

/** A row of a table. Roles are said aloud, since narrow screens show rows as blocks. */
export function row(...cells: readonly HTMLTableCellElement[]): HTMLTableRowElement {
  return h("tr", { role: "row" }, ...cells);
}

/** A cell of it. */
export function cell(name: string, ...children: readonly Child[]): HTMLTableCellElement {
  return h("td", { role: "cell", class: name }, ...children);
}

/** Runs when neither quicker nor often: `task` follows the last of many calls by `milliseconds`. */
export function settled(milliseconds: number, task: () => void): () => void {
  let timer: number | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(task, milliseconds);
  };
}
