// A question before something is done.
import { Dialog, showDialog } from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";

/** What is asked: what will happen, and the same as a line for a terminal. */
export interface Question {
  title: string;
  words: string;
  line: string;
  button: string;
  warns?: boolean;
}

/** Ask; what is safe is what Enter does. */
export async function asked(
  trans: TranslationBundle,
  { title, words, line, button, warns }: Question,
): Promise<boolean> {
  const body = new Widget();
  body.addClass("mlops-Question");
  const said = document.createElement("p");
  said.textContent = words;
  const code = document.createElement("code");
  code.className = "mlops-Line";
  code.textContent = line;
  body.node.append(said, code);
  const accept = warns ? Dialog.warnButton({ label: button }) : Dialog.okButton({ label: button });
  const answer = await showDialog({
    title,
    body,
    buttons: [Dialog.cancelButton({ label: trans.__("Cancel") }), accept],
    defaultButton: 0,
  });
  return answer.button.accept;
}
