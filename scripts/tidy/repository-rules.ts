/**
 * Rules on the repository as a whole: documents, loose files and names of hosts.
 */
import type { Finding } from "./finding.ts";

const rootFiles = new Set([
  ".dependency-cruiser.js",
  ".editorconfig",
  ".gitattributes",
  ".gitignore",
  ".npmrc",
  ".oxlintrc.json",
  "CHANGELOG.md",
  "CODE_OF_CONDUCT.md",
  "CONTRIBUTING.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "biome.json",
  "compose.yaml",
  "package-lock.json",
  "package.json",
  "tsconfig.build.json",
  "tsconfig.json",
]);

const registryHosts = [
  /\bregistry\.[a-z0-9-]+\.(org|com|io|net|dev|cn)\b/i,
  /\bnpm\.(pkg\.github|jsr)\.[a-z]+/i,
  /\brepo1?\.maven\.[a-z.]+/i,
  /\b(static\.)?(crates\.io|rubygems\.org)\b/i,
  /\b(pypi\.org|pythonhosted\.org|proxy\.golang\.org)\b/i,
];

/** A finding for a file that lies in the root without belonging there. */
export function checkPlace(path: string): Finding[] {
  if (path.includes("/") || rootFiles.has(path)) return [];
  const message = "the root holds no loose files: move it to the folder it belongs to";
  return [{ path, line: 1, rule: "loose-file", message }];
}

/** A finding for each line that names the host of a package registry. */
export function checkHosts(path: string, text: string): Finding[] {
  return text.split("\n").flatMap((line, index) => {
    if (!registryHosts.some((host) => host.test(line))) return [];
    const message = "names a package registry's host: leave the choice to the installer";
    return [{ path, line: index + 1, rule: "registry-host", message }];
  });
}

/** A finding for each title after the first in a Markdown document. */
export function checkTitles(path: string, text: string): Finding[] {
  if (!path.endsWith(".md")) return [];
  let fence: string | undefined;
  const titles: number[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (mark !== undefined && fence === undefined) fence = mark;
    else if (mark !== undefined && fence !== undefined && mark.startsWith(fence)) fence = undefined;
    else if (fence === undefined && line.startsWith("# ")) titles.push(index + 1);
  }
  return titles.slice(1).map((line) => ({
    path,
    line,
    rule: "one-title",
    message: "a document has one title: use ## below it",
  }));
}
