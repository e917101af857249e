export default {
  extends: ["stylelint-config-standard"],
  plugins: ["stylelint-csstree-validator"],
  rules: {
    "csstree/validator": true,
    // JupyterLab's way to name classes: package, part, modifier.
    "selector-class-pattern": "^(jp|lm|mlops|u|vscode|cell)-[A-Za-z\\d-]+$",
    // Rules of one thing stand together.
    "rule-empty-line-before": null,
    "at-rule-empty-line-before": null,
    "declaration-empty-line-before": null,
    // The names of colour spaces are written small; of currentColor and SVG's words, as their specifications do.
    "value-keyword-case": ["lower", { camelCaseSvgKeywords: true, ignoreKeywords: ["srgb", "currentColor"] }],
    // A notebook is also shown by front ends whose variables are theirs to name, and by older browsers.
    "custom-property-pattern": null,
    "color-function-notation": null,
    "color-function-alias-notation": null,
    "alpha-value-notation": null,
    // The bundler takes it as it is.
    "import-notation": null,
    // It takes no account of which elements a selector can mean.
    "no-descending-specificity": null,
  },
};
