/**
 * A private Rspamd in a temporary directory, with one worker, no modules and a few rules of its own.
 *
 * @module
 */

import { type Daemon, startDaemon } from "./_daemon.ts";
import { freePort } from "./_tools.ts";

/** A private Rspamd. */
export interface Rspamd extends Daemon {
  readonly url: string;
}

/** What makes any message spam. */
export const GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/** An action is what the subject names; what it has been told is in `X-Seen`. */
const RULES = `
local actions = { 'greylist', 'soft reject', 'add header', 'rewrite subject' }
rspamd_config.TEST_ACTION = {
  callback = function(task)
    for _, action in ipairs(actions) do
      if (task:get_subject() or ''):find(action, 1, true) then
        task:set_pre_result({ action = action, message = 'because ' .. action, module = 'test' })
      end
    end
  end,
  type = 'postfilter',
}
rspamd_config.TEST_SEEN = {
  callback = function(task)
    local recipients = {}
    for _, recipient in ipairs(task:get_recipients('smtp')) do
      table.insert(recipients, recipient.addr)
    end
    local seen = {
      task:get_from('smtp')[1].addr, table.concat(recipients, ' '), tostring(task:get_ip()),
      task:get_helo(), task:get_hostname(), task:get_user(),
      tostring(task:get_request_header('TLS-Version')),
      tostring(task:get_request_header('MTA-Name')),
    }
    task:set_milter_reply({
      add_headers = {
        ['X-Seen'] = table.concat(seen, '|'),
        ['X-Top'] = { value = 'a\\n\\tb', order = 0 },
      },
      remove_headers = { ['X-All'] = 0, ['X-Last'] = -1 },
    })
    return true, 1.0, 'found'
  end,
  score = 2.5,
}
`;

/**
 * Starts it.
 *
 * @throws {Error} If it does not start; the message holds what it logged.
 */
export async function startRspamd(): Promise<Rspamd> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-rspamd-" });
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  // The whole list of public suffixes takes a second to compile.
  await Deno.writeTextFile(`${directory}/suffixes`, "example\n");
  await Deno.writeTextFile(`${directory}/rules.lua`, RULES);
  await Deno.writeTextFile(
    `${directory}/rspamd.conf`,
    `
options {
  filters = "";
  url_tld = "${directory}/suffixes";
  dns { nameserver = "127.0.0.1:9"; timeout = 0.1s; retransmits = 1; }
  control_socket = "${directory}/control";
  pidfile = "${directory}/pid";
  history_file = "${directory}/history";
}
logging { type = "file"; filename = "${directory}/log"; level = "info"; }
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
actions {
  reject = 15;
  "rewrite subject" = 8;
  "add header" = 6;
  subject = "[SPAM] %s";
}
lua = "${directory}/rules.lua";
`,
  );
  const daemon = await startDaemon("rspamd", {
    args: ["--insecure", "--config", `${directory}/rspamd.conf`],
    directory,
    ready: async () => {
      const response = await fetch(`${url}/ping`);
      return (await response.text()).startsWith("pong");
    },
  });
  return { ...daemon, url };
}
