/* The classify view: many photos, their classes, and what the reader makes of them. */

import { ofDrop, ofInput, kindOf } from "../catalog/chosen_files.js";
import { confirm } from "../catalog/confirm.js";
import { csvOf, download } from "../catalog/download.js";
import { Problem } from "../client.js";
import { button, el, styles } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { number, percent } from "../format.js";
import { loadWords, t } from "../language.js";
import { ownerView } from "../owner_view.js";
import { persistent, server } from "../owner_server.js";
import { sentences, wordsOf } from "../words.js";
import { arranged, isAnswered, isOpen, said } from "./answers.js";
import { Photos, keepPhoto } from "./photos.js";
import { nameOf, promiseSlider } from "./promise.js";
import { photoTable } from "./table.js";

const LONGEST_LIST = 1000;
const ORDERS = /** @type {const} */ (["unsure", "added", "name", "label"]);
const SHOWN = /** @type {const} */ (["all", "open", "answered", "given", "refused"]);
const TABLE = "classes.csv";
const TABLE_COLUMNS = [
  "photo",
  "class",
  "answered",
  "confidence",
  "confidence_is_a_probability",
  "proposed",
  "given_by_you",
  "problem",
];

/** @typedef {import("./photos.js").Row} Row */

/** @param {import("../main.js").Page} page @returns {Promise<import("../main.js").View>} */
export async function open(page) {
  await Promise.all([styles("filters", "catalog", "charts", "classify"), loadWords("catalog")]);
  return ownerView(page, { title: t("shell.view.classify"), path: "/classify" }, content);
}

/** @param {import("../owner_view.js").Around} around @returns {import("../owner_view.js").Content} */
function content(around) {
  /** @type {?import("../owner_view.js").Collection} */
  let collection = null;
  /** @type {string|undefined} Whose classes the photos have. */
  let asked;
  /** @type {?import("../client.js").Calibration} */
  let calibration = null;
  /** @type {(typeof ORDERS)[number]} */
  let order = "unsure";
  /** @type {(typeof SHOWN)[number]} */
  let shown = "all";
  const photos = new Photos();
  const files = fileInput("classify-photos", { multiple: true, accept: "image/*" });
  const folder = fileInput("classify-folder", { webkitdirectory: true });
  const problem = el("p", { class: "form-problem", role: "alert" });
  const slider = promiseSlider((stop, settled) => {
    draw();
    if (settled) around.go({ promise: nameOf(stop) }, { replace: true });
  });
  const table = photoTable({
    give: (row, given) => photos.change(row, { given }),
    retry: (row) => {
      photos.change(row, { state: "waiting", problem: null });
      run();
    },
    remove: (row) => {
      photos.remove(row);
      table.forget(row);
      draw();
    },
  });
  const named = el("textarea", { class: "field classes", id: "classify-classes", rows: 4, change: askAgain });
  const byWords = el("input", {
    type: "checkbox",
    change: () => {
      classes.hidden = !byWords.checked;
      askAgain();
    },
  });
  const classes = el("label", { class: "labelled", for: named.id, hidden: true }, t("classify.classes"), named);
  const zeroShot = el(
    "div",
    { class: "stack-tight", hidden: true },
    el(
      "label",
      { class: "choice" },
      byWords,
      el("span", { class: "choice-text" }, t("classify.named"), el("span", { class: "note" }, t("classify.named_help"))),
    ),
    classes,
  );
  const more = el(
    "div",
    { class: "row" },
    files,
    el("label", { class: "button button-primary", for: files.id }, t("classify.choose_photos")),
    folder,
    el("label", { class: "button desk-only", for: folder.id }, t("add.choose_folder")),
  );
  const drop = el(
    "div",
    { class: "dropzone catalog-drop" },
    el("p", { class: "dropzone-title" }, t("classify.drop")),
    more,
    el("p", { class: "muted" }, t("classify.help")),
    problem,
  );
  const progress = el("div", { class: "job-running", hidden: true });
  const numbers = el("dl", { class: "panel numbers", "aria-live": "polite" });
  const orders = choice(
    { id: "classify-order", label: t("items.order") },
    ORDERS.map((value) => [value, t(`classify.order.${value}`)]),
    (value) => around.go({ order: value }, { replace: true }),
  );
  const shows = choice(
    { id: "classify-show", label: t("classify.show") },
    SHOWN.map((value) => [value, t(`classify.show.${value}`)]),
    (value) => around.go({ show: value }, { replace: true }),
  );
  const keep = el("div", { class: "selection-bar", role: "region", "aria-label": t("classify.show.given"), hidden: true });
  const over = button({ class: "button", click: once(startOver) }, t("classify.start_over"));
  const save = button({ class: "button", click: () => download(csvOf(cells()), TABLE) }, t("classify.download"));
  const tools = el("div", { class: "row" }, orders.element, shows.element, el("span", { class: "spacer" }), save, over);
  const results = el(
    "div",
    { class: "stack", hidden: true },
    el("div", { class: "classify-top" }, slider.element, numbers),
    progress,
    tools,
    keep,
    table.element,
  );
  const element = el("div", { class: "stack" }, drop, zeroShot, results);

  files.addEventListener("change", () => chosen(files));
  folder.addEventListener("change", () => chosen(folder));
  document.addEventListener("dragover", (event) => {
    if (!element.isConnected || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.dataset.over = "";
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && delete drop.dataset.over);
  document.addEventListener("drop", async (event) => {
    delete drop.dataset.over;
    if (!element.isConnected || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    receive((await ofDrop(event.dataTransfer)).flatMap(({ name, file }) => (file ? [{ name, file }] : [])));
  });
  addEventListener("beforeunload", (event) => unkept().length > 0 && event.preventDefault());
  photos.addEventListener("row", (event) => {
    table.draw(/** @type {CustomEvent<Row>} */ (event).detail);
    drawNumbers();
    drawProgress();
  });
  photos.addEventListener("state", () => {
    drawProgress();
    if (photos.state === "") draw();
  });

  const unkept = () => photos.rows.filter(({ given, kept, blob }) => given !== null && !kept && blob);
  const labels = () => {
    const list = named.value.split(/[\n,]/).map((each) => each.trim()).filter(Boolean);
    return byWords.checked && !zeroShot.hidden && list.length > 1 ? list.slice(0, LONGEST_LIST) : null;
  };

  /** @param {HTMLInputElement} input */
  function chosen(input) {
    const some = ofInput(input.files ?? []);
    input.value = "";
    receive(some);
  }

  /** @param {import("../catalog/chosen_files.js").Chosen[]} some */
  function receive(some) {
    const pictures = some.filter(({ name, file }) => kindOf(name) === "picture" || file.type.startsWith("image/"));
    problem.textContent = pictures.length ? "" : t("classify.no_photos");
    if (!pictures.length) return;
    photos.add(pictures);
    run();
  }

  function run() {
    draw();
    const name = collection?.name;
    asked = name;
    const given = labels();
    photos.run((image, signal) =>
      server.classify({ image }, { collection: name, k: 1, signal, ...(given && { labels: given.join(",") }) }),
    );
  }

  function askAgain() {
    slider.show(labels() ? null : calibration, nameOf(slider.stop));
    if (!photos.rows.length) return;
    photos.forgetAnswers();
    for (const row of photos.rows) table.draw(row);
    run();
  }

  async function startOver() {
    const given = unkept().length;
    const lost = t("classify.start_over_text", { count: given });
    if (given && !(await confirm(t("classify.start_over_ask"), lost, t("classify.start_over")))) return;
    photos.clear();
    draw();
    files.focus();
  }

  function draw() {
    const { confidence } = slider.stop;
    const hasPhotos = photos.rows.length > 0;
    results.hidden = !hasPhotos;
    drop.classList.toggle("drop-small", hasPhotos);
    const isAtWork = photos.state !== "";
    const sorted = arranged(photos.rows, isAtWork ? "added" : order, shown, confidence);
    table.show(sorted, confidence, collection?.name ?? "default");
    drawNumbers();
    drawProgress();
  }

  function drawNumbers() {
    const { confidence } = slider.stop;
    const answered = photos.rows.filter((row) => isAnswered(row, confidence)).length;
    const open = photos.rows.filter((row) => isOpen(row, confidence)).length;
    const given = photos.rows.filter((row) => row.given !== null).length;
    const facts = [
      [t("jobs.far", { done: answered, total: photos.rows.length }), t("classify.answered")],
      [number(open), t("classify.open")],
      [number(given), t("classify.given")],
    ];
    fill(numbers, ...facts.map(([value, text]) => el("div", {}, el("dt", {}, text), el("dd", {}, value))));
    drawKeep();
  }

  function drawProgress() {
    const { state, done, rows, failed } = photos;
    const left = rows.length - done;
    progress.hidden = state === "" && !failed.length && !left;
    if (progress.hidden) return progress.replaceChildren();
    const hadFocus = progress.contains(document.activeElement);
    const line = el("progress", { max: rows.length, value: done, "aria-label": t("classify.progress") });
    const far = t("jobs.far", { done, total: rows.length });
    const note = { network: t("classify.offline"), busy: t("classify.busy") }[state] ?? far;
    fill(
      progress,
      state && line,
      state && el("span", { class: "muted", role: state === "running" ? null : "status" }, note),
      state && button({ class: "button button-small", click: () => photos.stop() }, t("catalog.cancel")),
      !state && left > 0 && button({ click: run }, t("classify.go_on", { count: left })),
      !state && failed.length > 0 && button({ click: retryFailed }, t("classify.retry", { count: failed.length })),
    );
    if (hadFocus) progress.querySelector("button")?.focus();
    return undefined;
  }

  function retryFailed() {
    photos.retry();
    run();
  }

  const keepProgress = el("span", { role: "status" });
  const keepButton = button({ class: "button button-primary", click: once(keepAll) });
  const keepAfter = el("div", { class: "stack-tight" });
  keep.append(keepButton, keepProgress, el("span", { class: "note" }, t("classify.keep_help")), keepAfter);

  function drawKeep() {
    const waiting = unkept().length;
    keep.hidden = !waiting && !photos.rows.some(({ kept }) => kept);
    keepButton.textContent = t("classify.keep", { count: waiting, collection: collection?.name ?? "" });
    keepButton.disabled = waiting === 0;
  }

  async function keepAll() {
    const name = collection?.name ?? "default";
    const folderName = `classified/${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}`;
    const rows = unkept();
    const used = new Set();
    keepAfter.replaceChildren();
    let done = 0;
    for (const row of rows) {
      keepProgress.textContent = t("classify.keeping", { share: percent(done / rows.length) });
      try {
        row.id ??= `${folderName}/${unique(row.name, used)}`;
        await keepPhoto(row, row.id, name);
        photos.change(row, { kept: true });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        const said = t("classify.not_kept", { name: row.name, why: sentences(error) });
        keepAfter.append(el("p", { class: "form-problem", role: "alert" }, said));
        if (!error.status || error.status >= 500 || error.status === 403) break;
      }
      done += 1;
    }
    const kept = rows.filter((row) => row.kept).length;
    keepProgress.textContent = kept ? t("classify.added", { count: kept }) : "";
    if (kept)
      keepAfter.append(
        el("a", { href: `/catalog?${new URLSearchParams({ collection: name, q: folderName })}` }, t("classify.see")),
      );
    drawKeep();
  }

  function cells() {
    const { confidence } = slider.stop;
    return [
      TABLE_COLUMNS,
      ...photos.rows.map((row) => {
        const found = said(row, confidence);
        return [
          row.name,
          row.given ?? found?.label ?? "",
          isAnswered(row, confidence) ? "yes" : "no",
          found ? found.confidence.toFixed(4) : "",
          row.answer?.calibrated ? "yes" : "no",
          found?.guess ?? "",
          row.given ?? "",
          row.problem ? wordsOf(row.problem)[0] : "",
        ];
      }),
    ];
  }

  return {
    element,
    async show(wanted, query, signal) {
      const isOther = collection?.name !== wanted.name;
      collection = wanted;
      order = ORDERS.find((each) => each === query.get("order")) ?? "unsure";
      shown = SHOWN.find((each) => each === query.get("show")) ?? "all";
      orders.value = order;
      shows.value = shown;
      zeroShot.hidden = !wanted.encoder?.reads_texts;
      if (isOther) {
        calibration = null; // that of the one before is none of this one
        photos.stop();
        photos.forgetAnswers();
      }
      if (!calibration) {
        slider.wait();
        calibration = await server.getCalibration({ collection: wanted.name, signal });
        slider.show(labels() ? null : calibration, query.get("promise") ?? "");
      }
      if (photos.rows.length && asked !== wanted.name) run();
      else draw();
    },
  };
}

/** A name that none before had. @param {string} name @param {Set<string>} used */
function unique(name, used) {
  const clean = name.replaceAll(/[^\p{L}\p{N}._ /-]/gu, "_").split("/").filter((part) => part && !/^\.+$/.test(part)).join("/") || "photo";
  let found = clean;
  for (let number = 2; used.has(found); number += 1) found = `${clean} (${number})`;
  used.add(found);
  return found.trim();
}

/** @param {string} id @param {Record<string, unknown>} attributes */
const fileInput = (id, attributes) =>
  el("input", {
    class: "visually-hidden",
    type: "file",
    id,
    "aria-label": t(attributes.webkitdirectory ? "add.choose_folder" : "classify.choose_photos"),
    ...attributes,
  });

/** @param {{id: string, label: string}} about @param {[value: string, text: string][]} values @param {(value: string) => void} changed */
function choice({ id, label }, values, changed) {
  const select = el(
    "select",
    { class: "select", id, change: () => changed(select.value) },
    ...values.map(([value, text]) => el("option", { value }, text)),
  );
  return {
    element: el("label", { class: "labelled labelled-row", for: id }, label, select),
    /** @param {string} value */
    set value(value) {
      select.value = value;
    },
  };
}
