/** The store as a page would have it after some messages. */

import { parseReport } from "../../src/parse.ts";
import { initial, missed, reduce } from "../../src/store.ts";
import { report } from "./fixtures.ts";

/** The numbers of `room-1`'s reports that a page misses after these came live; with `late` the last one was historical. */
export function heard(seqs: readonly number[], late = false): readonly number[] {
  const state = seqs.reduce((state, seq, i) => {
    const result = parseReport(report(seq, { historical: late && i === seqs.length - 1 }));
    if (result.kind !== "report") throw new Error("the fixture is no report");
    return reduce(state, { type: "report", report: result.report });
  }, initial(0));
  return missed(state, "room-1");
}
