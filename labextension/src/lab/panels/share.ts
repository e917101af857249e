// How two versions share the traffic out: a slider that tells when it has come to rest.
import type { TranslationBundle } from "@jupyterlab/translation";
import type { ServedVersion } from "../api";
import { part } from "./parts";

// A key moves it by one step, and is pressed several times.
const REST_MS = 600;

export class Share {
  readonly root = part("div", "mlops-Share");
  private readonly input = part("input", "mlops-Share-slider");
  private readonly first = part("output", "");
  private readonly second = part("output", "");
  private shown: [ServedVersion, ServedVersion] | null = null;
  private timer = 0;

  /** `chosen` hears the share of the first version in percent. */
  constructor(
    private readonly trans: TranslationBundle,
    private readonly chosen: (percent: number) => void,
  ) {
    this.input.type = "range";
    this.input.min = "0";
    this.input.max = "100";
    this.input.step = "1";
    this.input.addEventListener("input", () => {
      window.clearTimeout(this.timer);
      this.say(Number(this.input.value));
    });
    this.input.addEventListener("change", () => {
      window.clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.rest(), REST_MS);
    });
    const ends = part("div", "mlops-Share-ends");
    ends.append(this.first, this.second);
    this.root.append(this.input, ends);
  }

  show(one: ServedVersion, other: ServedVersion): void {
    this.shown = [one, other];
    this.input.setAttribute(
      "aria-label",
      this.trans.__("Traffic of version %1 and version %2", one.version, other.version),
    );
    // Whoever is about to choose is left in peace.
    if (this.timer === 0 && !this.input.matches(":active")) {
      this.back();
    }
  }

  set disabled(disabled: boolean) {
    this.input.disabled = disabled;
  }

  /** Show what is so. */
  back(): void {
    if (this.shown !== null) {
      const percent = Number(this.shown[0].percent);
      this.input.value = String(Math.round(percent));
      this.say(percent);
    }
  }

  private rest(): void {
    this.timer = 0;
    const percent = Number(this.input.value);
    if (this.shown !== null && percent !== Math.round(Number(this.shown[0].percent))) {
      this.chosen(percent);
    } else {
      this.back();
    }
  }

  private say(percent: number): void {
    if (this.shown === null) {
      return;
    }
    const [one, other] = this.shown;
    const share = (value: number): string => `${Number(value.toPrecision(4))} %`;
    this.first.value = this.trans.__("version %1: %2", one.version, share(percent));
    this.second.value = this.trans.__("version %1: %2", other.version, share(100 - percent));
    this.input.setAttribute("aria-valuetext", `${this.first.value}, ${this.second.value}`);
  }
}
