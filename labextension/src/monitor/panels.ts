// Quality, alerts and decisions: lists that are drawn anew when what they say has changed.

import { element } from "../live_chart/controls";
import type { Trans } from "../live_chart/trans";
import type { Alert, Metric, NowMessage } from "./wire";
import { count, moment, number } from "./words";

class Panel {
  readonly root: HTMLElement;
  private drawn = "";

  constructor(
    protected trans: Trans,
    private title: string,
    name: string,
  ) {
    this.root = element("section", { class: `mlops-panel ${name}`, "aria-label": title });
    this.root.hidden = true;
  }

  protected draw(about: unknown, hidden: boolean, beside: string, inside: () => Node[]): void {
    const drawn = JSON.stringify(about);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.root.hidden = hidden;
    if (hidden) return;
    this.root.replaceChildren(
      element("header", {}, element("b", {}, this.title), element("span", { class: "mlops-faint" }, beside)),
      ...inside(),
    );
  }
}

export class QualityPanel extends Panel {
  constructor(trans: Trans) {
    super(trans, trans.__("Quality"), "mlops-quality");
  }

  show(qualities: NowMessage["qualities"]): void {
    const labelled = qualities.reduce((sum, one) => sum + one.labelled, 0);
    const rows = qualities.reduce((sum, one) => sum + one.rows, 0);
    this.draw(
      qualities,
      qualities.length === 0,
      this.trans.__("%1 of %2 rows labelled", count(labelled), count(rows)),
      () =>
        qualities.flatMap((one) =>
          one.metrics.map((metric) =>
            this.row(qualities.length > 1 ? `${metric[0]} · ${one.version}` : metric[0], metric),
          ),
        ),
    );
  }

  private row(name: string, [, value, low, high]: Metric): HTMLElement {
    const bar = element("span", { class: "mlops-bar" });
    // Shares lie between 0 and 1; an error has no such end.
    if (value !== null && low !== null && high !== null && low >= 0 && high <= 1) {
      const interval = element("span", { class: "mlops-interval" });
      interval.style.left = `${100 * low}%`;
      interval.style.width = `${Math.max(1, 100 * (high - low))}%`;
      const point = element("span", { class: "mlops-point" });
      point.style.left = `${100 * value}%`;
      bar.append(interval, point);
    }
    const span = low === null || high === null ? "" : this.trans.__("%1 to %2", number(low), number(high));
    return element(
      "div",
      { class: "mlops-row" },
      element("span", { class: "mlops-row-name" }, name),
      bar,
      element("b", {}, number(value)),
      element("span", { class: "mlops-faint", title: this.trans.__("95 % confidence interval") }, span),
    );
  }
}

export class AlertPanel extends Panel {
  constructor(
    trans: Trans,
    private onAcknowledge: (alert: Alert, from: HTMLElement) => void,
  ) {
    super(trans, trans.__("Alerts"), "mlops-alerts");
  }

  show(alerts: Alert[]): void {
    const loud = alerts.filter((alert) => !alert.silenced).length;
    this.draw(alerts, alerts.length === 0, this.trans.__("%1 firing", loud), () =>
      alerts.map((alert) => this.row(alert)),
    );
  }

  private row(alert: Alert): HTMLElement {
    const row = element(
      "div",
      { class: `mlops-alert ${alert.silenced ? "mlops-silenced" : ""}` },
      element(
        "span",
        {
          class: `mlops-badge ${alert.severity === "page" && !alert.silenced ? "mlops-badge-failed" : "mlops-badge-warning"}`,
        },
        alert.severity,
      ),
      element("b", {}, alert.name),
      element("span", {}, alert.summary),
      element("span", { class: "mlops-faint" }, this.trans.__("since %1", moment(alert.since))),
    );
    if (alert.silenced) row.append(element("span", { class: "mlops-faint" }, this.trans.__("acknowledged")));
    else {
      const label = this.trans.__("acknowledge %1", alert.name);
      const button = element("button", { type: "button", "aria-label": label }, this.trans.__("acknowledge"));
      button.addEventListener("click", () => this.onAcknowledge(alert, button));
      row.append(button);
    }
    return row;
  }
}

export class DecisionPanel extends Panel {
  constructor(trans: Trans) {
    super(trans, trans.__("Decisions"), "mlops-decisions");
  }

  show(decisions: NowMessage["decisions"]): void {
    this.draw(decisions, decisions.length === 0, "", () =>
      [...decisions]
        .reverse()
        .slice(0, 8)
        .map(([at, version, verdict, reason, percent]) =>
          element(
            "div",
            { class: "mlops-decision" },
            element("span", { class: "mlops-faint" }, moment(at)),
            element("b", {}, verdict),
            element("span", {}, this.trans.__("version %1 at %2 %: %3", version, number(percent), reason)),
          ),
        ),
    );
  }
}
