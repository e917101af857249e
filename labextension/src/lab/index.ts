// The plugins, each of which can be disabled alone. What a click needs comes with the click.
import { badges } from "./badges";
import { documents } from "./documents";
import { monitor } from "./monitor";
import { notebook } from "./notebook";
import { notifications } from "./notifications";
import { overview } from "./overview";
import { sidebar } from "./sidebar";
import { status } from "./status";
import { verbs } from "./verbs";

export default [verbs, overview, status, documents, notebook, badges, notifications, sidebar, monitor];
