/**
 * As much of Deno as some tests need, where there is no Deno: they are registered by `Deno.test` and run
 * one after the other, and a line of JSON is printed for each.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { execFile, spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { Readable, Writable } from "node:stream";

/** What became of a test, or of a step of one. */
export interface Outcome {
  readonly name: string;
  /** Why it was not run. */
  readonly skipped?: string;
  /** Why it failed. */
  readonly error?: string;
}

type Body = (t: { step(name: string, body: () => unknown): Promise<boolean> }) => unknown;

type Stdio = "null" | "piped";

interface CommandOptions {
  readonly args: readonly string[];
  readonly stdin?: Stdio;
  readonly stdout?: Stdio;
}

const tests: { readonly name: string; readonly body: Body }[] = [];
const ends: (() => unknown)[] = [];

class Command {
  constructor(readonly command: string, readonly options: CommandOptions) {}

  output(): Promise<{ success: boolean; stderr: Uint8Array }> {
    return new Promise((resolve) =>
      execFile(this.command, [...this.options.args], { encoding: "buffer" }, (error, _, stderr) => {
        resolve({ success: error === null, stderr });
      })
    );
  }

  spawn() {
    const { args, stdin, stdout } = this.options;
    const stdio = [stdin, stdout].map((kind) => kind === "piped" ? "pipe" : "ignore");
    const child = spawn(this.command, [...args], {
      stdio: [stdio[0], stdio[1], "ignore"] as ("pipe" | "ignore")[],
    });
    return {
      kill: () => void child.kill(),
      status: new Promise((resolve) => child.once("exit", resolve)),
      stdin: child.stdin && Writable.toWeb(child.stdin),
      stdout: child.stdout && Readable.toWeb(child.stdout),
    };
  }
}

Object.assign(globalThis, {
  Deno: {
    test: Object.assign((name: string, body: Body) => void tests.push({ name, body }), {
      afterAll: (end: () => unknown) => void ends.push(end),
    }),
    Command,
    makeTempDir: ({ prefix }: { prefix: string }) => mkdtemp(`${tmpdir()}/${prefix}`),
    readTextFile: (path: string) => readFile(path, "utf8"),
    remove: (path: string) => rm(path, { recursive: true, force: true }),
    writeTextFile: (path: string, text: string, options?: { append?: boolean }) =>
      (options?.append ? appendFile : writeFile)(path, text),
  },
});

// For the tests' own helpers; Node has these from version 25 on.
Uint8Array.fromBase64 ??= (text: string) => new Uint8Array(Buffer.from(text, "base64"));
Uint8Array.prototype.toBase64 ??= function () {
  return Buffer.from(this).toString("base64");
};
Uint8Array.prototype.toHex ??= function () {
  return Buffer.from(this).toString("hex");
};

/** What no other runtime can run. */
export const ofDeno: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "PTR, A and AAAA records",
    "MX and SRV records",
    "a name server that does not answer is left at the signal",
  ]
    .map((test) => [`denoResolver: ${test}`, "it is Deno's"]),
);

/**
 * Runs what has been registered.
 *
 * @param skip Tests that are not run, by name, with the reason.
 */
export async function runTests(skip: Readonly<Record<string, string>> = {}): Promise<void> {
  const tell = (outcome: Outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
  const attempt = async (name: string, body: () => unknown): Promise<boolean> => {
    try {
      await body();
      return tell({ name });
    } catch (thrown) {
      tell({ name, error: thrown instanceof Error ? thrown.stack : String(thrown) });
      return false;
    }
  };
  for (const name of Object.keys(skip)) {
    if (!tests.some((test) => test.name === name)) tell({ name, error: "There is no such test" });
  }
  for (const { name, body } of tests) {
    const step = (step: string, body: () => unknown) => attempt(`${name}: ${step}`, body);
    if (name in skip) tell({ name, skipped: skip[name] });
    else await attempt(name, () => body({ step }));
  }
  for (const end of ends) await end();
}
