/* The JavaScript client against a real server: `node client_test.mjs URL PHOTO OPERATIONS`. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { Client, Problem } from "./client.js";

const [, , url, photoPath, operations] = process.argv;
const client = new Client({ url });
const photo = new Blob([await readFile(photoPath)]);
const ids = ({ neighbors }) => neighbors.map((each) => each.item_id);
const problem = (status, code) => (error) =>
  error instanceof Problem && error.status === status && error.code === code;

for (const name of JSON.parse(operations)) assert.equal(typeof client[name], "function", name);

/* Questions */
const first = await client.search({ image: photo }, { k: 4, facets: ["view"] });
assert.equal(first.neighbors.length, 4);
assert.ok(first.facets.view.length > 0);
const bytes = new Uint8Array(await photo.arrayBuffer());
assert.deepEqual(ids(await client.search({ image: bytes }, { k: 4 })), ids(first));
const again = { image: photo, query_token: first.query_token };
assert.deepEqual(ids(await client.search(again, { k: 4 })), ids(first));
const forgotten = { image: photo, query_token: "forgotten" };
assert.deepEqual(ids(await client.search(forgotten, { k: 4 })), ids(first));
const filter = { field: "price", gt: 1 };
assert.equal((await client.search({ image: photo }, { k: 2, filter })).neighbors.length, 2);
assert.equal((await client.similar(ids(first)[0], { k: 3, filter })).neighbors.length, 3);
assert.ok((await client.classify({ item_id: ids(first)[0] })).votes.length > 0);

/* Items, pages, collections */
const name = "new/a b?&%é";
assert.equal((await client.putItem(name, photo, { label: "A/B", attributes: { n: 1 } })).label, "A/B");
assert.equal((await client.patchItem(name, { label: null })).label, null);
assert.deepEqual((await client.getItem(name)).attributes, { n: 1 });
assert.equal((await client.getImage(name, { size: 32 })).type, "image/jpeg");
assert.equal(await client.deleteItem(name), undefined);
await assert.rejects(client.getItem(name), problem(404, "item_not_found"));
const found = [];
for await (const item of client.items({ limit: 30 })) found.push(item.item_id);
assert.equal(new Set(found).size, found.length);
assert.ok(found.length > 100);
assert.ok((await client.listLabels({ limit: 1 })).next_cursor);
assert.equal((await client.createCollection("js")).items, 0);
await assert.rejects(client.createCollection("js"), problem(409, "collection_exists"));
await client.deleteCollection("js");
assert.equal((await client.listCollections()).collections.length, 1);
assert.ok((await client.listFacets(["view"], { filter })).facets.view);

/* Many at once, uploads, jobs */
const put = [];
const three = ["a", "b", "c"].map((each) => ({ item_id: `js/${each}`, image: photo }));
for await (const { status } of client.putMany(three)) put.push(status);
assert.deepEqual(put, [201, 201, 201]);
const gone = three.map(({ item_id: id }) => ({ op: "delete", item_id: id }));
assert.equal((await client.batchItems(gone)).results.length, 3);
const asked2 = [{ image: photo }, { item_id: "unknown" }];
const { results } = await client.searchBatch(asked2, { k: 1 });
assert.deepEqual(results.map((each) => each.code ?? each.neighbors.length), [1, "item_not_found"]);
const [{ vector }] = (await client.search({ image: photo }, { k: 1, include: "vector" })).neighbors;
assert.deepEqual(ids(await client.search({ vector }, { k: 1 })), ids(first).slice(0, 1));
let every = 0;
const mix = { image: photo, like: [{ item_id: ids(first)[0] }], unlike: [{ item_id: ids(first)[1] }] };
const mixed = [];
for await (const each of client.searchAll(mix, { k: 50 })) mixed.push(each.item_id);
assert.deepEqual(mixed, ids(await client.search(mix, { k: 200 })));
assert.ok(!mixed.includes(ids(first)[0]));
const basket = { like: [{ item_id: ids(first)[0] }, { item_id: ids(first)[1] }] };
assert.equal((await client.search(basket, { k: 3, boost: { price: -0.1 }, diversity: 0.2 })).neighbors.length, 3);
for await (const each of client.searchAll({ image: photo }, { k: 50 })) every += each.score <= 1 ? 1 : 0;
assert.equal(every, found.length);
const collection = "from-js";
const upload = await client.createUpload({ collection });
await client.putUploadFile(upload.id, "Mugs/a b.jpg", photo, { collection });
assert.equal((await client.getUpload(upload.id, { collection })).file_count, 1);
const parameters = { source: { upload: upload.id }, encoder: "hsv" };
const job = await client.createJob("index", parameters, { collection });
const seen = [];
const done = await client.wait(job.id, { onProgress: ({ state }) => seen.push(state) });
assert.deepEqual([done.state, seen.at(-1), done.counts.added], ["done", "done", 1]);
await assert.rejects(client.cancelJob(job.id), problem(409, "job_finished"));
const last = String(done.version);
for await (const event of client.watchJob(job.id, { lastId: last })) assert.fail(event.event);
await client.deleteCollection(collection, { confirm: collection });

/* Stopping, and servers that fail */
const stopping = new AbortController();
stopping.abort();
await assert.rejects(client.readyz({ signal: stopping.signal }), { name: "AbortError" });
const statuses = [503, 0, 429];
let asked = 0;
const failing = createServer((request, response) => {
  asked += 1;
  const status = statuses.shift();
  if (status === 0) return request.socket.destroy();
  response.writeHead(status ?? 200, { "Content-Type": "application/json" });
  return response.end("{}");
});
await new Promise((resolve) => failing.listen(0, "127.0.0.1", resolve));
const flaky = new Client({ url: `http://127.0.0.1:${failing.address().port}` });
assert.deepEqual(await flaky.readyz(), {});
assert.equal(asked, 4);
statuses.push(503);
await assert.rejects(flaky.createCollection("x"), problem(503, "http_503"));
assert.equal(asked, 5);
statuses.push(503);
await flaky.createJob("tune");
assert.equal(asked, 7);
failing.closeAllConnections();
failing.close();

process.stdout.write("passed\n");
