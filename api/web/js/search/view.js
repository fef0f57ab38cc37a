/* The search view: reads what the address says, asks, and tells the parts what to show. */

import { Problem, sleep } from "../search_client.js";
import { el, styles } from "../dom.js";
import { onKeys } from "../keys.js";
import { t } from "../language.js";
import { late } from "../late.js";
import { arrival } from "../photos/arrival.js";
import { recall } from "../photos/library.js";
import { photoSource } from "../photos/source.js";
import { setTitle } from "../settings.js";
import { Sheet } from "../sheet.js";
import { ANEW, NO_FILTERS, START, hasSubject, parse, resultsKey, subjectKey, toUrl } from "./address.js";
import { titleOf } from "./answer.js";
import { toolBar } from "./bar.js";
import { catalog, seesPlaces } from "./catalog.js";
import { dialogs } from "./dialogs.js";
import { resultsGrid } from "./grid.js";
import { lateFilters } from "./late_filters.js";
import { queryPanel } from "./query.js";
import { Questions } from "./questions.js";
import { persist } from "./recovery.js";
import { resultsColumn } from "./results.js";
import { startView } from "./start.js";
import { Tray } from "./tray.js";
import { showWords } from "./words_box.js";

/** @typedef {import("./address.js").State} State */
/** @typedef {import("./questions.js").Outcome} Outcome */
/** @typedef {import("../photos/library.js").Photo} Photo */

const RESTS_MS = 3000; // between attempts while there is no connection

/** @param {import("../main.js").Page} page @returns {Promise<import("../main.js").View>} */
export async function open({ root, tools, router }) {
  await styles("search", "photo", "filters");
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
  #drawn = ""; // the subject whose results are on the page
  #questions = new Questions();
  #loadFacts = late(() => import("./facts.js"));
  #loadsMore = false;
  #hasProducts = false; // in this collection, as far as is known
  /** @type {import("./fields.js").Field[]} */
  #numbers = []; // that results can be sorted by

  #root;
  #router;
  #href = (patch) => toUrl({ ...this.#state, ...patch }, this.#collection);
  /** @type {import("./address.js").Go} */
  #go = (change) => this.#router.go(this.#href(typeof change === "function" ? change(this.#state) : change));
  #closeDialog = () => this.#router.leave(this.#href({ open: null, compare: [] }));
  #similarTo = (item) => toUrl({ ...START, collection: this.#state.collection, item }, this.#collection);
  #catalog = catalog((collection) => this.#go({ ...ANEW, ...NO_FILTERS, collection }));
  #arrival = arrival(
    (isBusy) => {
      if (isBusy) this.#query.closeSheet();
      this.#query.uploading = isBusy;
      this.#root.toggleAttribute("data-busy", isBusy);
    },
    (photo) => this.#go({ ...ANEW, ...NO_FILTERS, photo }),
  );
  #inputs = photoSource(this.#arrival.take, () =>
    this.#persist(() => Promise.reject(new Problem({ title: "", code: "unsupported_type" })), this.#state),
  );
  #start = startView(this.#inputs, (q) => this.#go({ q }));
  #query = queryPanel(this.#inputs.choose, {
    crop: (box) => this.#go({ box, like: [], unlike: [] }),
    search: (q) => this.#go({ q }),
    clear: () => this.#startOver(),
  });
  #filters = lateFilters(this.#go);
  #filterSheet = new Sheet(t("bar.filters"), this.#filters.element);
  #bar = toolBar(this.#go, () => this.#filterSheet.open());
  #tray = new Tray(
    { refine: (picked) => this.#go(picked), compare: (compare) => this.#go({ compare }) },
    (id) => `/v1/collections/${encodeURIComponent(this.#collection)}/images/${encodeURIComponent(id)}`,
  );
  #grid = resultsGrid(
    {
      hrefOf: (open) => this.#href({ open }),
      similarTo: (item) => this.#similarTo(item),
      tray: this.#tray,
    },
    () => this.#more(),
  );
  #results = resultsColumn(
    { bar: this.#bar, grid: this.#grid, query: this.#query },
    { go: this.#go, href: this.#href, persist: (work, state) => this.#persist(work, state) },
  );
  #notice = this.#results.notice;
  #facts = el("div", {});
  #side = el("div", { class: "side" }, this.#query.element, this.#filters.element, this.#facts);
  #dialogs = dialogs({
    close: this.#closeDialog,
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
    router.addEventListener("change", () => {
      this.#arrival.stop();
      if (!root.isConnected) this.#catalog.outdate();
    });
    root.replaceChildren(
      ...Object.values(this.#inputs),
      this.#start.element,
      el("h1", { class: "visually-hidden results-title" }, t("search.results_title")),
      this.#side,
      this.#results.element,
      this.#tray.element,
    );
    onKeys({
      u: () => this.#inputs.choose.click(),
      "/": () => (hasSubject(this.#state) ? this.#focusFilters() : this.#start.focus()),
      Escape: () => (this.#state.open || this.#state.compare.length ? this.#closeDialog() : this.#startOver()),
    }, root);
  }

  get #collection() {
    return this.#catalog.nameOf(this.#state.collection);
  }

  #startOver() {
    this.#running.abort();
    if (hasSubject(this.#state)) this.#go({ ...START, collection: this.#state.collection });
    else this.#router.go(location.href, { replace: true });
  }

  #focusFilters() {
    if (this.#filters.isThere && !this.#filters.element.checkVisibility()) this.#filterSheet.open();
    this.#filters.focus();
  }

  /**
   * Bring the view to a place. The one entry for clicks, history and new photos.
   * @param {import("../router.js").Place} place
   */
  async show(place) {
    const said = parse(place.path, place.query);
    const state = { ...said, collection: this.#catalog.chosen(said.collection) };
    const key = { subject: subjectKey(state), results: resultsKey(state) };
    const stays = this.#shown.results === key.results && this.#outcome !== null;
    this.#state = state;
    if (stays) this.#notice.replaceChildren();
    if (stays || state.open || state.compare.length) this.#showDialogs(state); // they wait for no results
    if (stays) return;
    const hadFocus = this.#root.contains(document.activeElement);
    await this.#showSearch(state, key, place);
    if (this.#state !== state) return;
    const active = document.activeElement;
    if (hadFocus && (active === document.body || !active?.checkVisibility())) {
      if (hasSubject(state)) this.#grid.focusTitle(); // what had it is gone
      else this.#root.parentElement?.focus();
    }
    this.#showDialogs(state);
  }

  /** @param {State} state */
  #showDialogs(state) {
    const explains = (state.item || this.#photo) && seesPlaces(this.#catalog.known(this.#collection));
    const [collection, photo] = [this.#collection, this.#photo?.blob ?? null];
    const explain = explains
      ? (ids, signal) => this.#questions.explain(state, photo, ids, { collection, signal })
      : null;
    const show = () => this.#dialogs.show(state, collection, this.#outcome?.neighbors ?? [], explain);
    this.#persist(show, state);
    if (!state.open && !state.compare.length && this.#outcome) this.#setTitle();
  }

  /**
   * @param {State} state
   * @param {{subject: string, results: string}} key
   * @param {import("../router.js").Place} place
   */
  async #showSearch(state, key, place) {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    const narrowing = this.#drawn === key.subject;
    if (!narrowing) this.#drawn = "";
    this.#shown = key;
    this.#outcome = null;
    this.#tray.take(key.subject, state);
    this.#notice.replaceChildren();
    await this.#persist(() => this.#attempt(state, place, narrowing, signal), state, {
      tell: ({ code, isNotReady }) => this.#results.fail(code === "network" || isNotReady),
      how: { preventScroll: true },
    });
  }

  /**
   * Show something; again when what is in the way has passed, unless the page is elsewhere by then.
   * @param {() => Promise<unknown>} work @param {State} state
   * @param {{tell?: (problem: Problem) => void, how?: FocusOptions}} [more] As of `persist`.
   */
  #persist(work, state, more) {
    const { signal } = this.#running;
    return persist(work, {
      notice: this.#notice,
      signal,
      isOver: () => signal.aborted || this.#state !== state,
      about: () => ({ remedies: this.#remedies, photo: this.#photo }),
      ...more,
    });
  }

  /**
   * @param {State} state
   * @param {import("../router.js").Place} place
   * @param {boolean} narrowing
   * @param {AbortSignal} signal
   */
  async #attempt(state, { traversed, scrollY }, narrowing, signal) {
    const photo = state.photo ? await recall(state.photo) : undefined;
    signal.throwIfAborted();
    this.#photo = photo ?? null;
    this.#root.dataset.stage = hasSubject(state) ? "results" : "start";
    if (state.photo && !photo) throw new Problem({ title: "", code: "photo_gone" });
    if (hasSubject(state)) this.#showWaiting(state, narrowing, traversed);
    else this.#showStart();
    const described = await this.#catalog.describe(state.collection, signal);
    const { collection, labels } = described;
    if (this.#root.dataset.collection !== collection.name) {
      this.#numbers = [];
      this.#hasProducts = false;
      this.#root.dataset.collection = collection.name;
    }
    showWords([this.#start.words, this.#query.words], state, collection, labels.labels.length > 0);
    if (!hasSubject(state)) await this.#start.showSamples(collection, labels.labels, this.#similarTo, signal);
    if (collection.items === 0) this.#results.showNothingYet();
    if (!hasSubject(state) || collection.items === 0) {
      this.#root.dataset.loaded = "";
      return;
    }
    const hadFilters = this.#filters.isThere;
    this.#showBar();
    if (hadFilters) this.#showFilters(described, state, signal);
    const asking = { ...this.#asking(signal), reuse: traversed };
    const outcome = (this.#outcome = await this.#questions.ask(state, photo?.blob ?? null, asking));
    this.#showOutcome(state, collection, outcome, signal);
    if (!hadFilters) this.#showFilters(described, state, signal);
    if (traversed) scrollTo({ top: scrollY });
    if (photo && !state.box && seesPlaces(collection))
      this.#query.whenCropSeen(() => this.#offerObjects(photo, collection.name, signal));
  }

  /** What questions are asked with beside the state. @param {AbortSignal} signal */
  #asking(signal) {
    const known = this.#catalog.known(this.#collection);
    return { collection: this.#collection, readsTexts: known?.encoder?.reads_texts ?? false, signal };
  }

  #showStart() {
    setTitle();
    this.#query.hide();
    this.#filterSheet.close();
    this.#results.clear();
    this.#filters.hide();
    this.#facts.replaceChildren();
    this.#start.showLatest((photo) => this.#href({ ...ANEW, photo }));
  }

  /**
   * Everything that can be said before the answer is here.
   * @param {State} state
   * @param {boolean} narrowing
   * @param {boolean} traversed
   */
  #showWaiting(state, narrowing, traversed) {
    if (this.#photo) this.#query.showPhoto(this.#photo, state.box);
    else if (!state.item && state.like.length) this.#query.showLikes(state.like.length);
    else if (!state.item) this.#query.showWords();
    else if (!narrowing) this.#query.showItem(null, state.item);
    this.#query.uploading = Boolean(this.#photo) && !narrowing;
    this.#results.wait(state, narrowing, traversed);
  }

  /**
   * @param {State} state @param {import("./catalog.js").Collection} collection
   * @param {Outcome} outcome @param {AbortSignal} signal
   */
  #showOutcome(state, collection, outcome, signal) {
    const { answer, item } = outcome;
    this.#drawn = subjectKey(state);
    this.#query.uploading = false;
    if (item) this.#query.showItem(item, item.item_id);
    this.#setTitle();
    this.#showBar();
    this.#loadFacts().then(
      ({ facts }) => signal.aborted || this.#facts.replaceChildren(facts(collection, answer)),
      () => {}, // nobody waits for it
    );
    this.#results.show(state, collection.name, outcome, signal);
  }

  /** What is known later than the rest comes last in it, and stays: nothing moves under a click. */
  #showBar() {
    this.#hasProducts ||= Boolean(this.#outcome?.neighbors.some(({ product_id: id }) => id));
    this.#bar.show(this.#state, this.#numbers, this.#hasProducts || !this.#state.grouped);
  }

  #setTitle() {
    const title = titleOf(this.#state, this.#outcome?.item);
    this.#grid.title = title;
    setTitle(title);
  }

  /**
   * Beside the results, which neither wait for the filters nor fail with them.
   * @param {import("./late_filters.js").Described} described @param {State} state @param {AbortSignal} signal
   */
  async #showFilters(described, state, signal) {
    const tell = (left) => (this.#filterSheet.done = left);
    try {
      this.#numbers = await this.#filters.show(described, state, signal, tell);
      this.#showBar();
    } catch (error) {
      if (!signal.aborted) this.#filters.hide();
      if (!signal.aborted && !(error instanceof Problem)) throw error;
    }
  }

  async #more() {
    const outcome = this.#outcome;
    if (!outcome?.cursor || this.#loadsMore) return;
    const { signal } = this.#running;
    this.#loadsMore = true;
    try {
      const photo = this.#photo?.blob ?? null;
      const next = await this.#questions.more(this.#state, photo, outcome, this.#asking(signal));
      if (this.#outcome === outcome) this.#grid.append(next, outcome.cursor !== null);
    } catch (error) {
      if (!signal.aborted && !(error instanceof Problem)) throw error;
      await sleep(RESTS_MS, signal).catch(() => {});
    } finally {
      this.#loadsMore = false;
      this.#grid.watchEnd();
    }
  }

  /**
   * Dots on what stands out. It costs as much as the search itself, so it is asked for once the answer
   * is drawn and somebody can see it.
   * @param {Photo} photo @param {string} collection @param {AbortSignal} signal
   */
  async #offerObjects(photo, collection, signal) {
    if (signal.aborted) return;
    const regions = await this.#questions.proposals(photo.blob, { collection, signal }).catch(() => []);
    if (!signal.aborted) this.#query.offer(regions);
  }

  /** What can be done about a problem. @returns {import("./recovery.js").Remedies} */
  get #remedies() {
    return {
      choose: this.#state.photo ? () => this.#inputs.choose.click() : null,
      again: () => {
        this.#shown = { subject: "", results: "" };
        this.#router.go(location.href, { replace: true });
      },
      search: () => this.#go({ ...NO_FILTERS, sort: null, like: [], unlike: [] }),
      start: () => this.#router.go("/"),
    };
  }
}
