// typescript-eslint needs the compiler's JavaScript API, which TypeScript 7 does not have: so package.json names version 6
// `typescript`, and `tsc` comes from version 7 beside it.
//
// What JupyterLab's extension template asks for, and more: typescript-eslint's strict rules, which know the types.
import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig } from "eslint/config";
import globals from "globals";
import tseslint from "typescript-eslint";

// Words that a reader sees go through a translation bundle, as literals: others are found by no extractor.
const TRANSLATE = "Words for the reader are translated: trans.__(…).";
const LITERAL = "A translation is looked up by literal words: put what varies in as %1.";
const SEEN = "/^(textContent|innerText|title|placeholder|ariaLabel)$/";
const NAMED = "/^(aria-label|aria-description|title|placeholder|label|caption)$/";
// A line for a terminal, or a model's address, is the same in every language.
const WORD = "/^(?!%?mlops |models:).*[A-Za-z]{3}/";
const translated = [
  ...["__", "_p"].map((name) => `CallExpression[callee.property.name='${name}'][arguments.0.type!='Literal']`),
  "CallExpression[callee.property.name='_n']:matches([arguments.0.type!='Literal'], [arguments.1.type!='Literal'])",
].map((selector) => ({ selector, message: LITERAL }));
const untranslated = [
  ["AssignmentExpression", `[left.property.name=${SEEN}]`, "right"],
  [
    "CallExpression",
    "[callee.property.name='setAttribute'][arguments.0.value=/^aria-(label|description)$/]",
    "arguments:nth-child(2)",
  ],
  ["CallExpression", "[callee.name=/^(element|part)$/]", "arguments:not(:nth-child(1)):not(:nth-child(2))"],
  ["CallExpression", "[callee.name=/^(button|small)$/]", "arguments"],
  ["CallExpression", "[callee.name='empty']", "arguments:nth-child(1)"],
  ["CallExpression", "[callee.property.name=/^createTextNode$/]", "arguments"],
  ["NewExpression", "[callee.name='Error']", "arguments"],
  ["Property", `[key.name=${NAMED}]`, "value"],
  ["Property", `[key.value=${NAMED}]`, "value"],
].flatMap(([kind, which, place]) => [
  { selector: `${kind}${which} > Literal.${place}[value=${WORD}]`, message: TRANSLATE },
  { selector: `${kind}${which} > TemplateLiteral.${place} > TemplateElement[value.raw=${WORD}]`, message: TRANSLATE },
]);

export default defineConfig(
  { ignores: ["lib/", "node_modules/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  { rules: { curly: "error", eqeqeq: ["error", "always", { null: "ignore" }], "prefer-arrow-callback": "error" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A number in a text is what it looks like.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Types take for granted that an index is there, and that a stranger's notebook holds what it should: code may not.
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      // A method that is connected to a signal is given its object, too.
      "@typescript-eslint/unbound-method": "off",
      // Named to be left out of the rest.
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true }],
      // `() => act()` says what happens; nobody takes its value.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // The runner waits for its tests itself.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: "test" }] },
      ],
    },
  },
  // What is wrong with a message of the kernel's is told to the console.
  {
    files: ["src/**/*.ts"],
    ignores: ["src/*/wire.ts"],
    rules: { "no-restricted-syntax": ["error", ...translated, ...untranslated] },
  },
  { files: ["*.mjs", "*.js"], languageOptions: { globals: globals.node } },
  // Last: prettier sees to the format.
  prettier,
);
