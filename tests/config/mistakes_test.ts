import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { loadConfiguration } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import { policyOf } from "../../src/config/policy.ts";
import { FakeClock } from "../_clock.ts";

/** A file with one mistake, and what is said about it; `…` stands for any end. */
const mistakes: readonly (readonly [file: string, says: string])[] = [
  ["a = ", "a.toml:1:5: TOML: found invalid value, allowed is a document of TOML 1.1"],
  [
    `a = 1
a = 2`,
    "a.toml:2:1: TOML: found trying to redefine an already defined table or value, allowed is a document of TOML 1.1",
  ],
  ["a = [1,,2]", "a.toml:1:8: TOML: found invalid value, allowed is a document of TOML 1.1"],
  [
    "[a",
    "a.toml:1:2: TOML: found incomplete key-value: cannot find end of key, allowed is a document of TOML 1.1",
  ],
  [
    `a = 'x
'`,
    "a.toml:1:7: TOML: found control characters are not allowed in strings, allowed is a document of TOML 1.1",
  ],
  [
    "hostnam = 'a'",
    "a.toml:1:1: hostnam: found an unknown key, allowed is hostname, trusted, bare-new…",
  ],
  [
    "hostname = 'a b'",
    'a.toml:1:1: hostname: found "a b", allowed is a domain name or an address literal',
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'rcpt'\nwhen.or = []\nthen.discard = true",
    "a.toml:4:6: rule[0].when.or: found an empty array, allowed is at least one condition",
  ],
  ["hostname = 1", "a.toml:1:1: hostname: found 1, allowed is a domain name or an address literal"],
  [
    "hostname = ['a']",
    "a.toml:1:1: hostname: found an array, allowed is a domain name or an address literal",
  ],
  [
    "trusted = '10.0.0.0/8'",
    'a.toml:1:1: trusted: found "10.0.0.0/8", allowed is an array of IP addresses and address/bits',
  ],
  [
    "trusted = ['10.0.0.0/8', '10.0.0.1/8']",
    'a.toml:1:26: trusted[1]: found "10.0.0.1/8", allowed is an IP address, or address/bits with no bits set behind the prefix',
  ],
  [
    "trusted = ['localhost']",
    'a.toml:1:12: trusted[0]: found "localhost", allowed is an IP address, or address/bits with no bits set behind the prefix',
  ],
  [
    "trusted = [1]",
    "a.toml:1:12: trusted[0]: found 1, allowed is an IP address, or address/bits with no bits set behind the prefix",
  ],
  ["bare-newline = 'keep'", 'a.toml:1:1: bare-newline: found "keep", allowed is reject, normalize'],
  [
    "bare_newline = 'reject'",
    "a.toml:1:1: bare_newline: found an unknown key, allowed is hostname, trusted, bare-new…",
  ],
  [
    "[quarantine]",
    "a.toml:1:2: quarantine.directory: found nothing, allowed is the path of a dire…",
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'content'\nthen.quarantine = true",
    "a.toml:4:6: rule[0].then.quarantine: found true and no directory, allowed is it only together with quarantine.directory",
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nwhen.header = 'x'\nthen.discard = true",
    'a.toml:4:6: rule[0].when.header: found "x", allowed is a table, as { name = "Subject", ma…',
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nwhen.header = { name = 'a', matches = '/(/' }\nthen.discard = true",
    "a.toml:4:29: rule[0].when.header.matches: found …",
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nthen.add-header = [{ name = 'X-A', value = 1 }]",
    'a.toml:4:6: rule[0].then.add-header: found an array, allowed is a table, as { name = "X-Spam"…',
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nthen.add-header = { name = 'X-A', value = 'a', at = 'end' }",
    'a.toml:4:6: rule[0].then.add-header: found a table, allowed is a table, as { name = "X-Spam"…',
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nthen.remove-header = 'a:'",
    'a.toml:4:6: rule[0].then.remove-header: found "a:", allowed is the name of a header field',
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nthen.score = '3'",
    'a.toml:4:6: rule[0].then.score: found "3", allowed is a number',
  ],
  [
    "[[filter]]\nuse = 'attachments'\nnames = []",
    "a.toml:3:1: filter[0].names: found an empty array, allowed is texts, with * and ? as wi…",
  ],
  [
    "[[filter]]\nuse = 'attachments'\nlarger-than = '10 MB'",
    'a.toml:3:1: filter[0].larger-than: found "10 MB", allowed is octets as 1000, 64k, 50m or 1g',
  ],
  [
    "[[filter]]\nuse = 'attachments'\nnames = '*'\nthen = {}",
    "a.toml:4:1: filter[0].then: found nothing, allowed is at least one of add-header, score, reje…",
  ],
  [
    "[[filter]]\nuse = 'attachments'\nnames = '*'\nthen.reject = '250 Ok'",
    'a.toml:4:6: filter[0].then.reject: found "250 Ok", allowed is a 4xx or 5xx reply, as 550 …',
  ],
  ["trace = 'yes'", 'a.toml:1:1: trace: found "yes", allowed is true or false'],
  ["verify = true", "a.toml:1:1: verify: found true, allowed is local, upstream"],
  ["shadow = ''", 'a.toml:1:1: shadow: found "", allowed is the path of a file'],
  [
    "record-addresses = 'plain'",
    'a.toml:1:1: record-addresses: found "plain", allowed is only together with record',
  ],
  [
    `record = 'r'
record-addresses = 'md5'`,
    'a.toml:2:1: record-addresses: found "md5", allowed is plain, hashed',
  ],
  [
    "listen = '127.0.0.1:25'",
    'a.toml:1:1: listen: found "127.0.0.1:25", allowed is tables, each headed by [[listen]]',
  ],
  [
    `[listen]
address = ':25'`,
    "a.toml:1:2: listen: found a table, allowed is tables, each headed by [[listen]]",
  ],
  [
    `[[listen]]
address = '2525'`,
    'a.toml:2:1: listen[0].address: found "2525", allowed is host:port, [ipv6]:port, unix:/path…',
  ],
  [
    `[[listen]]
address = ':65536'`,
    'a.toml:2:1: listen[0].address: found ":65536", allowed is host:port, [ipv6]:port, unix:/path…',
  ],
  [
    `[[listen]]
tls = 'starttls'`,
    "a.toml:1:3: listen[0].address: found nothing, allowed is host:port, [ipv6]:port, unix:/path…",
  ],
  [
    `[[listen]]
address = ':25'
tls = 'implicit'`,
    'a.toml:3:1: listen[0].tls: found "implicit", allowed is only together with tls.certificates',
  ],
  [
    `[[listen]]
address = ':25'
protocol = 'lmtp'`,
    'a.toml:3:1: listen[0].protocol: found "lmtp", allowed is smtp on port 25',
  ],
  [
    `[[listen]]
address = ':25'
tls = true`,
    "a.toml:3:1: listen[0].tls: found true, allowed is starttls, implicit",
  ],
  [
    `[[listen]]
address = ':25'
proxy = []`,
    "a.toml:3:1: listen[0].proxy: found an empty array, allowed is at least one network",
  ],
  [
    `[[listen]]
address = ':25'
xclient = ['@a']`,
    'a.toml:3:12: listen[0].xclient[0]: found "@a", allowed is an IP address, or address/bits with no bits set behind the prefix',
  ],
  [
    `[[listen]]
address = ':25'
[[listen]]
address = '0.0.0.0:25'`,
    'a.toml:4:1: listen[1].address: found "0.0.0.0:25" again, allowed is each address once',
  ],
  [
    `[[listen]]
address = ':25'
name = 'x'`,
    "a.toml:3:1: listen[0].name: found an unknown key, allowed is address, protocol, tls, proxy, xclient, xforward",
  ],
  ["upstream = 'smtp://a'", 'a.toml:1:1: upstream: found "smtp://a", allowed is a table'],
  [
    `[upstream]
url = 'ftp://a'`,
    'a.toml:2:1: upstream.url: found "ftp://a", allowed is smtp://host:port, smtps://h…',
  ],
  [
    `[upstream]
url = 'http://a'`,
    'a.toml:2:1: upstream.url: found "http://a", allowed is https://host/path, or http…',
  ],
  [
    `[upstream]
url = 'smtp://a?tls=maybe'`,
    'a.toml:2:1: upstream.url: found "tls=maybe", allowed is smtp://host:port, smtps://h…',
  ],
  [
    `[upstream]
url = 'smtp://a?pin=sha256:12'`,
    'a.toml:2:1: upstream.url: found "sha256:12", allowed is sha256: and 64 hexadecimal digits',
  ],
  [
    `[upstream]
identify = 'me'`,
    'a.toml:2:1: upstream.identify: found "me", allowed is none, xforward, xclient, proxy, proxy-v1, proxy-v2',
  ],
  [
    `[upstream]
timeout = '1 minute'`,
    'a.toml:2:1: upstream.timeout: found "1 minute", allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s',
  ],
  [
    `[upstream]
timeout = 0`,
    "a.toml:2:1: upstream.timeout: found 0, allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s",
  ],
  [
    `[upstream]
url = 'capture:'
servers = [{ url = 'capture:' }]`,
    "a.toml:3:1: upstream.servers: found both url and servers, allowed is one of them",
  ],
  [
    `[upstream]
servers = []`,
    "a.toml:2:1: upstream.servers: found an empty array, allowed is at least one server",
  ],
  [
    `[upstream]
servers = ['smtp://a']`,
    'a.toml:2:12: upstream.servers[0]: found "smtp://a", allowed is a table',
  ],
  [
    `[upstream]
servers = [
  { url = 'capture:' },
  { weight = 2 },
]`,
    "a.toml:4:3: upstream.servers[1].url: found nothing, allowed is the URL of an upstream",
  ],
  [
    `[upstream]
servers = [{ url = 'smtp+srv://example' }]`,
    'a.toml:2:14: upstream.servers[0].url: found "smtp+srv://example", allowed is smtp://host:port, smtps://h…',
  ],
  [
    `[upstream]
servers = [{ url = 'capture:', weight = 0 }]`,
    "a.toml:2:32: upstream.servers[0].weight: found 0, allowed is a whole number of at least 1",
  ],
  [
    `[upstream]
servers = [{ url = 'capture:', priority = -1 }]`,
    "a.toml:2:32: upstream.servers[0].priority: found -1, allowed is a whole number of at least 0",
  ],
  [
    `[upstream]
servers = [{ url = 'capture:' }]
balance = 'random'`,
    'a.toml:3:1: upstream.balance: found "random", allowed is round-robin, least-connections',
  ],
  [
    `[upstream]
servers = [{ url = 'capture:' }]
probe = '100ms'`,
    'a.toml:3:1: upstream.probe: found "100ms", allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s',
  ],
  [
    `[upstreams.a]
url = 'smtp://a'
balance = 'round-robin'`,
    'a.toml:3:1: upstreams.a.balance: found "round-robin", allowed is only together with servers, or a url of smtp+mx or smtp+srv',
  ],
  [
    `[upstream]
probe = '30s'`,
    "a.toml:2:1: upstream.probe: found 30000, allowed is only together with servers, or a url of smtp+mx or smtp+srv",
  ],
  [
    "[upstreams.a]",
    "a.toml:1:12: upstreams.a.url: found nothing, allowed is the URL of an upstream",
  ],
  [
    `[upstreams.'a b']
url = 'capture:'`,
    'a.toml:1:12: upstreams."a b": found "a b", allowed is a name of letters, digits, - and _ that begins with a letter',
  ],
  [
    `[upstreams.default]
url = 'capture:'`,
    `a.toml:1:12: upstreams.default: found "default", allowed is any other name: this one is upstream's`,
  ],
  ["upstreams.a = 'capture:'", 'a.toml:1:11: upstreams.a: found "capture:", allowed is a table'],
  [
    `[tls]
certificates = 'mx.pem'`,
    'a.toml:2:1: tls.certificates: found "mx.pem", allowed is an array',
  ],
  [
    `[tls]
certificates = [{ cert = 'a' }]`,
    "a.toml:2:17: tls.certificates[0].key: found nothing, allowed is the path of a file",
  ],
  [
    `[tls]
required = true`,
    "a.toml:2:1: tls.required: found true, allowed is only together with tls.certificates",
  ],
  [
    `[tls]
client-authorities = 'ca.pem'`,
    'a.toml:2:1: tls.client-authorities: found "ca.pem", allowed is only together with tls.certificates',
  ],
  [
    `[auth]
mode = 'maybe'`,
    'a.toml:2:1: auth.mode: found "maybe", allowed is relay, off, require',
  ],
  [
    `[auth]
without-tls = 1`,
    "a.toml:2:1: auth.without-tls: found 1, allowed is true or false",
  ],
  [
    `[limits]
message-size = '50MB'`,
    'a.toml:2:1: limits.message-size: found "50MB", allowed is octets as 1000, 64k, 50m or 1g',
  ],
  [
    `[limits]
message-size = 0`,
    "a.toml:2:1: limits.message-size: found 0, allowed is octets as 1000, 64k, 50m or 1g",
  ],
  [
    `[limits]
message-size = 1.5`,
    "a.toml:2:1: limits.message-size: found 1.5, allowed is octets as 1000, 64k, 50m or 1g",
  ],
  [
    `[limits]
recipients = 0`,
    "a.toml:2:1: limits.recipients: found 0, allowed is a whole number of at least 1",
  ],
  [
    `[limits]
recipients = '10'`,
    'a.toml:2:1: limits.recipients: found "10", allowed is a whole number of at least 1',
  ],
  [
    `[limits]
hops = 1.5`,
    "a.toml:2:1: limits.hops: found 1.5, allowed is a whole number of at least 1",
  ],
  [
    `[limits]
size = 1`,
    "a.toml:2:1: limits.size: found an unknown key, allowed is message-size, recipients, errors, hops, sessions",
  ],
  [
    `[timeouts]
command = '5 minutes'`,
    'a.toml:2:1: timeouts.command: found "5 minutes", allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s',
  ],
  [
    `[timeouts]
data = -1`,
    "a.toml:2:1: timeouts.data: found -1, allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s",
  ],
  [
    `[timeouts]
write = inf`,
    "a.toml:2:1: timeouts.write: found Infinity, allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s",
  ],
  [
    `[timeouts]
proxy-header = '100ms'`,
    'a.toml:2:1: timeouts.proxy-header: found "100ms", allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s',
  ],
  [
    `[timeouts]
linger = 1979-05-27`,
    "a.toml:2:1: timeouts.linger: found the date 1979-05-27, allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s",
  ],
  [
    `[policy]
on-failure = 'accept'`,
    'a.toml:2:1: policy.on-failure: found "accept", allowed is defer, reject',
  ],
  [
    `[policy]
time-limit = ''`,
    'a.toml:2:1: policy.time-limit: found "", allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s',
  ],
  ["[tables.a]", "a.toml:1:9: tables.a: found neither file nor url, allowed is one of them"],
  [
    `[tables.a]
file = 'a'
url = 'http://a'`,
    "a.toml:1:9: tables.a: found both file and url, allowed is one of them",
  ],
  [
    `[tables.a]
file = 'a'
refresh = '5m'`,
    'a.toml:3:1: tables.a.refresh: found "5m", allowed is only together with url',
  ],
  [
    `[tables.a]
url = 'ftp://a'`,
    'a.toml:2:1: tables.a.url: found "ftp://a", allowed is an http or https URL',
  ],
  [
    `[tables.a]
url = 'a'`,
    'a.toml:2:1: tables.a.url: found "a", allowed is an http or https URL',
  ],
  [
    `[tables.a]
url = 'http://a'
refresh = 'often'`,
    'a.toml:3:1: tables.a.refresh: found "often", allowed is seconds, or a time as 30s, 5m, 1h, of at least 1s',
  ],
  [
    `[tables.'a/b']
file = 'a'`,
    'a.toml:1:9: tables."a/b": found "a/b", allowed is a name of letters, digits, - and _ that begins with a letter',
  ],
  ["rule = 1", "a.toml:1:1: rule: found 1, allowed is tables, each headed by [[rule]]"],
  [
    `[[rule]]
name = 'a'
at = 'now'
then = { reject = '550 No' }`,
    'a.toml:3:1: rule[0].at: found "now", allowed is one of connect, ehlo, starttls, auth, mail, rcpt, data, headers, content',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
then = { rejct = '550 No' }`,
    "a.toml:4:10: rule[0].then.rejct: found an unknown key, allowed is route, add-header, remove-h…",
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when = { recipent = 'a' }
then = { discard = true }`,
    "a.toml:4:10: rule[0].when.recipent: found an unknown key, allowed is client, client-name, hello,…",
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when = { recipient = 1 }
then = { discard = true }`,
    'a.toml:4:10: rule[0].when.recipient: found 1, allowed is patterns as user@dom.example, *@dom.example, .dom.example or "<>", @table',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
then = { reject = '250 Yes' }`,
    'a.toml:4:10: rule[0].then.reject: found "250 Yes", allowed is a 4xx or 5xx reply of one line, as "550 5.7.1 Not welcome"',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
then = { route = 'b' }`,
    'a.toml:4:10: rule[0].then.route: found "b", allowed is an upstream: default',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when.client = '@b'
then = { discard = true }`,
    'a.toml:4:6: rule[0].when.client: found "@b", allowed is a table that [tables] defines, of which there is none',
  ],
  [
    `[[rule]]
name = 'a'
at = 'connect'
when.sender = 'a@b'
then = { reject = '550 No' }`,
    "a.toml:4:6: rule[0].when.sender: found a condition at connect, allowed is it at mail, rcpt, data, headers, content",
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when.recipient = '/(/'
then = { discard = true }`,
    'a.toml:4:6: rule[0].when.recipient: found "(?s)(" (missing closing )) at column 2 of "/(/", allowed is a regular expression of RE2…',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when.size = 'big'
then = { discard = true }`,
    'a.toml:4:6: rule[0].when.size: found "big", allowed is <, <=, >, >= or = and a whole number, with k, m or g for its unit',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
then = { use = 'magic' }`,
    'a.toml:4:10: rule[0].then.use: found "magic", allowed is a built-in check: access, a…',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
then = { discard = true }
[[rule]]
name = 'a'
at = 'rcpt'
then = { discard = true }`,
    "a.toml:6:1: rule[1].name: found the name of rule number 1, allowed is a name of its own",
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when.not.client = ['10.0.0.0/8', '10.0.0.1/8']
then = { discard = true }`,
    'a.toml:4:34: rule[0].when.not.client[1]: found "10.0.0.1/8", allowed is an IP address, address/bits, or @table',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
then = { delay = '1h' }`,
    'a.toml:4:10: rule[0].then.delay: found "1h", allowed is 1ms to 60s, as 5s or 500ms',
  ],
  [
    `[[rule]]
name = 'a'
at = 'rcpt'
when.time = 'always'
then = { discard = true }`,
    'a.toml:4:6: rule[0].when.time: found "always", allowed is days of the week, a time of day, or both, in UTC, as mon-fri 08:00-18:00',
  ],
  [
    `[[rule]]
name = 'a'
at = 'mail'
when = { rate = { of = 'host', per = '1m', above = 20 } }
then = { defer = true }`,
    'a.toml:4:19: rule[0].when.rate.of: found "host", allowed is client, login, sender, sender-domain, recipient, recipient-domain, all',
  ],
  [
    `[[rule]]
name = 'a'
at = 'mail'
when.rate = { of = 'client', per = '1m', above = 0 }
then = { defer = true }`,
    "a.toml:4:42: rule[0].when.rate.above: found 0, allowed is a whole number of at least 1",
  ],
  [
    `[[rule]]
name = 'a'
at = 'mail'
when.not.rate = { of = 'client', per = '1m', above = 20 }
then = { defer = true }`,
    "a.toml:4:10: rule[0].when.not.rate: found a count within and, or, not, allowed is it beside them in when",
  ],
  [
    `[[rule]]
name = 'a'
at = 'mail'
when.rate = { of = 'client', per = '2d', above = 20 }
then = { defer = true }`,
    'a.toml:4:30: rule[0].when.rate.per: found "2d", allowed is 1s to 24h, as 30s, 5m or 1h',
  ],
  [
    "filter = 'rspamd'",
    'a.toml:1:1: filter: found "rspamd", allowed is tables, each headed by [[filter]]',
  ],
  ["[[filter]]", "a.toml:1:3: filter[0].use: found nothing, allowed is rspamd, http…"],
  [
    "[[filter]]\nuse = 'spam'",
    'a.toml:2:1: filter[0].use: found "spam", allowed is rspamd, http…',
  ],
  [
    "[[filter]]\nuse = 'rspamd'",
    "a.toml:1:3: filter[0].url: found nothing, allowed is an http or https URL without user and password",
  ],
  [
    "[[filter]]\nuse = 'rspamd'\nurl = '127.0.0.1:11333'",
    'a.toml:3:1: filter[0].url: found "127.0.0.1:11333", allowed is an http or https URL without user and password',
  ],
  [
    "[[filter]]\nuse = 'http'\nurl = 'http://u:p@a'",
    'a.toml:3:1: filter[0].url: found "http://u:p@a", allowed is an http or https URL without user and password',
  ],
  [
    "[[filter]]\nuse = 'rspamd'\nurl = 'http://a'\naction.reject = 'defer'",
    "a.toml:4:1: filter[0].action: found an unknown key, allowed is use, name, time-limit, on-failure…",
  ],
  [
    "[[filter]]\nuse = 'rspamd'\nurl = 'http://a'\nactions.rejct = 'defer'",
    "a.toml:4:9: filter[0].actions.rejct: found an unknown key, allowed is no action, greylist, soft…",
  ],
  [
    "[[filter]]\nuse = 'rspamd'\nurl = 'http://a'\nactions.reject = 'bounce'",
    'a.toml:4:9: filter[0].actions.reject: found "bounce", allowed is accept, header, subject…',
  ],
  [
    "[[filter]]\nuse = 'rspamd'\nurl = 'http://a'\nreply = '250 Ok'",
    'a.toml:4:1: filter[0].reply: found "250 Ok", allowed is a 4xx or 5xx reply such as 550 5.7.1 Text',
  ],
  [
    "[[filter]]\nuse = 'http'\nurl = 'http://a'\non-failure = 'ignore'",
    'a.toml:4:1: filter[0].on-failure: found "ignore", allowed is accept, defer, reject',
  ],
  [
    "[[filter]]\nuse = 'http'\nurl = 'http://a'\nmax-size = '10 MB'",
    'a.toml:4:1: filter[0].max-size: found "10 MB", allowed is octets as 1000, 64k, 50m or 1g',
  ],
  [
    "[[filter]]\nuse = 'http'\nurl = 'http://a'\nconcurrency = 0",
    "a.toml:4:1: filter[0].concurrency: found 0, allowed is a whole number of at least 1",
  ],
  [
    "[[filter]]\nuse = 'http'\nurl = 'http://a'\nname = ''",
    'a.toml:4:1: filter[0].name: found "", allowed is a name',
  ],
  [
    "[[filter]]\nuse = 'http'\nurl = 'http://a'\n[[filter]]\nuse = 'http'\nurl = 'http://b'",
    'a.toml:4:3: filter[1].name: found "http" again, allowed is a name of its own',
  ],
  [
    "[[filter]]\nuse = 'authentication'\ndns = 'http://dns.example/'",
    'a.toml:3:1: filter[0].dns: found "http://dns.example/", allowed is host:port, [ipv6]:port or an https URL',
  ],
  [
    "[[filter]]\nuse = 'authentication'\ndns = '127.0.0.1:53'\ndmarc = 'perhaps'",
    'a.toml:4:1: filter[0].dmarc: found "perhaps", allowed is obey, score, report',
  ],
  [
    "[[filter]]\nuse = 'sign'\ndomain = 'x.example'\nselector = 'a'",
    "a.toml:1:3: filter[0].key: found nothing, allowed is the path of a file, or env:NAME",
  ],
  [
    "[[filter]]\nuse = 'clamav'",
    "a.toml:1:3: filter[0].address: found nothing, allowed is host:port, [ipv6]:port or unix:/path",
  ],
  [
    "[[filter]]\nuse = 'clamav'\naddress = '3310'",
    'a.toml:3:1: filter[0].address: found "3310", allowed is host:port, [ipv6]:port or unix:/path',
  ],
  [
    "[[filter]]\nuse = 'clamav'\naddress = ':3310'\ninfected = 'delete'",
    'a.toml:4:1: filter[0].infected: found "delete", allowed is reject, discard, quarantine…',
  ],
  [
    "[[filter]]\nuse = 'clamav'\naddress = ':3310'\nreply = '250 Ok'",
    'a.toml:4:1: filter[0].reply: found "250 Ok", allowed is a 4xx or 5xx reply such as 550 5.7.1 Text',
  ],
  [
    "[[filter]]\nuse = 'spamassassin'\naddress = ':783'\nmode = 'report'",
    'a.toml:4:1: filter[0].mode: found "report", allowed is check, symbols, headers',
  ],
  [
    "[[filter]]\nuse = 'spamassassin'\naddress = ':783'\nreject-above = '15'",
    'a.toml:4:1: filter[0].reject-above: found "15", allowed is a number',
  ],
  [
    "[[filter]]\nuse = 'milter'\naddress = ':8891'\nquarantine = 'hold'",
    'a.toml:4:1: filter[0].quarantine: found "hold", allowed is accept, defer, reject, quarantine',
  ],
  [
    "[[filter]]\nuse = 'milter'\naddress = ':8891'\nprogress-limit = '0s'",
    'a.toml:4:1: filter[0].progress-limit: found "0s", allowed is seconds, or a time as 30s…',
  ],
  [
    "[[filter]]\nuse = 'milter'\naddress = ':8891'\nmacros.j = 1",
    "a.toml:4:8: filter[0].macros.j: found 1, allowed is a text",
  ],
  [
    "content.window = 0",
    "a.toml:1:9: content.window: found 0, allowed is octets as 1000, 64k, 50m or 1g",
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'content'\nwhen.score = 15\nthen.discard = true",
    "a.toml:4:6: rule[0].when.score: found 15, allowed is a table of above and below…",
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'content'\nwhen.score = {}\nthen.discard = true",
    "a.toml:4:6: rule[0].when.score: found a table, allowed is above, below or both",
  ],
  [
    "[[rule]]\nname = 'a'\nat = 'headers'\nwhen.score.above = 15\nthen.discard = true",
    "a.toml:4:6: rule[0].when.score: found a condition at headers, allowed is it at content",
  ],
];

async function compile(text: string): Promise<void> {
  const configuration = await loadConfiguration("a.toml", () => Promise.resolve(text));
  policyOf(configuration, { tables: new Map(), clock: new FakeClock() });
}

Deno.test("each mistake is told with its place, what was found and what is allowed", async (t) => {
  for (const [file, says] of mistakes) {
    await t.step(file, async () => {
      const { message } = await assertRejects(() => compile(file), ConfigurationError);
      if (says.endsWith("…")) assertEquals(message.slice(0, says.length - 1), says.slice(0, -1));
      else assertEquals(message, says);
      assertStringIncludes(message, ", allowed is ");
      assertEquals(message.includes("\n"), false);
    });
  }
});

Deno.test("every rule with a mistake is told", async () => {
  const rule = (name: string, reply: string) =>
    `[[rule]]\nname = "${name}"\nat = "rcpt"\nthen = { reject = "${reply}" }\n`;
  const text = rule("a", "250 Yes") + rule("b", "550 No") + rule("c", "354 Go on");
  const { mistakes } = await assertRejects(() => compile(text), ConfigurationError);
  assertEquals(mistakes.map(({ where, key }) => [where, key]), [
    ["a.toml:4:10", "rule[0].then.reject"],
    ["a.toml:12:10", "rule[2].then.reject"],
  ]);
});
