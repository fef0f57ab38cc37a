/* How sure an answer has to be: the more answers are to be right, the fewer photos get one. */

import { lineChart } from "../charts.js";
import { el } from "../dom.js";
import { fill } from "../redraw.js";
import { percent } from "../format.js";
import { t } from "../language.js";

const USUAL = 0.95;
const CONFIDENCES = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/** @typedef {{accuracy: ?number, confidence: number, coverage: ?number}} Stop */
/** @typedef {import("../client.js").Calibration} Calibration */

/** @param {(stop: Stop, settled: boolean) => void} changed `settled` once the reader let go. */
export function promiseSlider(changed) {
  /** @type {Stop[]} */
  let stops = [];
  /** @type {?Calibration} */
  let known = null;
  /** @type {?ReturnType<typeof lineChart>} */
  let chart = null;
  const input = el("input", {
    type: "range",
    class: "promise-range",
    id: "promise",
    min: 0,
    step: 1,
    disabled: true,
    "aria-describedby": "promise-says",
    input: () => tell(false),
    change: () => tell(true),
  });
  const says = el("div", { id: "promise-says", class: "promise-says" });
  const place = el("div", { class: "promise-chart" });
  const element = el(
    "section",
    { class: "panel promise", "aria-labelledby": "promise-title" },
    el("h2", { id: "promise-title" }, t("promise.title")),
    el("label", { class: "visually-hidden", for: "promise" }, t("promise.slider")),
    input,
    says,
    place,
  );

  const stopNow = () => stops[Number(input.value)] ?? { accuracy: null, confidence: 0, coverage: 1 };

  /** @param {boolean} settled */
  function tell(settled) {
    draw();
    changed(stopNow(), settled);
  }

  function draw() {
    const stop = stopNow();
    const title = titleOf(stop);
    input.setAttribute("aria-valuetext", title);
    fill(says, el("p", { class: "promise-title" }, title), el("p", { class: "muted" }, hintOf(stop, known)));
    if (chart && known?.calibrated) chart.mark([accuracyAt(stop, known), stop.coverage ?? 1]);
  }

  return {
    element,
    get stop() {
      return stopNow();
    },
    /** Until it is shown what can be promised. */
    wait: () => (input.disabled = true),
    /** @param {?Calibration} calibration Null where answers are not by the vote. @param {string} wanted What the address says. */
    show(calibration, wanted) {
      const curve = rising(calibration?.curve ?? []);
      known = calibration && { ...calibration, curve, calibrated: curve.length > 0 };
      stops = known?.calibrated ? promises(known) : CONFIDENCES.map(plainStop);
      input.disabled = false;
      input.max = String(stops.length - 1);
      input.value = String(chosen(stops, wanted));
      chart = known?.calibrated ? drawn(known) : null;
      fill(place, chart?.element);
      draw();
    },
  };
}

/** @param {Stop} stop How the address names it. */
export const nameOf = ({ accuracy, confidence }) => String(accuracy ?? confidence);

/** A stop for each percent that can be promised. @param {Calibration} calibration @returns {Stop[]} */
function promises({ curve }) {
  const [least, best] = [curve[0].accuracy, curve[curve.length - 1].accuracy];
  /** @type {Stop[]} */
  const stops = [{ accuracy: null, confidence: 0, coverage: 1 }];
  for (let each = Math.floor(least * 100) + 1; each <= Math.floor(best * 100); each += 1) {
    const point = curve.find(({ accuracy }) => accuracy >= each / 100);
    if (point) stops.push({ accuracy: each / 100, confidence: point.confidence, coverage: point.coverage });
  }
  return stops;
}

/** @param {number} confidence @returns {Stop} */
const plainStop = (confidence) => ({ accuracy: null, confidence, coverage: null });

/** @param {Stop[]} stops @param {string} wanted */
function chosen(stops, wanted) {
  const named = stops.findIndex((stop) => nameOf(stop) === wanted);
  if (named >= 0) return named;
  return Math.max(0, stops.findLastIndex(({ accuracy }) => accuracy !== null && accuracy <= USUAL));
}

/** @param {Stop} stop */
function titleOf({ accuracy, confidence, coverage }) {
  if (accuracy !== null) return t("promise.accuracy", { number: hundredths(accuracy) });
  return confidence > 0 && coverage === null
    ? t("promise.sure", { share: percent(confidence) })
    : t("promise.every");
}

/** @param {Stop} stop @param {?Calibration} known */
function hintOf({ accuracy, coverage }, known) {
  if (!known?.calibrated) return t("promise.uncalibrated");
  const said = accuracy === null ? rightOf(known) : t("promise.coverage", { number: hundredths(coverage ?? 0) });
  return known.outdated ? `${said} ${t("promise.outdated")}` : said;
}

/** @param {Calibration} known */
const rightOf = ({ accuracy }) =>
  accuracy === null ? "" : t("promise.all", { number: hundredths(accuracy) });

/** @param {number} share */
const hundredths = (share) => Math.round(share * 100);

/** @param {Stop} stop @param {Calibration} known */
const accuracyAt = ({ accuracy }, { curve }) => accuracy ?? curve[0].accuracy;

/** What can be promised: no point that promises less than one with more answers. @param {import("../client.js").CurvePoint[]} curve */
function rising(curve) {
  let best = -1;
  return curve.filter(({ accuracy }) => accuracy > best && (best = accuracy) >= 0);
}

/** @param {Calibration} calibration */
function drawn({ curve }) {
  const from = Math.min(0.8, Math.floor(curve[0].accuracy * 10) / 10);
  return lineChart(t("chart.coverage"), {
    x: t("chart.right"),
    y: t("chart.answered"),
    points: curve.map(({ accuracy, coverage }) => [Math.max(from, accuracy), coverage]),
    from,
  });
}
