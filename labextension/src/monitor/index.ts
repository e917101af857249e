// The browser half of widgets/monitor.py, as anywidget loads it.

import { Store } from "./store";
import { View } from "./view";
import type { Message } from "./wire";

interface Model {
  get(name: string): unknown;
  send(content: unknown): void;
  on(name: "msg:custom", listener: (content: Message, buffers: DataView[]) => void): void;
  off(name: "msg:custom", listener: (content: Message, buffers: DataView[]) => void): void;
}

// `initialize` and `render` get the same model each, but not the same object.
const stores = new Map<string, Store>();

function initialize({ model }: { model: Model }) {
  const key = String(model.get("_key"));
  const store = new Store(Number(model.get("range_s")), (content) => model.send(content));
  const listen = (content: Message, buffers: DataView[]) => store.take(content, buffers);
  stores.set(key, store);
  model.on("msg:custom", listen);
  return () => {
    model.off("msg:custom", listen);
    stores.delete(key);
  };
}

function render({ model, el }: { model: Model; el: HTMLElement }) {
  const view = new View(
    stores.get(String(model.get("_key")))!,
    String(model.get("title")),
    Number(model.get("range_s")),
  );
  el.append(view.root);
  return () => view.destroy();
}

export default { initialize, render };
