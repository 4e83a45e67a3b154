// One page of a SQLite b-tree (sqlite.org/fileformat2.html, section 1.6): its cells, as far as they
// can be read. Pure. Always true: a cell lies within its page; whether the page accounts for all of
// its bytes is said beside the cells, because a damaged header hides some of them.
import { readTypes, readVarint, sizeOf } from "./sqlite-record.ts";

/** Bytes of a page of the journal's database; part of format 1. */
export const pageBytes = 16_384;
/** Bytes of an overflow page that hold payload. */
export const overflowBytes = pageBytes - 4;

/** A row, or a child with a key, as far as it lies on its page. */
export interface Cell {
  /** The row's number; 0 on pages of indexes and of tables without one. */
  readonly rowid: number;
  readonly payloadBytes: number;
  readonly local: Uint8Array;
  /** First overflow page; 0 where all of the payload is local. */
  readonly overflow: number;
}

/** A page of a b-tree. */
export interface BtreePage {
  readonly kind: "table" | "index";
  readonly leaf: boolean;
  readonly cells: readonly Cell[];
  /** The pages below an interior page. */
  readonly children: readonly number[];
  /** Whether every byte is accounted for: where not, cells may be hidden. */
  readonly exact: boolean;
}

const kinds: Readonly<Record<number, Pick<BtreePage, "kind" | "leaf">>> = {
  2: { kind: "index", leaf: false },
  5: { kind: "table", leaf: false },
  10: { kind: "index", leaf: true },
  13: { kind: "table", leaf: true },
};
/** More than any table of a journal has. */
const columnsMax = 32;
const tableLocalMax = pageBytes - 35;
const indexLocalMax = Math.floor(((pageBytes - 12) * 64) / 255) - 23;
const localMin = Math.floor(((pageBytes - 12) * 32) / 255) - 23;

/** The page's cells; undefined where it is no page of a b-tree. Page 1 starts with a header. */
export function readBtreePage(page: Uint8Array, isFirst = false): BtreePage | undefined {
  const headerAt = isFirst ? 100 : 0;
  const found = kinds[page[headerAt] ?? 0];
  if (found === undefined || page.byteLength !== pageBytes) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const count = view.getUint16(headerAt + 3);
  const counted = readCells(view, page, headerAt, found, count);
  if (counted.exact) return { ...found, ...counted };
  // One flipped bit in the number of cells is told by the page's own account of its bytes.
  for (let bit = 0; bit < 14; bit++) {
    const other = readCells(view, page, headerAt, found, count ^ (1 << bit));
    if (other.exact) return { ...found, ...other };
  }
  return { ...found, ...counted };
}

/** Every place of a page at which a cell of a table might stand; most of them are none. */
export function* possibleCells(page: Uint8Array): Generator<Cell> {
  for (let at = 8; at < page.byteLength - 4; at++) {
    const found = readCell(page, at, { kind: "table", leaf: true });
    if (found !== undefined && found.payloadBytes > 0) yield found.cell;
  }
}

type PageKind = Pick<BtreePage, "kind" | "leaf">;
type Cells = Pick<BtreePage, "cells" | "children" | "exact">;

/** Bytes of a page that are taken: from, and the first byte after them. */
type Extent = readonly [from: number, to: number];

function readCells(
  view: DataView,
  page: Uint8Array,
  headerAt: number,
  kind: PageKind,
  count: number,
): Cells {
  const pointersAt = headerAt + (kind.leaf ? 8 : 12);
  const contentAt = view.getUint16(headerAt + 5);
  const found = new Map<number, FoundCell>();
  let whole = pointersAt + 2 * count <= contentAt;
  for (let index = 0; index < count && pointersAt + 2 * index + 2 <= pageBytes; index++) {
    const at = view.getUint16(pointersAt + 2 * index);
    const cell = at < contentAt ? undefined : readCell(page, at, kind);
    if (cell === undefined || found.has(at)) whole = false;
    else found.set(at, cell);
  }
  const free = freeBlocks(view, headerAt);
  const fragments = view.getUint8(headerAt + 7);
  let exact = whole && free !== undefined && isCovered(found, free, contentAt, fragments);
  if (!exact && free !== undefined) {
    const walked = walkCells(page, kind, found, free, contentAt);
    exact = isCovered(walked, free, contentAt, fragments);
    // What no pointer leads to as well as what one leads to by mistake is settled then.
    if (exact) found.clear();
    for (const [at, cell] of walked) found.set(at, cell);
  }
  const cells = [...found.values()];
  const children = cells.flatMap(({ child }) => (child === 0 ? [] : [child]));
  if (!kind.leaf) children.push(view.getUint32(headerAt + 8));
  return {
    cells: kind.leaf || kind.kind === "index" ? cells.map(({ cell }) => cell) : [],
    children,
    exact,
  };
}

interface FoundCell {
  readonly cell: Cell;
  readonly child: number;
  /** Bytes on the page. */
  readonly bytes: number;
  readonly payloadBytes: number;
}

function readCell(page: Uint8Array, at: number, kind: PageKind): FoundCell | undefined {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  let next = at;
  let child = 0;
  if (!kind.leaf) {
    if (next + 4 > pageBytes) return undefined;
    child = view.getUint32(next);
    next += 4;
  }
  let payloadBytes = 0;
  if (kind.leaf || kind.kind === "index") {
    const size = readVarint(page, next);
    if (size === undefined) return undefined;
    payloadBytes = size.value;
    next = size.next;
  }
  let rowid = 0;
  if (kind.kind === "table") {
    const id = readVarint(page, next);
    if (id === undefined) return undefined;
    rowid = id.value;
    next = id.next;
  }
  const localBytes = localOf(payloadBytes, kind.kind);
  const spills = localBytes < payloadBytes;
  const end = next + localBytes + (spills ? 4 : 0);
  if (end > pageBytes) return undefined;
  const overflow = spills ? view.getUint32(next + localBytes) : 0;
  const local = page.subarray(next, next + localBytes);
  const cell = { rowid, payloadBytes, local, overflow };
  return { cell, child, bytes: end - at, payloadBytes };
}

/** How much of a payload lies on the cell's own page. */
function localOf(payloadBytes: number, kind: "table" | "index"): number {
  const max = kind === "table" ? tableLocalMax : indexLocalMax;
  if (payloadBytes <= max) return payloadBytes;
  const spread = localMin + ((payloadBytes - localMin) % overflowBytes);
  return spread <= max ? spread : localMin;
}

/** Whether cells and free blocks take all bytes from `contentAt` on, none of them twice. */
function isCovered(
  cells: ReadonlyMap<number, FoundCell>,
  free: readonly Extent[],
  contentAt: number,
  fragments: number,
): boolean {
  let next = contentAt;
  let holes = 0;
  for (const [from, to] of extentsOf(cells, free)) {
    if (from < next) return false;
    holes += from - next;
    next = to;
  }
  return holes + pageBytes - next === fragments;
}

function extentsOf(cells: ReadonlyMap<number, FoundCell>, free: readonly Extent[]): Extent[] {
  const taken = [...cells].map(([at, { bytes }]): Extent => [at, at + Math.max(4, bytes)]);
  return [...taken, ...free].sort((left, right) => left[0] - right[0]);
}

/** The cells one after the other, each where the one before ends; pointers only tell of a start. */
function walkCells(
  page: Uint8Array,
  kind: PageKind,
  pointed: ReadonlyMap<number, FoundCell>,
  free: readonly Extent[],
  contentAt: number,
): Map<number, FoundCell> {
  const blocks = new Map(free);
  const hasRecords = kind.leaf || kind.kind === "index";
  const believed = new Set(
    [...pointed].filter(([, { cell }]) => !hasRecords || isRecord(cell)).map(([at]) => at),
  );
  const starts = [...blocks.keys(), ...believed, pageBytes].sort((a, b) => a - b);
  const cells = new Map<number, FoundCell>();
  for (let at = contentAt; at < pageBytes; ) {
    const block = blocks.get(at);
    const cell = block === undefined ? readCell(page, at, kind) : undefined;
    const next = starts.find((start) => start > at) ?? pageBytes;
    const end = at + Math.max(4, cell?.bytes ?? 0);
    if (block !== undefined) at = block;
    else if (cell !== undefined && (believed.has(at) || (end <= next && isRecord(cell.cell)))) {
      cells.set(at, cell);
      at = end;
    } else at = next;
  }
  return cells;
}

/** Whether a cell's payload has a header that fits it. */
function isRecord({ local, payloadBytes }: Cell): boolean {
  const types = readTypes(local, columnsMax);
  if (types === undefined || types.list.length === 0) return false;
  return types.list.reduce((sum, type) => sum + sizeOf(type), types.bodyAt) === payloadBytes;
}

/** The free blocks among the cells; undefined where their list is broken. */
function freeBlocks(view: DataView, headerAt: number): Extent[] | undefined {
  const blocks: Extent[] = [];
  let last = 0;
  for (let at = view.getUint16(headerAt + 1); at !== 0; ) {
    if (at <= last || at + 4 > pageBytes) return undefined;
    const bytes = view.getUint16(at + 2);
    if (bytes < 4 || at + bytes > pageBytes) return undefined;
    blocks.push([at, at + bytes]);
    last = at;
    at = view.getUint16(at);
  }
  return blocks;
}
