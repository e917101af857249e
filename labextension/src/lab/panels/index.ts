// The sections of the sidebar, from top to bottom; they come with its first showing.
import type { Place } from "../calling";
import { ModelsSection } from "./models";
import { RunsSection } from "./runs";
import type { Section } from "./section";

export function sections(place: Place): Section[] {
  return [new RunsSection(place), new ModelsSection(place)];
}
