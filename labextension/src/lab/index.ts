// The plugins, each of which can be disabled alone. What a click needs comes with the click.
import { documents } from "./documents";
import { monitor } from "./monitor";
import { notebook } from "./notebook";
import { sidebar } from "./sidebar";
import { status } from "./status";
import { verbs } from "./verbs";

export default [verbs, status, documents, notebook, sidebar, monitor];
