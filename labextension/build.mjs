// Bundles the widgets' browser half into the Python package, where `pip install` finds it.
//   node build.mjs [--out FOLDER]   the bundles
//   node build.mjs --tests          the same modules for node's own test runner
import { copyFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const told = process.argv.slice(2);

if (told.includes("--tests")) {
  const files = readdirSync(join(here, "tests")).filter((name) => name.endsWith(".test.ts"));
  await build({
    entryPoints: files.map((name) => join(here, "tests", name)),
    outdir: join(here, "..", "build", "widget-tests"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "warning",
  });
} else {
  const place = told.indexOf("--out");
  const out = place < 0 ? join(here, "..", "mlops_jupyter", "widgets") : told[place + 1];
  const widgets = ["live_chart", "monitor"];
  const entries = (file) => Object.fromEntries(widgets.map((name) => [name, join(here, "src", name, file)]));
  await build({
    entryPoints: entries("index.ts"),
    outdir: out,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    banner: { js: "/* Built by `make widgets` from labextension/src. Holds uPlot, MIT, (c) Leon Sorokin. */" },
    logLevel: "warning",
  });
  await build({
    entryPoints: entries("style.css"),
    outdir: out,
    bundle: true,
    minify: true,
    target: "es2022",
    logLevel: "warning",
  });
  copyFileSync(join(here, "node_modules", "uplot", "LICENSE"), join(out, "uplot.LICENSE"));
}
