// Pieces that the sections are made of.

/** An element with text, which stays text whatever is in it. */
export function part<K extends keyof HTMLElementTagNameMap>(
  kind: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

export function button(words: string, title: string, act: () => void): HTMLButtonElement {
  const made = part("button", "mlops-Button", words);
  made.type = "button";
  made.title = title;
  made.addEventListener("click", act);
  return made;
}

/** A small button of JupyterLab's own looks. */
export function small(label: string, caption: string, act: () => void = () => undefined): HTMLButtonElement {
  const made = part("button", "jp-mod-styled mlops-Small", label);
  made.type = "button";
  if (caption) {
    made.title = caption;
  }
  made.onclick = act;
  return made;
}

/** Said where there is nothing to show: why, and what makes something. */
export function empty(words: string, line: string, ...buttons: HTMLButtonElement[]): HTMLElement {
  const made = part("div", "mlops-Empty");
  made.append(part("p", "", words));
  if (line) {
    made.append(part("code", "mlops-Line", line));
  }
  made.append(...buttons);
  return made;
}
