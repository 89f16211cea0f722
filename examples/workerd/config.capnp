using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    # A worker reaches what this allows, and a mail server is as a rule on a private network.
    (name = "network", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "smtp", address = "*:2525", tcp = (), service = "worker")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-04-01",
  # Without it no worker answers TCP.
  compatibilityFlags = ["experimental"],
  globalOutbound = "network",
);
