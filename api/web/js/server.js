/* The server that this page came from. What it cannot answer is shown at once, and asked again by
   the reader. */

import { Client, Problem, sleep } from "./client.js";

const LONGEST_PAUSE_MS = 5000;

export const server = new Client({ retries: 0 });

/** Resolves once the server says that it can answer; asks ever less often. */
export async function untilReady(signal) {
  for (let pause = 500; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    await sleep(pause, signal);
    try {
      return await server.readyz({ signal });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}
