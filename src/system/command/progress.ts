/** The progress of long work, in bytes. */
export interface Progress {
  update(done: number, total: number): void;
  end(): void;
}

const BAR_WIDTH = 28;
const REDRAW_MS = 100;

/**
 * A bar with rate and time left on a terminal; silent elsewhere.
 *
 * @param label   what is being done
 * @param stream  where to draw, standard error by default
 * @param now     milliseconds on a clock that does not go back
 */
export function createProgress(
  label: string,
  stream: { isTTY?: boolean; write(text: string): unknown } = process.stderr,
  now: () => number = () => performance.now(),
): Progress {
  if (!stream.isTTY) return { update: () => {}, end: () => {} };
  const start = now();
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    update(done, total) {
      const time = now();
      if (time - drawn < REDRAW_MS && done < total) return;
      drawn = time;
      stream.write(`\r\x1b[K${progressLine(label, done, total, (time - start) / 1000)}`);
    },
    end: () => void stream.write("\r\x1b[K"),
  };
}

/** @returns one line such as `encrypting [#####.....]  50%  1.2 GiB of 2.4 GiB  1.1 GB/s  1 s left` */
function progressLine(label: string, done: number, total: number, seconds: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(part * BAR_WIDTH);
  const rate = seconds > 0 ? done / seconds : 0;
  const left = rate > 0 ? `  ${Math.ceil((total - done) / rate)} s left` : "";
  const bar = `[${"#".repeat(filled)}${".".repeat(BAR_WIDTH - filled)}]`;
  return `${label} ${bar} ${String(Math.floor(part * 100)).padStart(3)}%  ${formatBytes(done)} of ${formatBytes(total)}  ${formatRate(rate)}${left}`;
}

/** @returns a size in binary units with two digits, for example `1.5 GiB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

function formatRate(bytesPerSecond: number): string {
  return bytesPerSecond >= 1e9 ? `${(bytesPerSecond / 1e9).toFixed(2)} GB/s` : `${Math.round(bytesPerSecond / 1e6)} MB/s`;
}
