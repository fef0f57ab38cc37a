/* The search view: reads what the address says, asks, and tells the parts what to show. */

import { Problem, sleep } from "../client.js";
import { isAlike } from "../closeness.js";
import { el, styles } from "../dom.js";
import { count, fileSize, itemName } from "../format.js";
import { onKeys } from "../keys.js";
import { countdown, nothingNotice, problemNotice, waitingNotice } from "../notices.js";
import { keep, recall } from "../photos/library.js";
import { shrink } from "../photos/shrink.js";
import { photoSource } from "../photos/source.js";
import { server, untilReady } from "../server.js";
import { Sheet } from "../sheet.js";
import { wordsOf } from "../words.js";
import { ANEW, NO_FILTERS, START, filterOf, hasSubject, parse, resultsKey, subjectKey, toUrl } from "./address.js";
import { answerLine, facts, nothingAlike } from "./answer.js";
import { toolBar } from "./bar.js";
import { catalog, seesPlaces } from "./catalog.js";
import { filterPanel } from "./filters.js";
import { resultsGrid } from "./grid.js";
import { nothingFound } from "./nothing_found.js";
import { queryPanel } from "./query.js";
import { Questions } from "./questions.js";
import { startView } from "./start.js";
import { Tray } from "./tray.js";

/** @typedef {import("./address.js").State} State */
/** @typedef {import("./questions.js").Outcome} Outcome */
/** @typedef {import("../photos/library.js").Photo} Photo */

const RESTS_MS = 3000; // between attempts while there is no connection

/** @param {import("../main.js").Page} page @returns {Promise<import("../main.js").View>} */
export async function open({ root, tools, router }) {
  await styles("search", "photo", "filters", "item");
  const view = new SearchView(root, tools, router);
  return { show: (place) => view.show(place) };
}

class SearchView {
  /** @type {State} */
  #state = START;
  /** @type {?Photo} */
  #photo = null;
  /** @type {?Outcome} */
  #outcome = null;
  #shown = { subject: "", results: "" }; // what the page shows, or waits for
  #running = new AbortController();
  #questions = new Questions();
  #loadsMore = false;
  #anyway = new Set(); // subjects whose results are shown though they are not alike

  #root;
  #router;
  #catalog = catalog((collection) => this.#go({ ...ANEW, ...NO_FILTERS, collection }));
  #inputs = photoSource((file) => this.#receive(file));
  #start = startView(this.#inputs);
  #query = queryPanel(this.#inputs.choose, {
    crop: (box) => this.#go({ box, like: [], unlike: [] }),
    clear: () => this.#startOver(),
    cancel: () => this.#startOver(),
  });
  #filters = filterPanel((patch) => this.#go(patch));
  #filterSheet = new Sheet("Filters", this.#filters.element);
  #bar = toolBar((patch) => this.#go(patch), () => this.#filterSheet.open());
  #tray = new Tray(
    { refine: (picked) => this.#go(picked), compare: (compare) => this.#go({ compare }) },
    (id) => `/v1/collections/${encodeURIComponent(this.#collection)}/images/${encodeURIComponent(id)}`,
  );
  #grid = resultsGrid({
    hrefOf: (open) => this.#href({ open }),
    similarTo: (item) => this.#similarTo(item),
    tray: this.#tray,
  }, () => this.#more());
  #answer = el("div", { class: "answer-slot" });
  #notice = el("div", { class: "notice-slot" });
  #facts = el("div", {});
  #side = el("div", { class: "side" }, this.#query.element, this.#filters.element, this.#facts);
  #dialogs = dialogs({
    close: () => this.#router.leave(this.#href({ open: null, compare: [] })),
    turnTo: (open) => this.#router.go(this.#href({ open }), { replace: true }),
    hrefOf: (open) => this.#href({ open, compare: [] }),
    similarTo: (item) => this.#similarTo(item),
    withLabel: (label) => this.#href({ open: null, compare: [], labels: [label] }),
    tray: this.#tray,
  });

  constructor(root, tools, router) {
    this.#root = root;
    this.#router = router;
    tools.replaceChildren(this.#catalog.element);
    const { choose, camera } = this.#inputs;
    root.replaceChildren(choose, camera, this.#start.element, el("h1", { class: "visually-hidden results-title" }, "Search results"), this.#side,
      el("div", { class: "results" }, this.#answer, this.#bar.element, this.#notice, this.#grid.element), this.#tray.element);
    onKeys({
      u: () => choose.click(),
      "/": () => (hasSubject(this.#state) ? this.#focusFilters() : choose.focus()),
      Escape: () => this.#startOver(),
    });
  }

  get #collection() {
    return this.#catalog.nameOf(this.#state.collection);
  }

  #href = (patch) => toUrl({ ...this.#state, ...patch }, this.#collection);
  #go = (patch) => this.#router.go(this.#href(patch));
  #similarTo = (item) => toUrl({ ...START, collection: this.#state.collection, item }, this.#collection);

  #startOver() {
    this.#running.abort();
    if (hasSubject(this.#state)) this.#go({ ...START, collection: this.#state.collection });
    else this.#router.go(location.href, { replace: true });
  }

  #focusFilters() {
    if (!this.#filters.element.checkVisibility()) this.#filterSheet.open();
    this.#filters.focus();
  }

  /** A photo came in: it is made smaller, kept, and searched with. @param {File} file */
  async #receive(file) {
    this.#query.closeSheet();
    this.#query.uploading = true;
    this.#root.toggleAttribute("data-busy", true);
    const photo = await keep(file.name || "Pasted picture", file.size, await shrink(file));
    this.#root.removeAttribute("data-busy");
    this.#go({ ...ANEW, ...NO_FILTERS, photo });
  }

  /** Bring the view to a place. The one entry for clicks, history and new photos. @param {import("../router.js").Place} place */
  async show(place) {
    const said = parse(place.path, place.query);
    const state = { ...said, collection: this.#catalog.chosen(said.collection) };
    const key = { subject: subjectKey(state), results: resultsKey(state) };
    const stays = this.#shown.results === key.results && this.#outcome !== null;
    this.#state = state;
    if (!stays) await this.#showSearch(state, key, place);
    if (this.#state === state) this.#showDialogs(state);
  }

  /** @param {State} state */
  #showDialogs(state) {
    const explains = (state.item || this.#photo) && seesPlaces(this.#catalog.known(this.#collection));
    const explain = explains ? (ids, signal) => this.#questions.explain(state, this.#photo?.blob ?? null, ids, { collection: this.#collection, signal }) : null;
    this.#dialogs.show(state, this.#collection, this.#outcome?.neighbors ?? [], explain);
    if (!state.open && !state.compare.length && this.#outcome) this.#setTitle();
  }

  /** @param {State} state @param {{subject: string, results: string}} key @param {import("../router.js").Place} place */
  async #showSearch(state, key, place) {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    const narrowing = this.#shown.subject === key.subject && this.#outcome !== null;
    this.#shown = key;
    this.#outcome = null;
    this.#tray.take(state);
    this.#notice.replaceChildren();
    for (;;) {
      try {
        return await this.#attempt(state, place, narrowing, signal);
      } catch (error) {
        if (signal.aborted) return undefined; // superseded: its answer no longer matters
        if (!(error instanceof Problem)) throw error;
        this.#query.uploading = false;
        if (!(await this.#wait(error, state, signal))) return undefined;
        this.#notice.replaceChildren();
      }
    }
  }

  /** @param {State} state @param {import("../router.js").Place} place @param {boolean} narrowing @param {AbortSignal} signal */
  async #attempt(state, { traversed, scrollY }, narrowing, signal) {
    const photo = state.photo ? await recall(state.photo) : undefined;
    signal.throwIfAborted();
    this.#photo = photo ?? null;
    this.#root.dataset.stage = hasSubject(state) ? "results" : "start";
    if (state.photo && !photo) throw new Problem({ title: "Photo gone", code: "photo_gone" });
    if (hasSubject(state)) this.#showWaiting(state, narrowing, traversed);
    else this.#showStart();
    const { collection, labels } = await this.#catalog.describe(state.collection, signal);
    if (this.#root.dataset.collection !== collection.name) this.#filters.setCollection(collection.name, labels);
    this.#root.dataset.collection = collection.name;
    if (!hasSubject(state)) {
      await this.#start.showSamples(collection.name, labels.labels, this.#similarTo, signal);
      if (collection.items === 0) this.#notice.replaceChildren(nothingNotice("Nothing here yet", "As soon as the catalog has pictures, they can be searched."));
      this.#root.dataset.loaded = "";
      return;
    }
    this.#showFilters(collection, state, signal);
    const outcome = await this.#questions.ask(state, photo?.blob ?? null, { collection: collection.name, signal, reuse: traversed });
    this.#outcome = outcome;
    this.#showOutcome(state, collection, outcome, signal);
    if (traversed) scrollTo({ top: scrollY });
    if (photo && !narrowing && seesPlaces(collection)) this.#offerObjects(photo, collection.name, signal);
  }

  #showStart() {
    document.title = "Eyedex";
    this.#query.hide();
    this.#filterSheet.close();
    this.#answer.replaceChildren();
    this.#grid.hide();
    this.#filters.hide();
    this.#facts.replaceChildren();
    this.#start.showLatest((photo) => this.#href({ ...ANEW, photo }));
  }

  /** Everything that can be said before the answer is here. @param {State} state @param {boolean} narrowing @param {boolean} traversed */
  #showWaiting(state, narrowing, traversed) {
    if (this.#photo) this.#query.showPhoto(this.#photo, state.box);
    else if (!state.item) this.#query.showLikes(state.like.length);
    else if (!narrowing) this.#query.showItem(null, state.item);
    this.#query.uploading = Boolean(this.#photo) && !narrowing;
    if (!narrowing) this.#answer.replaceChildren(el("div", { class: "skeleton answer-skeleton" }));
    this.#grid.title = this.#titleOf(state, null);
    this.#grid.showLoading(narrowing);
    if (!narrowing && !traversed) {
      scrollTo({ top: 0 });
      this.#grid.focusTitle();
    }
  }

  /** @param {State} state @param {import("./catalog.js").Collection} collection @param {Outcome} outcome @param {AbortSignal} signal */
  #showOutcome(state, collection, outcome, signal) {
    const { neighbors, prediction, answer, item } = outcome;
    this.#query.uploading = false;
    if (item) this.#query.showItem(item, item.item_id);
    this.#setTitle();
    this.#facts.replaceChildren(facts(collection, answer));
    const show = () => {
      this.#answer.replaceChildren(answerLine(prediction, (label) => this.#href({ labels: [label] })) ?? "");
      this.#grid.show(neighbors, outcome.cursor !== null);
      if (neighbors.length === 0) nothingFound(state, collection.name, signal, (patch) => this.#go(patch)).then((found) => signal.aborted || this.#notice.replaceChildren(found));
    };
    if (isAlike(answer, prediction) || neighbors.length === 0 || this.#anyway.has(subjectKey(state))) show();
    else {
      this.#grid.hide();
      this.#answer.replaceChildren(nothingAlike(() => {
        this.#anyway.add(subjectKey(state));
        show();
        this.#grid.focusTitle();
      }));
    }
  }

  #titleOf(state, item) {
    if (state.like.length || state.unlike.length) return "Closer to what you like";
    if (state.photo) return state.box ? "Closest to this part" : "Closest to your photo";
    return item ? `Similar to ${itemName(item)}` : "Similar";
  }

  #setTitle() {
    const title = this.#titleOf(this.#state, this.#outcome?.item);
    this.#grid.title = title;
    document.title = `${title} – Eyedex`;
  }

  /** Beside the results, which neither wait for the filters nor fail with them. @param {import("./catalog.js").Collection} collection @param {State} state @param {AbortSignal} signal */
  async #showFilters(collection, state, signal) {
    const hasProducts = () => Boolean(this.#outcome?.neighbors.some(({ product_id: id }) => id)) || !state.grouped;
    try {
      this.#bar.show(state, [], true);
      this.#countIn(this.#filterSheet, collection.name, state, signal);
      const ranges = await this.#filters.show(collection, state, signal);
      if (!signal.aborted) this.#bar.show(state, ranges, this.#outcome === null || hasProducts());
    } catch (error) {
      if (!signal.aborted) this.#filters.hide();
      if (!signal.aborted && !(error instanceof Problem)) throw error;
    }
  }

  /** What the button of the open sheet leads to. @param {Sheet} sheet @param {string} collection @param {State} state @param {AbortSignal} signal */
  async #countIn(sheet, collection, state, signal) {
    const found = await server.listItems({ collection, filter: filterOf(state), limit: 1, signal }).catch(() => null);
    sheet.done = found ? `Show ${count(found.total, "item")}` : "Show";
  }

  async #more() {
    const outcome = this.#outcome;
    if (!outcome?.cursor || this.#loadsMore) return;
    const { signal } = this.#running;
    this.#loadsMore = true;
    try {
      const next = await this.#questions.more(this.#state, this.#photo?.blob ?? null, outcome, { collection: this.#collection, signal });
      if (this.#outcome === outcome) this.#grid.append(next, outcome.cursor !== null);
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem)) throw error;
      await sleep(RESTS_MS, signal).catch(() => {}); // the end of the results is asked for again when it is seen
    } finally {
      this.#loadsMore = false;
    }
  }

  /** Dots on what stands out. @param {Photo} photo @param {string} collection @param {AbortSignal} signal */
  async #offerObjects(photo, collection, signal) {
    if (this.#state.box) return;
    const regions = await this.#questions.proposals(photo.blob, { collection, signal }).catch(() => []);
    if (!signal.aborted) this.#query.offer(regions);
  }

  /**
   * Show what went wrong; wait where it passes by itself.
   * @param {Problem} problem @param {State} state @param {AbortSignal} signal
   * @returns {Promise<boolean>} Whether to try again.
   */
  async #wait(problem, state, signal) {
    this.#grid.stay();
    if (problem.isNotReady) {
      this.#notice.replaceChildren(waitingNotice(problem));
      return untilReady(signal).then(() => true, () => false);
    }
    const notice = problemNotice(problem, this.#choiceFor(problem, state), this.#about(problem));
    this.#answer.replaceChildren();
    this.#notice.replaceChildren(notice);
    notice.focus({ preventScroll: true });
    if (problem.code === "network") return untilReady(signal).then(() => true, () => false);
    this.#grid.hide();
    if (problem.status !== 429 && problem.status !== 503) return false;
    const button = notice.querySelector("button");
    await countdown(problem.retryAfterS || 2, signal, (left) => button && (button.textContent = `Trying again in ${left} s`));
    return !signal.aborted;
  }

  /** @param {Problem} problem @param {State} state */
  #choiceFor(problem, state) {
    const again = () => this.#retry();
    const choices = {
      photo: { label: "Choose another photo", act: () => this.#inputs.choose.click() },
      again: { label: "Try again", act: again },
      search: { label: "Search without them", act: () => this.#go({ ...NO_FILTERS, sort: null, like: [], unlike: [] }) },
      start: { label: "Start over", act: () => this.#router.go("/") },
    };
    const [, , action] = wordsOf(problem);
    return action === "photo" && !state.photo ? choices.again : (choices[action] ?? null);
  }

  /** @param {Problem} problem */
  #about({ code }) {
    return code === "body_too_large" && this.#photo ? `It has ${fileSize(this.#photo.bytes)}.` : "";
  }

  #retry() {
    this.#shown = { subject: "", results: "" };
    this.#router.go(location.href, { replace: true });
  }
}

/** The dialogs over the results, each loaded when it is first opened. */
function dialogs(around) {
  const opened = new Map();
  const get = (name, make) => opened.get(name) ?? opened.set(name, make()).get(name);
  const item = () => get("item", async () => (await import("../item/dialog.js")).itemDialog(around));
  const compare = () => get("compare", async () => (await import("../item/compare.js")).compareDialog(around));
  let wanted = "";

  return {
    /** @param {State} state @param {string} collection @param {import("../client.js").Neighbor[]} neighbors @param {*} explain */
    async show(state, collection, neighbors, explain) {
      wanted = state.open ? "item" : state.compare.length ? "compare" : "";
      for (const [name, each] of opened) if (name !== wanted) each.then((one) => name !== wanted && one.hide());
      if (wanted === "item") {
        const why = explain && ((id, signal) => explain([id], signal).then((found) => found.get(id)));
        const one = await item();
        if (wanted === "item") await one.show(collection, state.open, neighbors, why);
      } else if (wanted === "compare") {
        const one = await compare();
        if (wanted === "compare") await one.show(collection, state.compare, neighbors, explain);
      }
    },
  };
}
