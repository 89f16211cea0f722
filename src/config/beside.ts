/**
 * What a configuration file names, relative to the file's own directory.
 *
 * @module
 */

import type { UpstreamUrl } from "../upstream/url.ts";
import type { ListenTarget } from "./units.ts";

/** Makes a path of the file one that the process can use. */
export type Beside = (path: string) => string;

/** For the paths of one file. */
export function besideFile(file: string): Beside {
  const directory = file.slice(0, file.lastIndexOf("/") + 1);
  return (path) => path.startsWith("/") ? path : directory + path;
}

/** Where a secret is: the path of a file, or `env:NAME`, which stays as it is. */
export function secretBeside(where: string, beside: Beside): string {
  return where.startsWith("env:") ? where : beside(where);
}

/** An address to listen at. */
export function listenBeside(address: ListenTarget, beside: Beside): ListenTarget {
  switch (address.transport) {
    case "tcp":
      return address;
    case "unix":
      return { ...address, path: beside(address.path) };
    case "websocket":
      return { ...address, ...address.token && { token: secretBeside(address.token, beside) } };
  }
}

/** An upstream. The path of a Unix socket is in a URL, and so always a whole one. */
export function urlBeside(url: UpstreamUrl, beside: Beside): UpstreamUrl {
  if (url.kind === "http") return url;
  if (url.kind === "capture") {
    return { ...url, directory: url.directory && beside(url.directory) };
  }
  return {
    ...url,
    authorities: url.authorities && beside(url.authorities),
    ..."token" in url && { token: url.token && secretBeside(url.token, beside) },
  };
}
