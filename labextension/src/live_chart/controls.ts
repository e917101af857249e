// The buttons around the plot, each reachable by keyboard and named for those who hear the page.

export function element<K extends keyof HTMLElementTagNameMap>(
  kind: K,
  attributes: Record<string, string> = {},
  ...inside: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

/** A row of tabs: one is in the tab order, arrows, Home and End move along. */
export class Tabs {
  readonly row = element("div", { role: "tablist", class: "mlops-tabs" });
  private buttons = new Map<string, HTMLButtonElement>();

  constructor(
    private panel: HTMLElement,
    private onChoose: (key: string) => void,
    words: string,
  ) {
    this.row.setAttribute("aria-label", words);
    this.row.addEventListener("keydown", (event) => this.move(event));
  }

  /** Adds what is missing; `last` stays at the end. */
  update(keys: [key: string, words: string][]): void {
    keys.forEach(([key, words], place) => {
      let button = this.buttons.get(key);
      if (!button) {
        button = element("button", { type: "button", role: "tab", tabindex: "-1", title: words }, words);
        button.setAttribute("aria-controls", this.panel.id);
        button.addEventListener("click", () => this.onChoose(key));
        this.buttons.set(key, button);
      }
      if (this.row.children[place] !== button) this.row.insertBefore(button, this.row.children[place] ?? null);
    });
  }

  choose(key: string): void {
    for (const [other, button] of this.buttons) {
      button.setAttribute("aria-selected", String(other === key));
      button.tabIndex = other === key ? 0 : -1;
    }
  }

  private move(event: KeyboardEvent): void {
    const all = [...this.row.children] as HTMLButtonElement[];
    const here = all.indexOf(event.target as HTMLButtonElement);
    const there = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (here < 0 || there === undefined) return;
    // Neither the page nor the notebook's own shortcuts are meant.
    event.preventDefault();
    event.stopPropagation();
    const next = all[(there + all.length) % all.length];
    next.focus();
    next.click();
  }
}

export function slider(words: string, title: string, onChange: (value: number) => void): HTMLElement {
  const input = element("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: "0" });
  const said = element("output", {}, "0");
  input.addEventListener("input", () => {
    said.value = input.value;
    onChange(Number(input.value));
  });
  return element("label", { title }, words, input, said);
}

export function toggle(words: string, onChange: (on: boolean) => void): HTMLElement {
  const input = element("input", { type: "checkbox" });
  input.addEventListener("change", () => onChange(input.checked));
  return element("label", {}, input, words);
}

export function choice(words: string, options: [value: string, words: string][], onChange: (value: string) => void) {
  const select = element(
    "select",
    { "aria-label": words },
    ...options.map(([value, shown]) => element("option", { value }, shown)),
  );
  select.addEventListener("change", () => onChange(select.value));
  return { label: element("label", {}, select), select };
}
