// Tabs of the main area, and where there is no room for any.
import { Dialog, type MainAreaWidget } from "@jupyterlab/apputils";
import type { Place } from "./calling";

/** Show a tab; where there is room for the notebook alone, as in Notebook 7, its content in a dialog. */
export function shown(place: Place, tab: MainAreaWidget): void {
  const { shell } = place.app;
  if (!tab.isAttached) {
    shell.add(tab, "main");
  }
  if (tab.isAttached) {
    shell.activateById(tab.id);
    return;
  }
  tab.content.addClass("mlops-mod-dialog");
  const buttons = [Dialog.okButton({ label: place.trans.__("Close") })];
  void new Dialog({ title: tab.title.label, body: tab.content, buttons }).launch().then(() => tab.dispose());
}
