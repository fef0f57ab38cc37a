/* The server with all that owners do. */

import { sendWithKey } from "./access.js";
import { Client } from "./client.js";
import { randomId } from "./search_client.js";
import { send } from "./server.js";

export { untilReady, uploads } from "./server.js";

const transport = (url, request = {}) => sendWithKey(send, String(url), request);

export const server = new Client({ retries: 0, fetch: transport });

/** @type {Map<string, string>} */
const unanswered = new Map();

/**
 * Start a job. Where no answer came, asking for the same again starts no second one.
 * @param {string} kind @param {Record<string, *>} parameters @param {string} collection @param {AbortSignal} [signal]
 */
export async function startJob(kind, parameters, collection, signal) {
  const asked = JSON.stringify([collection, kind, parameters]);
  const idempotencyKey = unanswered.get(asked) ?? randomId(16);
  unanswered.set(asked, idempotencyKey);
  const answered = () => unanswered.delete(asked);
  try {
    const job = await persistent.createJob(kind, parameters, { collection, signal, idempotencyKey });
    answered();
    return job;
  } catch (error) {
    if (/** @type {import("./client.js").Problem} */ (error).status) answered();
    throw error;
  }
}

/** As `server`, but asks again by itself, for what takes long. */
export const persistent = new Client({ fetch: transport });
