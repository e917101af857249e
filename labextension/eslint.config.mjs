// typescript-eslint needs the compiler's JavaScript API, which TypeScript 7 does not have: so package.json names version 6
// `typescript`, and `tsc` comes from version 7 beside it.
//
// What JupyterLab's extension template asks for, and more: typescript-eslint's strict rules, which know the types.
import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig } from "eslint/config";
import globals from "globals";
import tseslint from "typescript-eslint";

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
  { files: ["*.mjs", "*.js"], languageOptions: { globals: globals.node } },
  // Last: prettier sees to the format.
  prettier,
);
