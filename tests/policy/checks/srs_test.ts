import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { srs, type SrsOptions } from "../../../src/policy/checks/mod.ts";
import { SrsSigner } from "../../../src/policy/checks/srs_address.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { FakeClock } from "../../_clock.ts";
import { Asker } from "./_ask.ts";

const day = 86_400_000;
const secret = "correct horse battery";
const now = Date.UTC(2026, 0, 1);

function asker(options: Partial<SrsOptions> = {}, clock = new FakeClock(now)): Asker {
  const policy = srs({ domain: "Fwd.example", secrets: secret, ...options }, { clock });
  return new Asker(policy, {}, clock);
}

const refused = "550 5.1.1 No such address, or no longer";

Deno.test("srs: known addresses", async () => {
  // Computed apart from this code: HMAC over "srs0=7g=origin.example=user" and the like, in base32.
  const rows: readonly [Partial<SrsOptions>, string, string][] = [
    [{}, "user@origin.example", "SRS0=T6CT3Z=7G=origin.example=user@fwd.example"],
    [{}, "User@Origin.example", "SRS0=T6CT3Z=7G=origin.example=User@fwd.example"],
    [
      { hashLength: 16, algorithm: "SHA-1" },
      "u@o.example",
      "SRS0=SGXRBMMKSS5FSNNJ=7G=o.example=u@fwd.example",
    ],
    [{ hashLength: 4 }, '"a b"@o.example', '"SRS0=WYPF=7G=o.example=a b"@fwd.example'],
    [
      {},
      "SRS0=HHHH=TT=o.example=u@first.example",
      "SRS1=ADKIK6=first.example==HHHH=TT=o.example=u@fwd.example",
    ],
    [
      {},
      "srs1+zz=first.example==HHHH=TT=o.example=u@second.example",
      "SRS1=ADKIK6=first.example==HHHH=TT=o.example=u@fwd.example",
    ],
  ];
  for (const [options, sender, expected] of rows) {
    assertEquals(await asker(options).mail(sender), expected, sender);
  }
});

Deno.test("srs: who stays as it is", async () => {
  const rows = ["<>", "any@FWD.example", "a@own.example", `${"x".repeat(40)}@long.example`];
  for (const sender of rows) {
    assertEquals(await asker({ own: "own.example" }).mail(sender), "-", sender);
  }
});

Deno.test("srs: forward and back again, also through a second forwarder", async () => {
  const first = asker();
  const second = asker({ domain: "second.example", secrets: "another secret of two" });
  const third = asker({ domain: "third.example", secrets: "the last of the secrets" });
  const one = await first.mail("User+x=y@Origin.example");
  assertMatch(one, /^SRS0=[A-Z2-7]{6}=[A-Z2-7]{2}=origin\.example=User\+x=y@fwd\.example$/);
  const two = await second.mail(one);
  assertMatch(two, /^SRS1=[A-Z2-7]{6}=fwd\.example==[A-Z2-7]{6}=.*@second\.example$/);
  const three = await third.mail(two);
  assertMatch(three, /^SRS1=[A-Z2-7]{6}=fwd\.example==[A-Z2-7]{6}=.*@third\.example$/);
  assertEquals(await third.rcpt(three), one);
  assertEquals(await second.rcpt(two), one);
  assertEquals(await first.rcpt(one), "User+x=y@origin.example");
});

Deno.test("srs: what comes back changed", async () => {
  const judge = asker();
  const good = await judge.mail("user@origin.example");
  const [, hash, stamp] = good.split("=");
  const other = (text: string) => (text[0] === "A" ? "B" : "A") + text.slice(1);
  const rows = [
    [good.toLowerCase(), "user@origin.example"],
    [good.toUpperCase(), "USER@origin.example"],
    [good.replace("SRS0=", "SRS0+"), "user@origin.example"],
    [good.replace(hash, other(hash)), refused],
    [good.replace(hash, hash.slice(1)), refused],
    [good.replace(hash, `${hash}A`), refused],
    [good.replace(`=${stamp}=`, `=${other(stamp)}=`), refused],
    [good.replace("user", "users"), refused],
    [good.replace("origin", "origins"), refused],
    ["SRS0=@fwd.example", refused],
    ["SRS1=AAAAAA=x==@fwd.example", refused],
    ["srs0-x@fwd.example", refused],
    // Not ours, or not of the form.
    [good.replace("@fwd.", "@other."), "-"],
    ["SRS0@fwd.example", "-"],
    ["user@fwd.example", "-"],
    ["Postmaster", "-"],
  ];
  for (const [recipient, expected] of rows) {
    assertEquals(await judge.rcpt(recipient), expected, recipient);
  }
});

Deno.test("srs: an address is good to the last day, whenever the days begin anew", async () => {
  const wrap = 1024 * day * 20;
  for (const start of [now, wrap - day, wrap - 30 * day]) {
    const clock = new FakeClock(start);
    const judge = asker({ expiry: "3d" }, clock);
    const address = await judge.mail("user@origin.example");
    await clock.advance(3 * day);
    assertEquals(await judge.rcpt(address), "user@origin.example");
    await clock.advance(day);
    assertEquals(await judge.rcpt(address), refused);
  }
});

Deno.test("srs: a new secret signs, the old one is still good", async () => {
  const old = await asker({ secrets: ["the old secret is here"] }).mail("user@origin.example");
  const both = asker({ secrets: [secret, "the old secret is here"] });
  assertEquals(await both.rcpt(old), "user@origin.example");
  assertEquals(await both.mail("user@origin.example"), await asker().mail("user@origin.example"));
  assertEquals(await asker().rcpt(old), refused);
});

const domain = fc.domain().map((text) => text.toLowerCase()).filter((text) => text.length < 30);
const localPart = fc.oneof(
  fc.string({ maxLength: 12, unit: fc.constantFrom(...'ab=+-@ ."\\SRS01ä') }),
  fc.constantFrom("SRS0", "SRS1", "", "a=b=c"),
);

function signer(expiry = 21): SrsSigner {
  return new SrsSigner({
    domain: "f.example",
    secrets: [secret],
    algorithm: "SHA-256",
    hashLength: 4,
    expiry,
  });
}

Deno.test("srs: forward and reverse give back what went in", async () => {
  const one = signer();
  await fc.assert(
    fc.asyncProperty(
      localPart,
      domain,
      fc.nat(4_000),
      fc.nat(21),
      async (local, at, today, later) => {
        fc.pre(!/^SRS[01][-+=]/i.test(local));
        const path = Path.from(`x@${at}`).withLocalPart(local);
        const forwarded = await one.forward(path, today * day);
        const back = await one.reverse(forwarded, (today + later) * day);
        assertEquals(back?.address, path.address);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("srs: hostile addresses never throw, and none is good without the secret", async () => {
  const judge = asker();
  const unit = fc.constantFrom(...'SRS01=+-A2a@."\\ é\u{1f600}');
  const local = fc.string({ unit, maxLength: 20 }).chain((text) =>
    fc.constantFrom("SRS0=", "SRS1=", "srs0-", "SRS1=AAAAAA=x=", "SRS0=AAAAAA=AA=x=", "")
      .map((start) => start + text)
  );
  await fc.assert(
    fc.asyncProperty(local, async (text) => {
      const path = Path.from("x@fwd.example").withLocalPart(text);
      const answer = await judge.rcpt(path.address);
      assert(answer === "-" || answer === refused, answer);
      const sender = Path.from("x@elsewhere.example").withLocalPart(text);
      const forwarded = await judge.mail(sender.address);
      assertNotEquals(forwarded.slice(0, 3), "451");
      assertEquals(judge.troubles, []);
    }),
    { numRuns: 300 },
  );
});
