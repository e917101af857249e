// Says that something has ended, to who does not look at it: in JupyterLab, and through the browser if it may.
import { Notification as Toasts } from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";
import type { Widget } from "@lumino/widgets";

const CLOSES_MS = 10_000;

/** What the settings say; see notifications.ts. */
export const wanted = { seconds: 30, browser: true };

/** What has ended, and what shows it. */
export interface Ended {
  readonly failed: boolean;
  readonly said: string;
  /** Where it is to be seen. */
  readonly widget: Widget;
  readonly show: () => void;
}

/** Whether somebody looks at a tab: it is in front, and so is the page. */
export function isLookedAt(widget: Widget): boolean {
  return widget.isVisible && document.visibilityState === "visible" && document.hasFocus();
}

/** Say it, unless its tab is looked at. */
export function tell({ failed, said, widget, show }: Ended, trans: TranslationBundle): void {
  if (isLookedAt(widget)) {
    return;
  }
  const away = document.visibilityState !== "visible" || !document.hasFocus();
  const state = "Notification" in window ? Notification.permission : "denied";
  const actions: Toasts.IAction[] = [{ label: trans.__("Show"), callback: show }];
  if (wanted.browser && state === "default") {
    // Browsers let a page ask for it at a click only.
    actions.push({ label: trans.__("Tell me outside, too"), callback: () => void Notification.requestPermission() });
  }
  // Who is away would miss what goes by itself.
  (failed ? Toasts.error : Toasts.success)(said, { actions, autoClose: away ? false : CLOSES_MS });
  if (away && wanted.browser && state === "granted") {
    const outside = new Notification("MLOps", { body: said });
    outside.onclick = () => {
      window.focus();
      show();
      outside.close();
    };
  }
}
