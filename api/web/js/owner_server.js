/* The server with all that owners do. */

import { sendWithKey } from "./access.js";
import { Client } from "./client.js";
import { send } from "./server.js";

export { untilReady, uploads } from "./server.js";

const transport = (url, request = {}) => sendWithKey(send, String(url), request);

export const server = new Client({ retries: 0, fetch: transport });

/** As `server`, but asks again by itself, for what takes long. */
export const persistent = new Client({ fetch: transport });
