/* Types that openapi-typescript generated, at work: `uses_typescript.js URL PHOTO`. */

import { readFileSync } from "node:fs";

import createClient from "openapi-fetch";

import type { components, paths } from "./api";

const [, , baseUrl, photo] = process.argv;
const client = createClient<paths>({ baseUrl });
const c = "typed";
const items = 5_000;
const picture = new Blob([readFileSync(photo)]);

function check(truth: unknown, what: unknown): asserts truth {
  if (!truth) throw new Error(JSON.stringify(what));
}

async function main(): Promise<void> {
  const made = await client.POST("/v1/collections/{c}/uploads", { params: { path: { c } }, body: {} });
  check(made.data, made.error);
  const path = { c, upload_id: made.data.id };
  const rows = Array.from({ length: items }, (_, n) => `item-${n},Kind/${(n % 3) + 1}.jpg,Kind`);
  const table = new Blob([["item_id,image,label", ...rows].join("\n")]);
  for (const name of ["Kind/1.jpg", "Kind/2.jpg", "Kind/3.jpg", "shop.csv"]) {
    const staged = await client.PUT("/v1/collections/{c}/uploads/{upload_id}/files/{name}", {
      params: { path: { ...path, name } },
      body: (name === "shop.csv" ? table : picture) as unknown as string,
      bodySerializer: (body: unknown) => body,
      headers: { "Content-Type": "application/octet-stream" },
    });
    check(staged.data, staged.error);
  }
  const asked = await client.POST("/v1/collections/{c}/jobs", {
    params: { path: { c } },
    body: { kind: "index", source: { upload: made.data.id }, encoder: "hsv" } as components["schemas"]["IndexJob"],
  });
  check(asked.data, asked.error);
  let job: components["schemas"]["Job"] = asked.data;
  while (job.state === "queued" || job.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await client.GET("/v1/jobs/{job_id}", { params: { path: { job_id: job.id } } });
    check(now.data, now.error);
    job = now.data;
  }
  check(job.state === "done" && job.counts.added === items && job.done === job.total, job);

  const form = new FormData();
  form.set("image", picture);
  form.set("k", "2");
  const found = await client.POST("/v1/collections/{c}/search", {
    params: { path: { c } },
    body: {} as components["schemas"]["SearchForm"],
    bodySerializer: () => form,
  });
  check(found.data?.neighbors.length === 2, found.error);
  const item_id = found.data.neighbors[0].item_id;
  const body: components["schemas"]["ClassifyRequest"] = { item_id };
  const classified = await client.POST("/v1/collections/{c}/classify", { params: { path: { c } }, body });
  check(classified.data && classified.data.votes.length >= 0, classified.error);

  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await client.GET("/v1/collections/{c}/items", {
      params: { path: { c }, query: { limit: 500, cursor } },
    });
    check(page.data, page.error);
    ids.push(...page.data.items.map((each) => each.item_id));
    if (page.data.next_cursor === null) break;
    cursor = page.data.next_cursor;
  }
  check(new Set(ids).size === items && ids.length === items, ids.length);

  const missing = await client.GET("/v1/collections/{c}/items/{item_id}", {
    params: { path: { c, item_id: "unknown" } },
  });
  check(missing.error?.code === "item_not_found", missing);
  console.log("passed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
