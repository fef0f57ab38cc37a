/* Adding to a collection: choose, upload, look at how a table is read, check, add. */

import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { once } from "../once.js";
import { fileSize, percent } from "../format.js";
import { t, textOf } from "../language.js";
import { problemNotice } from "../notices.js";
import { persistent, server, startJob } from "../owner_server.js";
import { wordsOf } from "../words.js";
import { START } from "./address.js";
import { chooser } from "./chooser.js";
import { readable } from "./chosen_files.js";
import { columnTable } from "./columns.js";
import { encoderChoice } from "./encoder_choice.js";
import { jobRow } from "./job_row.js";
import { reasonText, withoutFlags } from "./job_words.js";
import { Upload } from "./upload.js";

const SHOWN_NAMES = 5;

/** @typedef {import("./chosen_files.js").Found} Found */

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  let collection = "";
  let isNew = false;
  /** @type {Promise<unknown>} Until that is known. */
  let asking = Promise.resolve();
  let running = new AbortController();
  const looks = encoderChoice("add-looks", t("add.looks_help"));
  const step = el("div", { class: "stack", tabindex: -1 });
  const choose = chooser((files) => receive(files));
  const element = el("div", { class: "stack" }, step);
  startOver();

  function startOver() {
    running.abort();
    show(choose.element);
  }

  /** @param {AbortSignal} signal @param {Promise<?import("./view.js").Collection>} described */
  async function ask(signal, described) {
    const found = await described;
    if (signal.aborted) return;
    isNew = !found?.encoder;
    if (isNew) await looks.show(signal);
  }

  /** Wait for the last answer; where none comes the view says so. */
  async function known() {
    let waited;
    do await (waited = asking).catch(() => {});
    while (waited !== asking);
  }

  /** @param {...Node} nodes */
  function show(...nodes) {
    const hadFocus = step.contains(document.activeElement);
    step.replaceChildren(...nodes);
    if (hadFocus) step.focus({ preventScroll: true });
  }

  /** @param {Found[]} chosen */
  async function receive(chosen) {
    const files = readable(chosen);
    const left = chosen.filter(({ file }) => !files.some((each) => each.file === file));
    const others = left.map(({ name, file }) => (file ? t("add.neither", { name }) : `${name} ${reasonText("unreadable")}`));
    if (!files.length) {
      const names = left.map(({ name }) => name);
      choose.tell(left.some(({ file }) => file) ? t("add.nothing", { names: named(names) }) : named(others) || t("add.no_files"));
      return;
    }
    running.abort();
    await send(new Upload(collection, files), others);
  }

  /** @param {Upload} upload @param {string[]} others What was left out, and why. */
  async function send(upload, others) {
    running = new AbortController();
    const { signal } = running;
    const bar = el("progress", { max: 1, value: 0, "aria-label": t("add.uploading") });
    const far = el("span", { class: "muted" }, percent(0));
    const cancel = button({ click: () => giveUp(upload) }, t("catalog.cancel"));
    show(
      el("h2", {}, t("add.uploading_files", { count: upload.count })),
      el("div", { class: "job-running" }, bar, far, cancel),
    );
    try {
      await upload.send((share) => {
        bar.value = share;
        far.textContent = percent(share);
      }, signal);
      await report(upload, others, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      show(
        problemNotice(error, {
          label: t("add.go_on", { count: upload.left }),
          act: () => send(upload, others),
        }),
        button({ click: () => giveUp(upload) }, t("problem.start")),
      );
    }
  }

  /** Without waiting for the server, which forgets it in time. @param {Upload} upload */
  function giveUp(upload) {
    upload.discard();
    startOver();
  }

  /** What arrived, and how it would be read. @param {Upload} upload @param {string[]} others @param {AbortSignal} signal */
  async function report(upload, others, signal) {
    const id = /** @type {string} */ (upload.id);
    /** @type {?Problem} */
    let unread = null;
    const found = await server
      .getUpload(id, { collection, columns: true, limit: 1, signal })
      .catch((error) => {
        if (error.code === "catalog_unusable") unread = error;
        else if (error.code !== "bad_parameter") throw error;
        return server.getUpload(id, { collection, limit: 1, signal }); // a check tells of the columns
      });
    await known();
    if (signal.aborted) return;
    const left = [
      ...others,
      ...upload.unsent.map(({ name, problem }) => `${name} ${reasonText(problem.code)}`),
    ];
    const head = [
      el("h2", {}, t("add.uploaded")),
      el(
        "p",
        {},
        t("add.read_as", {
          count: found.file_count,
          size: fileSize(found.size_bytes),
          kind: textOf(`add.kind.${found.reads}`, t("add.kind.nothing")),
        }),
      ),
      ...(left.length ? [leftOut(left)] : []),
    ];
    const again = button({ click: () => giveUp(upload) }, t("problem.start"));
    if (found.reads === "unclear" || found.reads === "empty") {
      show(...head, el("p", { class: "form-problem", role: "alert" }, found.unclear_because), again);
      return;
    }
    choices(upload, head, found.columns ? found : null, unread && idColumn(unread), again, signal);
  }

  /**
   * @param {Upload} upload @param {Node[]} head
   * @param {?{rows?: number, columns: import("./columns.js").Column[], notes?: string[]}} table
   * @param {?ReturnType<typeof idColumn>} asked What else has to be known of the table.
   * @param {HTMLElement} again @param {AbortSignal} signal
   */
  function choices(upload, head, table, asked, again, signal) {
    const result = el("div", { class: "stack-tight" });
    let columns = table && columnTable(table, unchecked);
    const columnPlace = el("div", {}, columns?.element ?? asked?.element ?? "");
    const [replace, prune] = /** @type {const} */ (["replace", "prune"]).map((name) => checkbox(name, unchecked));
    const check = button({ click: once(() => run(true)) }, t("add.check"));
    const add = button({ class: "button button-primary", click: once(() => run(false)) }, t("catalog.part.add"));
    show(
      ...head,
      columnPlace,
      ...(isNew ? [looks.element] : []),
      el("details", {}, el("summary", {}, t("add.choices")), replace.element, prune.element),
      result,
      el("div", { class: "row" }, add, check, again),
    );

    function unchecked() {
      result.replaceChildren();
      add.textContent = t("catalog.part.add");
    }

    /** @param {boolean} dry */
    async function run(dry) {
      const other = dry ? add : check; // what was pressed keeps the focus
      other.disabled = true;
      try {
        const parameters = {
          source: { upload: upload.id },
          name: upload.lead ?? null,
          ...(columns?.chosen() ?? asked?.chosen()),
          replace: replace.on,
          prune: prune.on,
          dry_run: dry,
          ...(isNew && looks.value && { encoder: looks.value }),
        };
        const job = await startJob("index", parameters, collection, signal);
        if (dry) return await follow(job);
        if (element.isConnected) around.go({ ...START, collection, part: "jobs" });
        return startOver();
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!(error instanceof Problem)) throw error;
        return result.replaceChildren(problemNotice(error, null));
      } finally {
        other.disabled = false;
      }
    }

    /** @param {import("../client.js").Job} job */
    async function follow(job) {
      const row = jobRow(job, false);
      result.replaceChildren(el("ul", { class: "jobs", role: "list", "aria-label": t("add.checking") }, row.element));
      const ended = await persistent.wait(job.id, { signal, onProgress: row.show });
      if (!result.contains(row.element)) return; // it was of other choices
      const { columns: found = [], notes } = ended?.result ?? {};
      if (!columns && found.length) {
        columns = columnTable({ columns: found, notes }, unchecked);
        columnPlace.replaceChildren(columns.element);
      }
      const { added = 0, updated = 0 } = ended?.counts ?? {};
      const total = added + updated;
      if (ended?.state === "done" && total) add.textContent = t("add.add_items", { count: total });
    }
  }

  return {
    element,
    enter: () => choose.tell(""),
    async show(state, signal, described) {
      collection = /** @type {string} */ (state.collection);
      asking = ask(signal, described);
      await asking;
    },
  };
}

/**
 * Where a table is not read for its ids: which column has them.
 * @param {Problem} problem
 */
function idColumn(problem) {
  const input = el("input", { class: "field", id: "id-column", autocomplete: "off" });
  return {
    element: el(
      "div",
      { class: "stack-tight" },
      el("p", { class: "form-problem", role: "alert" }, `${wordsOf(problem)[0]}: ${withoutFlags(problem.detail)}`),
      el("label", { class: "labelled", for: input.id }, t("add.id_column"), input),
    ),
    chosen: () => (input.value.trim() ? { map: { item_id: input.value.trim() } } : {}),
  };
}

/** @param {string[]} left */
const leftOut = (left) =>
  el(
    "details",
    { class: "refused" },
    el("summary", {}, t("add.left_out", { count: left.length })),
    el("ul", { role: "list" }, ...left.map((each) => el("li", {}, each))),
  );

/** @param {string[]} names */
function named(names) {
  const first = names.slice(0, SHOWN_NAMES).join(", ");
  const rest = names.length - SHOWN_NAMES;
  return rest > 0 ? t("add.and_more", { names: first, count: rest }) : first;
}

/** @param {"replace"|"prune"} name @param {() => void} changed */
function checkbox(name, changed) {
  const input = el("input", { type: "checkbox", change: changed });
  return {
    element: el(
      "label",
      { class: "choice" },
      input,
      el("span", { class: "choice-text" }, t(`add.${name}`), el("span", { class: "note" }, t(`add.${name}_help`))),
    ),
    get on() {
      return input.checked;
    },
  };
}
