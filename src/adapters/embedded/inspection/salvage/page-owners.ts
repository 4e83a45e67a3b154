// Which b-tree each page belongs to, by the pointer map that SQLite keeps in databases of this kind
// (sqlite.org/fileformat2.html, section 1.8): a way to a page that does not lead over the pages
// above it. Always true: an entry that makes no sense gives undefined.
import { pageBytes } from "./btree-page.ts";
import type { PageView } from "./page-store.ts";

const entryBytes = 5;
const pagesPerMap = Math.floor(pageBytes / entryBytes) + 1;
/** The page that holds the bytes on which SQLite locks; it is never used. */
const lockPage = 0x4000_0000 / pageBytes + 1;
/** Deeper than any b-tree or chain of overflow pages of a batch. */
const stepsMax = 100_000;

/** What the pointer map says of a page. */
export type PageUse = "root" | "free" | "first-overflow" | "overflow" | "btree";

const uses: Readonly<Record<number, PageUse>> = {
  1: "root",
  2: "free",
  3: "first-overflow",
  4: "overflow",
  5: "btree",
};

/** See the head of this file. */
export class PageOwners {
  readonly #view: PageView;
  readonly #maps = new Map<number, Uint8Array | undefined>();
  readonly #roots = new Map<number, number>();

  constructor(view: PageView) {
    this.#view = view;
  }

  /** What a page is used for, and the page that leads to it. */
  entry(page: number): { readonly use: PageUse; readonly parent: number } | undefined {
    if (page < 3) return undefined;
    const map = mapPageOf(page);
    if (map === page) return undefined;
    if (!this.#maps.has(map)) this.#maps.set(map, this.#view.page(map));
    const bytes = this.#maps.get(map);
    const at = entryBytes * (page - map - 1);
    if (bytes === undefined || at + entryBytes > pageBytes) return undefined;
    const use = uses[bytes[at] as number];
    const parent = new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4).getUint32(0);
    return use === undefined ? undefined : { use, parent };
  }

  /** The root page of the b-tree that a page belongs to; undefined for free and unknown ones. */
  rootOf(page: number): number | undefined {
    const passed: number[] = [];
    let root: number | undefined;
    for (let at = page; passed.length < stepsMax; ) {
      root = this.#roots.get(at);
      if (root !== undefined) break;
      const found = at === 1 ? { use: "root" as const, parent: 0 } : this.entry(at);
      if (found === undefined || found.use === "free") return undefined;
      passed.push(at);
      if (found.use === "root") {
        root = at;
        break;
      }
      at = found.parent;
    }
    if (root !== undefined) for (const at of passed) this.#roots.set(at, root);
    return root;
  }

  /** All pages of b-trees (without overflow pages), by the root they lead to. */
  treePages(): Map<number, number[]> {
    const pages = new Map<number, number[]>();
    for (let page = 3; page <= this.#view.pages; page++) {
      const use = this.entry(page)?.use;
      if (use !== "root" && use !== "btree") continue;
      const root = this.rootOf(page);
      if (root === undefined) continue;
      const known = pages.get(root);
      if (known === undefined) pages.set(root, [page]);
      else known.push(page);
    }
    return pages;
  }
}

function mapPageOf(page: number): number {
  const map = Math.floor((page - 2) / pagesPerMap) * pagesPerMap + 2;
  return map === lockPage ? map + 1 : map;
}
