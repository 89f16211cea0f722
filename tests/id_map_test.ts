import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IdMap } from "../src/id_map.ts";

Deno.test("id map: as a Map, whatever comes and goes", () => {
  // Ids of which many end alike, so that they share their lists.
  const id = fc.tuple(fc.nat(20), fc.nat(9)).map(([first, last]) => `${first}-abc${last}`);
  const deed = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), id, value: fc.nat() }),
    fc.record({ kind: fc.constant("delete" as const), id }),
    fc.record({ kind: fc.constant("clear" as const), id }),
  );
  fc.assert(fc.property(fc.array(deed, { size: "large" }), (deeds) => {
    const map = new IdMap<number>();
    const model = new Map<string, number>();
    for (const deed of deeds) {
      if (deed.kind === "set") {
        map.set(deed.id, deed.value);
        model.set(deed.id, deed.value);
      } else if (deed.kind === "delete") {
        map.delete(deed.id);
        model.delete(deed.id);
      } else {
        map.clear();
        model.clear();
      }
      assertEquals([map.get(deed.id), map.has(deed.id)], [model.get(deed.id), model.has(deed.id)]);
    }
    assertEquals([map.size, map.values().sort()], [model.size, [...model.values()].sort()]);
  }));
});

Deno.test("id map: it grows with what is in it", () => {
  const map = new IdMap<number>();
  const ids = Array.from({ length: 10_000 }, (_, n) => `x-${n.toString(36)}`);
  for (const [n, id] of ids.entries()) map.set(id, n);
  assertEquals(ids.every((id, n) => map.get(id) === n), true);
  for (const id of ids.slice(1)) map.delete(id);
  assertEquals([map.size, map.values()], [1, [0]]);
});
