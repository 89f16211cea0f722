/**
 * A private Postfix in a temporary directory: own configuration, queue, log and mailboxes, only on
 * 127.0.0.1, nothing of it shared with the machine's own mail system.
 *
 * It takes mail for `test.example`, delivers it to a Maildir and refuses `refused@test.example`;
 * mail for any other domain fails at once, so nothing leaves the machine. Root is needed because
 * Postfix's master gives each daemon its own user; the users come with Debian's package.
 *
 * @module
 */

import { eventually, freePort, runOrThrow } from "./_tools.ts";

/** The domain whose mail is delivered. */
export const DOMAIN = "test.example";

/** What a private Postfix can be asked for. */
export interface PostfixOptions {
  /** Further lines of main.cf; they win over the harness's own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further lines of master.cf. */
  readonly master?: readonly string[];
  /** PEM files: offers STARTTLS, and implicit TLS on `tlsPort`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where a Dovecot authentication server listens (`inet:host:port`): offers AUTH. */
  readonly authentication?: string;
}

/** A message as the Maildir has it. */
export interface Delivered {
  readonly reversePath: string;
  /** The mailbox that Postfix was asked to deliver to. */
  readonly forwardPath: string;
  /** The whole file; lines end with LF. */
  readonly file: Uint8Array;
}

/** A private Postfix. */
export interface PostfixInstance extends AsyncDisposable {
  readonly port: number;
  /** Port for implicit TLS; only with `tls`. */
  readonly tlsPort: number;
  /**
   * Waits until the mailbox holds `count` messages and the queue none, and takes them out, in no
   * particular order. For "nothing was delivered" wait for `sessionsEnded` first.
   *
   * @throws {Error} If there are not exactly `count` by the deadline.
   */
  delivered(count: number): Promise<Delivered[]>;
  /** All that it has logged since it was first started. */
  log(): Promise<string>;
  /** Waits for a line of the log. */
  logged(line: RegExp): Promise<RegExpMatchArray>;
  /** Waits until no client is connected. */
  sessionsEnded(): Promise<void>;
  /** Whether no message waits in the queue. */
  queueEmpty(): Promise<boolean>;
  /** Stops it; sessions are cut. */
  stop(): Promise<void>;
  /** Starts it again on the same ports. */
  start(): Promise<void>;
}

const MASTER = [
  "cleanup unix n - n - 0 cleanup",
  "qmgr unix n - n 300 1 qmgr",
  "tlsmgr unix - - n 1000? 1 tlsmgr",
  "rewrite unix - - n - - trivial-rewrite",
  "bounce unix - - n - 0 bounce",
  "defer unix - - n - 0 bounce",
  "trace unix - - n - 0 bounce",
  "proxymap unix - - n - - proxymap",
  "error unix - - n - - error",
  "retry unix - - n - - error",
  "virtual unix - n n - - virtual",
  "anvil unix - - n - 1 anvil",
  "postlog unix-dgram n - n - 1 postlogd",
];

/** What a message can wait in; `maildrop` and `hold` are never used here. */
const QUEUES = ["incoming", "active", "deferred"];

function settingsFor(directory: string, options: PostfixOptions): Record<string, string> {
  return {
    compatibility_level: "3.6",
    queue_directory: `${directory}/queue`,
    data_directory: `${directory}/data`,
    maillog_file: `${directory}/maillog`,
    maillog_file_prefixes: directory,
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    myhostname: `mx.${DOMAIN}`,
    mydestination: "",
    alias_maps: "",
    alias_database: "",
    fast_flush_domains: "",
    // No question to a name server: the tests must not depend on one.
    disable_dns_lookups: "yes",
    smtpd_peername_lookup: "no",
    default_transport: `error:only mail for ${DOMAIN} is delivered here`,
    relay_transport: `error:only mail for ${DOMAIN} is delivered here`,
    virtual_mailbox_domains: DOMAIN,
    virtual_mailbox_base: `${directory}/mail`,
    virtual_mailbox_maps: `regexp:${directory}/conf/mailboxes`,
    virtual_mailbox_limit: "0",
    virtual_uid_maps: "static:65534",
    virtual_gid_maps: "static:65534",
    smtpd_authorized_xclient_hosts: "127.0.0.0/8",
    smtpd_authorized_xforward_hosts: "127.0.0.0/8",
    smtpd_error_sleep_time: "0",
    in_flow_delay: "0",
    ...options.tls && {
      smtpd_tls_security_level: "may",
      smtpd_tls_chain_files: `${options.tls.key}, ${options.tls.cert}`,
      smtpd_tls_loglevel: "1",
    },
    ...options.authentication && {
      smtpd_sasl_auth_enable: "yes",
      smtpd_sasl_type: "dovecot",
      smtpd_sasl_path: options.authentication,
    },
    ...options.settings,
  };
}

async function filesIn(directory: string): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const entry of Deno.readDir(directory)) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory) files.push(...await filesIn(path));
      else files.push(path);
    }
  } catch (error) {
    // Postfix makes a Maildir with its first message, and moves queue files at any time.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files;
}

function parseDelivered(file: Uint8Array): Delivered {
  // virtual(8) writes the envelope into the first lines, before the message.
  const text = new TextDecoder().decode(file.subarray(0, 4096));
  const reversePath = /^Return-Path: <([^\n]*)>$/m.exec(text)?.[1];
  const forwardPath = /^X-Original-To: ([^\n]*)$/m.exec(text)?.[1];
  if (reversePath === undefined || forwardPath === undefined) {
    throw new Error(`Cannot read the envelope of a delivered message: found ${text}`);
  }
  return { reversePath, forwardPath, file };
}

/**
 * Starts a private Postfix on ports of 127.0.0.1 that were free.
 *
 * @throws {Error} If it does not start; the message holds what Postfix printed.
 */
export async function startPostfix(options: PostfixOptions = {}): Promise<PostfixInstance> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-postfix-" });
  const [port, tlsPort] = [freePort(), freePort()];
  const mailbox = `${directory}/mail/box`;
  const maillog = `${directory}/maillog`;

  // The daemons that are not root pass through here.
  await Deno.chmod(directory, 0o755);
  for (const name of ["conf", "queue", "data", "mail"]) await Deno.mkdir(`${directory}/${name}`);
  await runOrThrow("chown", ["postfix", `${directory}/data`]);
  await runOrThrow("chown", ["65534:65534", `${directory}/mail`]);
  await Deno.writeTextFile(`${directory}/conf/mailboxes`, "if !/^refused@/\n/^/ box/\nendif\n");
  await Deno.writeTextFile(
    `${directory}/conf/main.cf`,
    Object.entries(settingsFor(directory, options))
      .map(([name, value]) => `${name} = ${value}\n`).join(""),
  );
  await Deno.writeTextFile(
    `${directory}/conf/master.cf`,
    [
      `127.0.0.1:${port} inet n - n - - smtpd`,
      ...options.tls
        ? [`127.0.0.1:${tlsPort} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes`]
        : [],
      ...options.master ?? [],
      ...MASTER,
      "",
    ].join("\n"),
  );

  // Postfix waits while main.cf is younger than a second or two: somebody may be writing it.
  const past = new Date(Date.now() - 60_000);
  await Deno.utime(`${directory}/conf/main.cf`, past, past);

  const postfix = (command: string) => runOrThrow("postfix", ["-c", `${directory}/conf`, command]);
  const log = () => Deno.readTextFile(maillog);
  const start = async () => {
    await postfix("start");
  };
  const stop = async () => {
    await postfix("abort");
    await eventually("postfix to stop", async () => {
      try {
        await postfix("status");
      } catch {
        return true;
      }
    });
  };
  const queueEmpty = async () => {
    const waiting = await Promise.all(QUEUES.map((name) => filesIn(`${directory}/queue/${name}`)));
    return waiting.flat().length === 0;
  };
  const openSessions = async () => {
    // A daemon that was stopped logs no end of its session.
    const text = (await log()).split(": daemon started ").at(-1)!;
    const count = (line: RegExp) => text.match(line)?.length ?? 0;
    return count(/\]: connect from /g) - count(/\]: disconnect from /g);
  };

  try {
    await start();
  } catch (error) {
    await Deno.remove(directory, { recursive: true });
    throw error;
  }
  let running = true;

  return {
    port,
    tlsPort,
    log,
    queueEmpty,
    async delivered(count) {
      const arrived = () => filesIn(`${mailbox}/new`);
      const paths = await eventually(`${count} delivered messages`, async () => {
        if (!await queueEmpty()) return;
        const files = await arrived();
        return files.length >= count ? files : undefined;
      }, async () => `${(await arrived()).length} are there\n${await log()}`);
      const delivered: Delivered[] = [];
      for (const path of paths) {
        delivered.push(parseDelivered(await Deno.readFile(path)));
        await Deno.remove(path);
      }
      if (delivered.length !== count) {
        throw new Error(`Expected ${count} delivered messages, found ${delivered.length}`);
      }
      return delivered;
    },
    async sessionsEnded() {
      await eventually("the end of every session", async () => {
        return await openSessions() === 0 ? true : undefined;
      }, log);
    },
    logged: (line) =>
      eventually(`a line of Postfix's log that matches ${line}`, async () => {
        return (await log()).match(line) ?? undefined;
      }, log),
    async stop() {
      await stop();
      running = false;
    },
    async start() {
      await start();
      running = true;
    },
    async [Symbol.asyncDispose]() {
      if (running) await stop();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
