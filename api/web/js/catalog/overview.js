/* The collections, and what goes on in any of them. */

import { access, mayAdminister } from "../access.js";
import { Problem } from "../client.js";
import { button, el } from "../dom.js";
import { fill } from "../redraw.js";
import { once } from "../once.js";
import { ago, count } from "../format.js";
import { t } from "../language.js";
import { nothingNotice } from "../notices.js";
import { server } from "../owner_server.js";
import { sentences } from "../words.js";
import { START, toUrl } from "./address.js";
import { confirm } from "./confirm.js";
import { FormProblem } from "./form_problem.js";
import { jobList } from "./job_list.js";

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  const list = el("ul", { class: "collections", role: "list", "aria-label": t("catalog.collections") });
  const nothing = el("div", {});
  const name = el("input", {
    class: "field",
    id: "new-collection",
    required: true,
    pattern: "[a-z0-9][a-z0-9_\\-]{0,62}",
    title: t("catalog.new_help"),
    autocomplete: "off",
    spellcheck: "false",
  });
  const problem = new FormProblem();
  const make = el(
    "form",
    { class: "inline-form", submit: once(create) },
    el("label", { class: "labelled", for: "new-collection" }, t("catalog.new"), name),
    button({ type: "submit" }, t("catalog.make")),
    problem.element,
  );
  const jobs = jobList(around);
  const element = el("div", { class: "stack" }, list, nothing, make, jobs.element);

  async function create() {
    problem.tell("");
    const made = name.value;
    try {
      await server.createCollection(made);
      if (name.value === made) name.value = "";
      if (element.isConnected) around.go({ ...START, collection: made, part: "add" });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.tell(sentences(error), name);
    }
  }

  async function remove({ name: collection, items }) {
    const text = items ? t("catalog.delete_items", { count: items }) : t("catalog.delete_empty");
    const title = t("catalog.delete_ask", { name: collection });
    if (!(await confirm(title, text, t("catalog.delete"), items ? collection : ""))) return;
    await around.act(async () => {
      await server.deleteCollection(collection, { confirm: collection });
      problem.tell(""); // its name may be free now
      around.refresh();
    });
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
          unsearchable && t("catalog.unsearchable", { count: unsearchable }),
          lastJob ? t("catalog.last_added", { ago: ago(lastJob) }) : null,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      el(
        "div",
        { class: "row" },
        el(
          "a",
          { class: "button button-small", href: at("add"), "aria-label": t("catalog.add_pictures_to", { collection: title }) },
          t("catalog.add_pictures"),
        ),
        el(
          "a",
          { class: "button button-small", href: at("review"), "aria-label": t("catalog.review_one", { name: title }) },
          t("catalog.part.review"),
        ),
        mayAdminister(access.value) &&
          button(
            {
              class: "button button-small",
              click: once(() => remove(collection)),
              "aria-label": t("catalog.delete_one", { name: title }),
            },
            t("catalog.delete"),
          ),
      ),
    );
  }

  return {
    element,
    enter: () => problem.tell(""),
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
      fill(list, ...collections.map((each) => card(each, changed.get(each.name))));
      make.hidden = !mayAdminister(access.value);
      nothing.replaceChildren(
        ...(collections.length
          ? []
          : [
              nothingNotice(
                t("catalog.nothing.title"),
                t("catalog.nothing.text"),
                el(
                  "a",
                  {
                    class: "button button-primary",
                    href: toUrl({ ...START, collection: "default", part: "add" }),
                  },
                  t("catalog.add_pictures"),
                ),
              ),
            ]),
      );
      await jobs.show(null, signal);
    },
  };
}
