/* The jobs of a collection. */

import { jobList } from "./job_list.js";

/** @param {import("./view.js").Around} around @returns {import("./view.js").PartView} */
export function open(around) {
  const jobs = jobList(around);
  return { element: jobs.element, show: ({ collection }, signal) => jobs.show(collection, signal) };
}
