// A style sheet that comes with the module that imports it.
declare module "*.css";
