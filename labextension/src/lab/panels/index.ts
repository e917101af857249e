// The sections of the sidebar, from top to bottom; they come with its first showing.
import type { Place } from "../calling";
import type { Section } from "./section";

export function sections(_place: Place): Section[] {
  return [];
}
