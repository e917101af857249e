// A page that shows widgets as VS Code does: by the manager that its Jupyter extension brings along, which finds the
// classes of a widget by requirejs. What VS Code's own window is otherwise, is here a kernel and a place for outputs.
import { KernelManager, ServerConnection } from "@jupyterlab/services";
import { activate } from "vscode-ipywidgets";

const WIDGET = "application/vnd.jupyter.widget-view+json";

activate();
window.vscIPyWidgets8.load();
window.failed = [];

const { require: load } = window;

window.start = async (baseUrl, token) => {
  const wsUrl = baseUrl.replace("http", "ws");
  const serverSettings = ServerConnection.makeSettings({ baseUrl, wsUrl, token, appendToken: true });
  const kernel = await new KernelManager({ serverSettings }).startNew({ name: "python3" });
  // VS Code copies the scripts from the environment's folder share/jupyter/nbextensions.
  load.config({ paths: { anywidget: "nbextensions/anywidget/index" } });
  const scripts = {
    widgetsRegisteredInRequireJs: new Set(["anywidget"]),
    loadWidgetScript: async () => undefined,
    successHandler: () => undefined,
    errorHandler: (name, module, version, error) => window.failed.push(`${module} ${version} ${name}: ${error}`),
  };
  const manager = new window.vscIPyWidgets.WidgetManager(kernel, document.body, scripts, () => undefined, undefined);
  window.kernel = kernel;
  window.run = (code) => {
    const asked = kernel.requestExecute({ code });
    const shown = new Map();
    asked.onIOPub = async ({ header, content }) => {
      if (header.msg_type === "error") {
        window.failed.push(`${content.ename}: ${content.evalue}`);
      }
      if (!("data" in content)) {
        return;
      }
      const told = content.transient?.display_id ?? header.msg_id;
      const place = shown.get(told) ?? document.body.appendChild(document.createElement("div"));
      shown.set(told, place);
      place.replaceChildren();
      if (WIDGET in content.data) {
        const model = await manager.get_model(content.data[WIDGET].model_id);
        await manager.display_view(undefined, await manager.create_view(model), { node: place });
      } else {
        place.innerHTML = content.data["text/html"] ?? "";
      }
    };
    window.done = asked.done.then(({ content }) => content.status);
    return asked.done.then(() => undefined);
  };
};
