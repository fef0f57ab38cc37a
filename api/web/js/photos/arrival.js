/* A photo between being chosen and being searched with. The last one counts, and none once the reader
   went elsewhere. */

import { t } from "../language.js";
import { keep } from "./library.js";
import { shrink } from "./shrink.js";

/**
 * @param {(isBusy: boolean) => void} tell Whether one is on its way.
 * @param {(id: string) => void} arrived Called with what it is kept by.
 */
export function arrival(tell, arrived) {
  let turn = 0;
  return {
    /** It is made smaller and kept. @param {File} file @param {number} [count] */
    async take(file, count = 1) {
      const mine = (turn += 1);
      tell(true);
      const small = await shrink(file);
      if (mine !== turn) return;
      const id = await keep(file.name || t("query.pasted"), file.size, small, count);
      if (mine === turn) arrived(id);
    },
    stop() {
      turn += 1;
      tell(false);
    },
  };
}
