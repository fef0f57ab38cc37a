/* The collections, and what goes on in any of them. */

import { access, mayAdminister } from "../access.js";
import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { ago, count, number } from "../format.js";
import { nothingNotice } from "../notices.js";
import { server } from "../server.js";
import { wordsOf } from "../words.js";
import { START, toUrl } from "./address.js";
import { confirm } from "./confirm.js";
import { jobList } from "./job_list.js";

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  const list = el("ul", { class: "collections", role: "list", "aria-label": "Collections" });
  const nothing = el("div", {});
  const name = el("input", {
    class: "field",
    id: "new-collection",
    required: true,
    pattern: "[a-z0-9][a-z0-9_\\-]{0,62}",
    title: "Lower-case letters, digits, - and _; the first is a letter or digit",
    autocomplete: "off",
    spellcheck: "false",
  });
  const problem = el("p", { class: "form-problem", role: "alert" });
  const make = el(
    "form",
    { class: "inline-form", submit: create },
    el("label", { class: "labelled", for: "new-collection" }, "New collection", name),
    button({ type: "submit" }, "Make"),
    problem,
  );
  const jobs = jobList(around);
  const element = el("div", { class: "stack" }, list, nothing, make, jobs.element);

  async function create(event) {
    event.preventDefault();
    problem.textContent = "";
    try {
      await server.createCollection(name.value);
      around.go({ ...START, collection: name.value, part: "add" });
      name.value = "";
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.textContent = wordsOf(error).slice(0, 2).join(". ");
    }
  }

  async function remove({ name: collection, items }) {
    const text = items
      ? `${count(items, "item")} with all that is known of them will be gone.`
      : "It has no items.";
    if (!(await confirm(`Delete ${collection}?`, text, "Delete", items ? collection : ""))) return;
    await around.act(() => server.deleteCollection(collection, { confirm: collection }));
    around.refresh();
  }

  function card(collection, lastJob) {
    const { name: title, items, unsearchable } = collection;
    const at = (part) => toUrl({ ...START, collection: title, part });
    return el(
      "li",
      { class: "collection-card" },
      el("h2", {}, el("a", { href: at("items") }, title)),
      el("p", { class: "collection-count" }, count(items, "item")),
      el(
        "p",
        { class: "muted" },
        [
          unsearchable && `${number(unsearchable)} not searchable`,
          lastJob ? `last added to ${ago(lastJob)}` : null,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      el(
        "div",
        { class: "row" },
        el(
          "a",
          { class: "button button-small", href: at("add"), "aria-label": `Add pictures to ${title}` },
          "Add pictures",
        ),
        el(
          "a",
          { class: "button button-small", href: at("review"), "aria-label": `Review ${title}` },
          "Review",
        ),
        mayAdminister(access.value) &&
          button(
            {
              class: "button button-small",
              click: () => remove(collection),
              "aria-label": `Delete ${title}`,
            },
            "Delete",
          ),
      ),
    );
  }

  return {
    element,
    async show(_, signal) {
      const [{ collections }, { jobs: done }] = await Promise.all([
        server.listCollections({ signal }),
        server.listJobs({ state: "done", limit: 200, signal }),
      ]);
      if (signal.aborted) return;
      const changed = new Map(
        [...done]
          .reverse()
          .filter(({ kind }) => kind === "index")
          .map((job) => [job.collection, job.finished_at]),
      );
      list.replaceChildren(...collections.map((each) => card(each, changed.get(each.name))));
      make.hidden = !mayAdminister(access.value);
      nothing.replaceChildren(
        ...(collections.length
          ? []
          : [
              nothingNotice(
                "Nothing here yet",
                "Add pictures, and they can be searched.",
                el(
                  "a",
                  {
                    class: "button button-primary",
                    href: toUrl({ ...START, collection: "default", part: "add" }),
                  },
                  "Add pictures",
                ),
              ),
            ]),
      );
      await jobs.show(null, signal);
    },
  };
}
