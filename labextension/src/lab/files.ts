// A file that a verb has told, as JupyterLab calls it.
import type { Overview } from "./api";

/** Whether a file's absolute path is that of a notebook as JupyterLab calls it; links may lead to the server's folder. */
export function isNamed(found: Pick<Overview, "root" | "directory">, absolute: string, notebook: string): boolean {
  const path = serverPath(found, absolute);
  return path === null ? absolute.endsWith(`/${notebook}`) : path === notebook;
}

/**
 * The path below the server's directory of a file that a record names: below the project's root, or absolute. Null for a
 * file that the server does not show.
 */
export function serverPath({ root, directory }: Pick<Overview, "root" | "directory">, path: string): string | null {
  const absolute = path.startsWith("/") ? path : `${root}/${path}`;
  const above = directory.endsWith("/") ? directory : `${directory}/`;
  return absolute.startsWith(above) ? absolute.slice(above.length) : null;
}
