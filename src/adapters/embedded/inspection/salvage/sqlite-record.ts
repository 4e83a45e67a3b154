// SQLite's record format (sqlite.org/fileformat2.html, section 2): variable-length integers, and
// the columns of a row. Pure. Always true: bytes that are no record give undefined, never a read
// outside of them.

/** A column of a row. */
export type Column = number | string | Uint8Array | null;

/** A variable-length integer and where it ends; undefined where the bytes end before it. */
export function readVarint(
  bytes: Uint8Array,
  at: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 9; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    // The ninth byte has eight bits of value; only negative rowids and nonsense get there.
    if (index === 8) return { value: value * 256 + byte, next: at + 9 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  return undefined;
}

/** The columns of a record, at most `columnsMax`; undefined where the bytes are no record. */
export function readRecord(bytes: Uint8Array, columnsMax: number): Column[] | undefined {
  const types = readTypes(bytes, columnsMax);
  if (types === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const columns: Column[] = [];
  let at = types.bodyAt;
  for (const type of types.list) {
    const size = sizeOf(type);
    if (at + size > bytes.byteLength) return undefined;
    const column = readColumn(view, bytes, at, type, size);
    if (column === undefined) return undefined;
    columns.push(column);
    at += size;
  }
  // Bytes behind the last column are ignored, as SQLite does: the row's checksum decides.
  return columns;
}

/** The serial types of a record's header, whose body may be longer than `bytes`. */
export function readTypes(
  bytes: Uint8Array,
  columnsMax: number,
): { readonly list: readonly number[]; readonly bodyAt: number } | undefined {
  const header = readVarint(bytes, 0);
  if (header === undefined || header.value > bytes.byteLength) return undefined;
  const list: number[] = [];
  let at = header.next;
  while (at < header.value) {
    const type = readVarint(bytes, at);
    if (type === undefined || type.value === 10 || type.value === 11) return undefined;
    if (list.length === columnsMax) return undefined;
    list.push(type.value);
    at = type.next;
  }
  return at === header.value ? { list, bodyAt: at } : undefined;
}

const integerSizes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;

/** Bytes of a column of this serial type. */
export function sizeOf(type: number): number {
  return integerSizes[type] ?? Math.floor((type - 12) / 2);
}

function readColumn(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  type: number,
  size: number,
): Column | undefined {
  if (type === 0) return null;
  if (type === 8) return 0;
  if (type === 9) return 1;
  if (type === 7) return view.getFloat64(at);
  if (type < 7) return readInteger(view, at, size);
  const part = bytes.subarray(at, at + size);
  if (type % 2 === 0) return part;
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("utf8");
}

/** Two's complement, big-endian; undefined above what a number holds exactly. */
function readInteger(view: DataView, at: number, size: number): number | undefined {
  if (size === 1) return view.getInt8(at);
  if (size === 2) return view.getInt16(at);
  if (size === 3) return view.getInt8(at) * 65_536 + view.getUint16(at + 1);
  if (size === 4) return view.getInt32(at);
  if (size === 6) return view.getInt16(at) * 4_294_967_296 + view.getUint32(at + 2);
  const value = Number(view.getBigInt64(at));
  return Number.isSafeInteger(value) ? value : undefined;
}
