/**
 * A private Dovecot in a temporary directory, which takes mail by LMTP: own configuration, users,
 * sockets and log, only on 127.0.0.1 and a Unix socket.
 *
 * It delivers to `alice` and `bob` of `test.example`, and takes `full@test.example` for a recipient
 * whose every message turns out too much for the quota.
 *
 * @module
 */

import { available, eventually, freePort, run, runOrThrow } from "./_tools.ts";

/** What a test has to name as its needs. */
export const DOVECOT = ["dovecot", "doveadm", "lmtp"] as const;

/** What a private Dovecot can be asked for. */
export interface DovecotOptions {
  /** A quota that is full is no refusal for good (452 instead of 552). Default false. */
  readonly fullIsTemporary?: boolean;
}

/** A private Dovecot. */
export interface DovecotInstance extends AsyncDisposable {
  readonly port: number;
  /** Path of its Unix socket. */
  readonly socket: string;
  /** Takes the messages of one user out, in no particular order. */
  delivered(user: "alice" | "bob" | "full"): Promise<string[]>;
}

function configuration(
  directory: string,
  port: number,
  { user, group, uid, gid }: Owner,
  { fullIsTemporary = false }: DovecotOptions,
): string {
  return `
base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
default_internal_user = ${user}
default_login_user = ${user}
default_internal_group = ${group}
mail_uid = ${uid}
mail_gid = ${gid}
first_valid_uid = 1
quota_full_tempfail = ${fullIsTemporary ? "yes" : "no"}
mail_location = maildir:${directory}/mail/%n
mail_plugins = quota
plugin {
  quota = maildir:box
  quota_grace = 0
}
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = passwd-file
  args = ${directory}/users
  default_fields = uid=${uid} gid=${gid} home=${directory}/mail/%n
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${port}
  }
  unix_listener ${directory}/lmtp.sock {
    mode = 0666
  }
}
`;
}

const USERS = `alice@test.example:{PLAIN}x::::::
bob@test.example:{PLAIN}x::::::
full@test.example:{PLAIN}x::::::userdb_quota_rule=*:bytes=10
`;

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
}

/** Whose the mail is: never root's, for which Dovecot delivers nothing. */
async function owner(): Promise<Owner> {
  if (Deno.uid() === 0) return { uid: 65534, gid: 65534, user: "nobody", group: "nogroup" };
  const [user, group] = await Promise.all(
    ["-un", "-gn"].map(async (what) => (await runOrThrow("id", [what])).trim()),
  );
  return { uid: Deno.uid()!, gid: Deno.gid()!, user, group };
}

/**
 * Starts a private Dovecot on a port of 127.0.0.1 that was free.
 *
 * @throws {Error} If it does not start; the message holds its configuration.
 */
export async function startDovecot(options: DovecotOptions = {}): Promise<DovecotInstance> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-dovecot-" });
  const port = freePort();
  const own = await owner();
  // Processes that are not root pass through here.
  await Deno.chmod(directory, 0o755);
  for (const name of ["run", "state", "mail"]) await Deno.mkdir(`${directory}/${name}`);
  await Deno.chown(`${directory}/mail`, own.uid, own.gid);
  await Deno.writeTextFile(`${directory}/users`, USERS);
  const config = `${directory}/dovecot.conf`;
  await Deno.writeTextFile(config, configuration(directory, port, own, options));
  // It listens when it has gone into the background, where it keeps the streams that it was given.
  const { success } = await new Deno.Command(available("dovecot")!, {
    args: ["-c", config],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) {
    const { output } = await run("doveconf", ["-n", "-c", config]);
    await Deno.remove(directory, { recursive: true });
    throw new Error(`Cannot start Dovecot: ${output}`);
  }
  return {
    port,
    socket: `${directory}/lmtp.sock`,
    async delivered(user) {
      const messages: string[] = [];
      const box = `${directory}/mail/${user}/new`;
      try {
        for await (const { name } of Deno.readDir(box)) {
          messages.push(await Deno.readTextFile(`${box}/${name}`));
          await Deno.remove(`${box}/${name}`);
        }
      } catch (error) {
        // A Maildir is made with its first message.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      return messages;
    },
    async [Symbol.asyncDispose]() {
      await runOrThrow("doveadm", ["-c", config, "stop"]);
      await eventually("Dovecot to stop", async () => {
        try {
          await Deno.lstat(`${directory}/run/master.pid`);
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return true;
          throw error;
        }
      });
      await Deno.remove(directory, { recursive: true });
    },
  };
}
