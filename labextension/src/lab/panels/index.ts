// The sections of the sidebar, from top to bottom; they come with its first showing.
import type { Place } from "../calling";
import "../../../style/panels.css";
import { Deployments } from "./deployments";
import { ModelsSection } from "./models";
import { RunsSection } from "./runs";
import type { Section } from "./section";
import { Versions } from "./versions";

export function sections(place: Place): Section[] {
  const runs = new RunsSection(place);
  const others = [new ModelsSection(place), new Deployments(place), new Versions(place)];
  others.forEach((one) => one.after(runs));
  return [runs, ...others];
}
