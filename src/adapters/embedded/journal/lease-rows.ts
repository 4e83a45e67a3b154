// Rows of leases as whoever decides by them reads them. Knows no members. Always true: a row that
// is not what was written decides nothing, it is reported.
import { damaged } from "./format-layout.ts";
import { leaseCrc } from "./row-checksums.ts";
import type { Writer } from "./writer.ts";

/** Who holds a range of a group, and since when: 0 is nobody. */
export interface Lease {
  readonly range: number;
  readonly epoch: number;
  readonly member: number;
}

interface LeaseRow extends Lease {
  readonly crc: number;
}

/** The lease of one range; throws JOURNAL_DAMAGED. */
export function leaseOf(writer: Writer, group: number, range: number): Lease | undefined {
  const row = writer.one<LeaseRow>(
    "SELECT range, epoch, member, crc FROM lease WHERE grp = ? AND range = ?",
    group,
    range,
  );
  if (row !== undefined) assertSound(group, row);
  return row;
}

/** All leases of a group, by range; throws JOURNAL_DAMAGED. */
export function leasesOf(writer: Writer, group: number): Lease[] {
  const rows = writer.all<LeaseRow>(
    "SELECT range, epoch, member, crc FROM lease WHERE grp = ? ORDER BY range",
    group,
  );
  for (const row of rows) assertSound(group, row);
  return rows;
}

function assertSound(group: number, { range, epoch, member, crc }: LeaseRow): void {
  if (leaseCrc(group, range, epoch, member) === crc) return;
  const what = `the lease of range ${range} of group ${group} does not match its checksum`;
  throw damaged(what, { row: "lease" });
}
