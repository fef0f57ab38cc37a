/* The conductor: reads the state from the router, asks the searcher, tells the parts what to show. */

import { Problem } from "./client.js";
import { byId, el } from "./dom.js";
import * as facets from "./facets.js";
import { LONGEST_LIST, LabelFilter, SizeChoice } from "./filters.js";
import * as footer from "./footer.js";
import { itemName, lastPart } from "./format.js";
import { onKeys } from "./keys.js";
import * as notices from "./notices.js";
import * as photos from "./photos.js";
import * as prediction from "./prediction.js";
import * as query from "./query.js";
import * as results from "./results.js";
import { Router } from "./router.js";
import * as samples from "./samples.js";
import { Searcher, queryKey } from "./search.js";
import { server, untilReady } from "./server.js";
import { START } from "./state.js";
import { onPhoto, openDialog } from "./upload.js";

const router = new Router();
const searcher = new Searcher();
const labelFilter = new LabelFilter();
const sizeChoice = new SizeChoice();
const collectionSelect = byId("collection");

let collections = [];
let described = null; // the collection whose labels and samples are on the page
let shown = null; // the query whose results are on the page

/** Bring the page to the router's state. The one entry for clicks, history and new photos. */
async function render({ traversed }) {
  const signal = searcher.supersede();
  notices.clear();
  try {
    await whenReady(() => present(traversed, signal), signal);
  } catch (error) {
    if (signal.aborted) return; // superseded: its answer no longer matters
    if (!(error instanceof Problem)) throw error;
    prediction.hide();
    results.hide();
    shown = null;
    showProblem(error);
  }
}

/** A refused photo asks for another one; anything else may work the next time. */
function showProblem(problem) {
  const refused = router.state.photo && [413, 415, 422].includes(problem.status);
  if (refused) notices.problem(problem, "Choose another", openDialog);
  else notices.problem(problem, "Try again", () => render({ traversed: false }));
}

/** Do the task; while the server is still getting ready, say so, wait, and do it again. */
async function whenReady(task, signal) {
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof Problem && error.isNotReady)) throw error;
      results.hide();
      prediction.hide();
      notices.waiting(error);
      await untilReady(signal);
      notices.clear();
    }
  }
}

async function present(traversed, signal) {
  const { state } = router;
  const photo = photos.recall(state.photo);
  if (state.item || photo) showQuery(state, photo, { traversed });
  else showStart();
  const collection = await describeCollection(state, signal);
  if (state.item || photo) await showResults(collection, state, photo, { traversed, signal });
  else if (collection.items === 0) {
    const help = "Run “eyedex index” with a folder or a CSV of pictures, then reload this page.";
    notices.nothing("This catalog is empty", help);
  }
}

function showStart() {
  document.body.dataset.view = "start";
  document.title = "Eyedex";
  shown = null;
  query.hide();
  prediction.hide();
  results.hide();
  facets.hide();
}

/** Everything that can be said before the answer is here. */
function showQuery(state, photo, { traversed }) {
  const key = queryKey(state.collection, state);
  const narrowing = shown === key;
  document.body.dataset.view = "results";
  labelFilter.value = state.label;
  sizeChoice.value = state.k;
  if (!narrowing) {
    prediction.showLoading();
    if (photo) query.showPhoto(photo);
    else query.showItemId(state.item);
    setTitle(photo ? "Closest to your photo" : `Similar to ${lastPart(state.item)}`);
  }
  results.showLoading(state.k, { narrowing });
  if (!narrowing && !traversed) {
    scrollTo({ top: 0 });
    results.focusTitle();
  }
  shown = key;
}

async function showResults(collection, state, photo, { traversed, signal }) {
  const options = { signal, reuse: traversed };
  showFacets(collection, state, signal);
  const outcome = await searcher.run(collection.name, state, photo?.file, options);
  if (photo) query.showPhoto(photo);
  else query.showItem(outcome.item);
  query.showWarnings(outcome.answer.warnings);
  if (outcome.item) setTitle(`Similar to ${itemName(outcome.item)}`);
  prediction.show(outcome.prediction, (label) => router.href({ label }));
  results.show(outcome.answer.neighbors, hrefOfItem);
  footer.show(collection, outcome.answer);
  if (outcome.answer.neighbors.length === 0) showNothingFound(state);
}

/** Beside the results, which neither wait for the facets nor fail with them. */
async function showFacets(collection, state, signal) {
  try {
    await facets.show(collection, state, (only) => router.href({ only }), signal);
  } catch (error) {
    if (!signal.aborted) facets.hide();
    if (!signal.aborted && !(error instanceof Problem)) throw error;
  }
}

function showNothingFound(state) {
  if (state.only.length) {
    const text = "No item that can be compared with this one has all of these values.";
    notices.nothing("No results", text, "Show everything", () => router.go({ label: "", only: [] }));
  } else if (state.label) {
    const text = `No item under ${state.label} can be compared with this one.`;
    notices.nothing("No results", text, "Show all labels", () => router.go({ label: "" }));
  } else {
    notices.nothing("No results", "The catalog holds nothing to compare with yet.");
  }
}

/** Labels, samples and facts of the state's collection; asked for once until it changes. */
async function describeCollection(state, signal) {
  if (collections.length === 0) {
    await server.readyz({ signal });
    ({ collections } = await server.listCollections({ signal }));
    fillCollectionSelect();
  }
  const name = state.collection ?? collections[0]?.name ?? "default";
  const collection = collections.find((each) => each.name === name) ?? { name, items: 0 };
  if (collections.length === 0) return collection;
  collectionSelect.value = name;
  if (described !== name) {
    footer.show(collection, null);
    const find = (text, asking) => {
      const q = text || undefined;
      return server.listLabels({ collection: name, q, limit: LONGEST_LIST, signal: asking });
    };
    const page = await find("", signal);
    labelFilter.setLabels(page, collection.items, find);
    await samples.show(name, page.labels, hrefOfItem, signal);
    described = name;
  }
  return collection;
}

function fillCollectionSelect() {
  byId("collection-field").hidden = collections.length < 2;
  const options = collections.map(({ name }) => el("option", { value: name }, name));
  collectionSelect.replaceChildren(...options);
}

function setTitle(text) {
  results.setTitle(text);
  document.title = `${text} – Eyedex`;
}

function hrefOfItem(item) {
  return router.href({ item, photo: null });
}

function startOver() {
  const { item, photo, collection } = router.state;
  if (item || photo) router.go({ ...START, collection });
}

router.addEventListener("change", (event) => render(event.detail));
labelFilter.addEventListener("change", (event) => router.go({ label: event.detail }));
sizeChoice.addEventListener("change", (event) => router.go({ k: event.detail }));
collectionSelect.addEventListener("change", () => {
  const isFirst = collectionSelect.value === collections[0].name;
  router.go({ collection: isFirst ? null : collectionSelect.value, item: null, label: "", only: [] });
});
onPhoto((file) => router.go({ photo: photos.keep(file), item: null, label: "", only: [] }));
query.onClear(startOver);
onKeys({
  u: openDialog,
  "/": () => (document.body.dataset.view === "results" ? labelFilter.focus() : byId("photo").focus()),
  Escape: startOver,
});

render({ traversed: true });
