import { CaiError } from "../../system/index.ts";

/**
 * Who may read a mount (security.md I30): the mounting user, everybody, or one other user and, where given, a group.
 * `owner` is the default and the narrowest.
 */
export type Allow = "owner" | "all" | { readonly uid: number; readonly gid?: number };

/** What `Allow` means for each inode. */
export interface Access {
  readonly uid: number;
  readonly gid: number;
  /** permission bits of a file, of an executable file and of a directory */
  readonly file: number;
  readonly executable: number;
  readonly directory: number;
  /** whether processes of other users reach the mount at all; the permission bits then decide */
  readonly others: boolean;
}

const LARGEST_ID = 2 ** 32 - 2;

/**
 * @param uid  of the mounting process
 * @param gid  of the mounting process
 * @throws CaiError `cli.setting-invalid` where an id is none
 */
export function accessFor(allow: Allow, uid: number, gid: number): Access {
  if (allow === "all") return { uid, gid, file: 0o444, executable: 0o555, directory: 0o555, others: true };
  if (allow === "owner") return { uid, gid, file: 0o400, executable: 0o500, directory: 0o500, others: false };
  for (const id of [allow.uid, allow.gid ?? 0]) {
    if (!Number.isInteger(id) || id < 0 || id > LARGEST_ID) {
      throw new CaiError("cli.setting-invalid", "a user or group id is not one", { expected: `0 to ${LARGEST_ID}`, got: String(id) });
    }
  }
  if (allow.gid === undefined) return { uid: allow.uid, gid, file: 0o400, executable: 0o500, directory: 0o500, others: true };
  return { uid: allow.uid, gid: allow.gid, file: 0o440, executable: 0o550, directory: 0o550, others: true };
}
