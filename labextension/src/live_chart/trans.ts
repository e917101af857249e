// Words for the reader: JupyterLab's own translation bundle where a view is in one of its tabs, else English.

/** What the views need of a bundle; `%1` and so on stand for what is put in, in `_n` the first for the number. */
export interface Trans {
  __(words: string, ...inside: (string | number)[]): string;
  _n(one: string, several: string, count: number, ...inside: (string | number)[]): string;
}

export const english: Trans = {
  __: (words, ...inside) => filled(words, inside),
  _n: (one, several, count, ...inside) => filled(count === 1 ? one : several, [count, ...inside]),
};

function filled(words: string, inside: (string | number)[]): string {
  return words.replace(/%(\d)/g, (sign, place) => String(inside[Number(place) - 1] ?? sign));
}
