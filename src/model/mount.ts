import type { Allow } from "./fuse/access.ts";

/** A model that can be read as plain files. */
export interface Mount {
  /** where the files are; another path than was asked for where `notice` says so */
  readonly mountpoint: string;
  /** what the user should know about how it is mounted */
  readonly notice?: string;
  /** What was served so far; undefined where the kernel serves by itself and nobody counts. */
  stats(): MountStats | undefined;
  /**
   * Takes the files away, also while they are open, and resolves when nothing is left: no mount, no thread, no key, no plaintext.
   * Calling it again waits for the same end.
   */
  unmount(): Promise<void>;
  /** resolves when the mount has ended, whoever ended it */
  readonly closed: Promise<void>;
}

export interface MountStats {
  /** requests of any kind */
  readonly requests: number;
  /** READ requests that were answered with bytes */
  readonly reads: number;
  /** plaintext bytes that were given out; what the page cache served again is not among them */
  readonly bytes: number;
  /** READ requests that were refused because a block was damaged or could not be read */
  readonly corrupt: number;
}

/** What both kinds of mount take. */
export interface MountOptions {
  /** who may read; `owner` unless said otherwise */
  readonly allow?: Allow;
}
