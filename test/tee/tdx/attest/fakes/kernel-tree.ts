import { Errno } from "../../../../../src/system/index.ts";

/** What a fake kernel interface answers instead of a result. */
export class KernelError extends Error {
  readonly errno: number;

  constructor(name: keyof typeof Errno) {
    super(name);
    this.errno = Errno[name];
  }
}

/** An open file. A call that the file does not have is EINVAL. */
export interface Handle {
  read?(offset: number, size: number): Uint8Array;
  /** @returns the bytes taken */
  write?(offset: number, bytes: Uint8Array): number;
  /** called by close(2), whose result the caller sees; what a kernel does when the last descriptor is released happens here too */
  close?(): void;
  /** @returns what the caller's buffer then holds, at most `size` bytes */
  ioctl?(request: number, input: Uint8Array, size: number): Uint8Array;
}

export interface KernelFile {
  readonly kind: "file";
  /** permission bits */
  readonly mode: number;
  /** what stat(2) says, which for such files is no promise */
  readonly size: number;
  /** @throws KernelError */
  open(access: { readonly read: boolean; readonly write: boolean }): Handle;
}

export interface KernelFolder {
  readonly kind: "folder";
  readonly mode: number;
  readonly children: Map<string, KernelNode>;
  /** @throws KernelError; without it, the folder takes no new entries */
  mkdir?(name: string): KernelNode;
  /** Called before the entry goes. @throws KernelError; without it, no entry can be removed */
  rmdir?(name: string): void;
}

export type KernelNode = KernelFile | KernelFolder;

export const folder = (children: Record<string, KernelNode> = {}, mode = 0o755): KernelFolder => ({
  kind: "folder",
  mode,
  children: new Map(Object.entries(children)),
});

/** A file whose content never changes. */
export const staticFile = (bytes: Uint8Array, mode = 0o444): KernelFile => ({
  kind: "file",
  mode,
  size: bytes.length,
  open: () => ({ read: (offset, size) => bytes.subarray(offset, offset + size) }),
});

/** A file of text that is made when it is first read after opening, and taken with each write, as sysfs and configfs have them. */
export function attribute({ show, store }: { show?: () => Uint8Array; store?: (bytes: Uint8Array) => void }): KernelFile {
  return {
    kind: "file",
    mode: (show ? 0o444 : 0) | (store ? 0o200 : 0),
    size: 4096,
    open({ read, write }) {
      if ((read && !show) || (write && !store)) throw new KernelError("EACCES");
      let shown: Uint8Array | undefined;
      return {
        read: (offset, size) => {
          if (!show) throw new KernelError("EACCES");
          shown ??= show();
          return shown.subarray(offset, offset + size);
        },
        write: (_offset, bytes) => {
          if (!store) throw new KernelError("EACCES");
          store(bytes);
          return bytes.length;
        },
      };
    },
  };
}
