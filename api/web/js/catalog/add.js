/* Adding to a collection: choose, upload, look at how a table is read, check, add. */

import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { count, fileSize, percent } from "../format.js";
import { problemNotice } from "../notices.js";
import { persistent, server } from "../server.js";
import { START } from "./address.js";
import { chooser } from "./chooser.js";
import { readable } from "./chosen_files.js";
import { columnTable } from "./columns.js";
import { jobRow } from "./job_row.js";
import { reasonText } from "./job_words.js";
import { Upload } from "./upload.js";

const SHOWN_NAMES = 5;

/** @typedef {import("./chosen_files.js").Chosen} Chosen */

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  let collection = "";
  let running = new AbortController();
  const step = el("div", { class: "stack", tabindex: -1 });
  const choose = chooser((files) => receive(files));
  const element = el("div", { class: "stack" }, step);
  startOver();

  function startOver() {
    running.abort();
    show(choose.element);
  }

  /** @param {...Node} nodes */
  function show(...nodes) {
    const hadFocus = step.contains(document.activeElement);
    step.replaceChildren(...nodes);
    if (hadFocus) step.focus({ preventScroll: true });
  }

  /** @param {Chosen[]} chosen */
  async function receive(chosen) {
    const files = readable(chosen);
    const others = chosen.filter((each) => !files.includes(each)).map(({ name }) => name);
    if (!files.length) {
      choose.tell(
        chosen.length ? `Nothing of this can be added: ${named(others)}.` : "There are no files in it.",
      );
      return;
    }
    await send(new Upload(collection, files), others);
  }

  /** @param {Upload} upload @param {string[]} others Files that are left out. */
  async function send(upload, others) {
    running = new AbortController();
    const { signal } = running;
    const bar = el("progress", { max: 1, value: 0, "aria-label": "Uploading" });
    const far = el("span", { class: "muted" }, "0%");
    const cancel = button({ click: () => upload.discard().then(startOver, startOver) }, "Cancel");
    cancel.addEventListener("click", () => running.abort());
    show(
      el("h2", {}, `Uploading ${count(upload.count, "file")}`),
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
          label: `Go on with ${count(upload.left, "file")}`,
          act: () => send(upload, others),
        }),
        button({ click: startOver }, "Start over"),
      );
    }
  }

  /** What arrived, and how it would be read. @param {Upload} upload @param {string[]} others @param {AbortSignal} signal */
  async function report(upload, others, signal) {
    const id = /** @type {string} */ (upload.id);
    /** @type {?Problem} */
    let unread = null;
    const found = await server
      .getUpload(id, { collection, columns: true, limit: 1, signal })
      .catch((error) => {
        if (error.code !== "bad_parameter" && error.code !== "catalog_unusable") throw error;
        if (error.code === "catalog_unusable") unread = error;
        return server.getUpload(id, { collection, limit: 1, signal }); // a check tells of the columns
      });
    const left = [
      ...others.map((name) => `${name} is neither a picture nor a table`),
      ...upload.unsent.map(({ name, problem }) => `${name} ${reasonText(problem.code)}`),
    ];
    const kinds = { pictures: "pictures", table: "a table with pictures", archive: "an archive" };
    const head = [
      el("h2", {}, "Uploaded"),
      el(
        "p",
        {},
        `${count(found.file_count, "file")}, ${fileSize(found.size_bytes)}, read as ${kinds[found.reads] ?? "nothing"}.`,
      ),
      left.length > 0 && leftOut(left),
    ].filter((each) => each instanceof Node);
    const again = button({ click: () => upload.discard().then(startOver, startOver) }, "Start over");
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
    const replace = checkbox(
      "Replace everything known of these items",
      "What the upload does not say of an item is removed from it.",
      unchecked,
    );
    const prune = checkbox(
      "Remove items that earlier uploads had and this one has not",
      "Only items that came by upload.",
      unchecked,
    );
    const check = button({ click: () => run(true) }, "Check first");
    const add = button({ class: "button button-primary", click: () => run(false) }, "Add");
    show(
      ...head,
      columnPlace,
      el("details", {}, el("summary", {}, "More choices"), replace.element, prune.element),
      result,
      el("div", { class: "row" }, add, check, again),
    );

    function unchecked() {
      result.replaceChildren();
      add.textContent = "Add";
    }

    /** @param {boolean} dry */
    async function run(dry) {
      add.disabled = check.disabled = true;
      try {
        const parameters = {
          source: { upload: upload.id },
          name: upload.lead ?? null,
          ...(columns?.chosen() ?? asked?.chosen()),
          replace: replace.on,
          prune: prune.on,
          dry_run: dry,
        };
        const job = await persistent.createJob("index", parameters, { collection, signal });
        if (dry) await follow(job);
        else around.go({ ...START, collection, part: "jobs" });
        if (!dry) startOver();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Problem)) throw error;
        result.replaceChildren(problemNotice(error, null));
      } finally {
        add.disabled = check.disabled = false;
      }
    }

    /** @param {import("../client.js").Job} job */
    async function follow(job) {
      const row = jobRow(job, false);
      result.replaceChildren(el("ul", { class: "jobs", role: "list", "aria-label": "Check" }, row.element));
      const ended = await persistent.wait(job.id, { signal, onProgress: row.show });
      const { columns: found = [], notes } = ended?.result ?? {};
      if (!columns && found.length) {
        columns = columnTable({ columns: found, notes }, unchecked);
        columnPlace.replaceChildren(columns.element);
      }
      const { added = 0, updated = 0 } = ended?.counts ?? {};
      const total = added + updated;
      if (ended?.state === "done" && total) add.textContent = `Add ${count(total, "item")}`;
    }
  }

  return {
    element,
    async show(state) {
      if (collection !== state.collection) startOver();
      collection = /** @type {string} */ (state.collection);
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
      problemNotice(problem, null),
      el("label", { class: "labelled", for: input.id }, "Column with the ids", input),
    ),
    chosen: () => (input.value.trim() ? { map: { item_id: input.value.trim() } } : {}),
  };
}

/** @param {string[]} left */
const leftOut = (left) =>
  el(
    "details",
    { class: "refused" },
    el("summary", {}, `${count(left.length, "file")} left out`),
    el("ul", { role: "list" }, ...left.map((each) => el("li", {}, each))),
  );

/** @param {string[]} names */
const named = (names) =>
  names.slice(0, SHOWN_NAMES).join(", ") +
  (names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : "");

/** @param {string} text @param {string} help @param {() => void} changed */
function checkbox(text, help, changed) {
  const input = el("input", { type: "checkbox", change: changed });
  return {
    element: el(
      "label",
      { class: "choice" },
      input,
      el("span", { class: "choice-text" }, text, el("span", { class: "note" }, help)),
    ),
    get on() {
      return input.checked;
    },
  };
}
