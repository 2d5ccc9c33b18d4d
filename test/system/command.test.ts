import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { CaiError, createProgress, defineVerb, errorText, formatBytes, formatTable, nearest, runVerb } from "../../src/system/index.ts";

type Locate = (flags: Readonly<Record<string, unknown>>) => string | undefined;

const verb = (run: (flags: unknown, positionals: unknown) => void, file?: string | Locate) =>
  defineVerb({
    path: "thing do",
    description: "Does a thing.",
    positionals: [{ name: "INPUT", about: "what to do" }],
    flags: {
      url: { kind: "text", value: "URL", about: "where", default: "http://here" },
      mode: { kind: "text", value: "MODE", about: "how", oneOf: ["fast", "slow"] },
      count: { kind: "number", value: "N", min: 1, max: 9, default: 3, about: "how often" },
      force: { kind: "switch", about: "even so" },
      "only-here": { kind: "switch", about: "never from a variable", commandLineOnly: true },
      wide: { kind: "switch", about: "widens", noVariable: true },
      output: { kind: "text", value: "FILE", short: "o", about: "to where" },
      each: { kind: "list", value: "FILE", about: "one of several", commandLineOnly: true },
      place: { kind: "list", value: "ADDRESS", about: "one of several, from anywhere", default: ["here"] },
    },
    settingsFile: (flags) => (typeof file === "function" ? file(flags) : file),
    examples: [{ about: "do it", line: "cai thing do x" }],
    run: async ({ flags, positionals }) => run(flags, positionals),
  });

/** Runs a verb. @returns its status, flags and the id of its error */
async function run(args: string[], environment: Record<string, string> = {}, file?: string | Locate) {
  let seen: Record<string, unknown> = {};
  let stderr = "";
  const status = await runVerb(
    verb((flags, positionals) => {
      seen = { ...(flags as object), positionals };
    }, file),
    args,
    {
      environment,
      stdout: { write: () => {} },
      stderr: {
        write: (text) => {
          stderr += text;
        },
      },
    },
  );
  return { status, seen, id: /^cai: ([\w.-]+):/.exec(stderr)?.[1], stderr };
}

describe("the arguments of a verb", () => {
  test("are typed values with their defaults", async () => {
    const { status, seen } = await run(["x"]);
    expect(status).toBe(0);
    expect(seen).toEqual({
      url: "http://here",
      mode: undefined,
      count: 3,
      force: false,
      "only-here": false,
      wide: false,
      output: undefined,
      each: [],
      place: ["here"],
      positionals: ["x"],
    });
  });

  test("take values after a space or an equals sign, short flags, and `-` as a value", async () => {
    expect((await run(["x", "--url=http://there", "--count", "9", "-o", "-", "--force"])).seen).toMatchObject({
      url: "http://there",
      count: 9,
      output: "-",
      force: true,
    });
  });

  test("gather a flag that may be given several times, in order, and take no variable for it", async () => {
    expect((await run(["x", "--each", "b", "--each=a"])).seen).toMatchObject({ each: ["b", "a"] });
    expect((await run(["x"], { CAI_EACH: "c" })).seen).toMatchObject({ each: [] });
    expect(await run(["x", "--each"])).toMatchObject({ status: 2, id: "cli.usage" });
  });

  test("take a list from a variable with commas between, or from an array of the settings file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cai-command-"));
    const file = join(folder, "settings.toml");
    const fromFile = async (text: string) => {
      writeFileSync(file, text);
      return run(["x"], {}, file);
    };
    expect((await run(["x", "--place", "a,b", "--place", "c"])).seen).toMatchObject({ place: ["a,b", "c"] });
    expect((await run(["x"], { CAI_PLACE: "a, b" })).seen).toMatchObject({ place: ["a", "b"] });
    expect((await fromFile('place = ["a", "b"]')).seen).toMatchObject({ place: ["a", "b"] });
    expect((await fromFile('place = "a"')).seen).toMatchObject({ place: ["a"] });
    expect(await run(["x"], { CAI_PLACE: "a,,b" })).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    for (const wrong of ["place = 8080", 'place = ["a", 1]', 'place = [""]']) {
      const { status, id, stderr } = await fromFile(wrong);
      expect([status, id]).toEqual([2, "cli.setting-invalid"]);
      expect(stderr).toContain('place = ["…", "…"]');
    }
    rmSync(folder, { recursive: true });
  });

  for (const [name, args] of Object.entries({
    "an unknown flag": ["x", "--sorce"],
    "an unknown short flag": ["x", "-z"],
    "a flag given twice": ["x", "--url", "a", "--url", "b"],
    "a switch with a value": ["x", "--force=yes"],
    "a flag without its value": ["x", "--url"],
    "a missing argument": [],
    "one argument too many": ["x", "y"],
  })) {
    test(`refuse ${name}`, async () => {
      expect(await run(args)).toMatchObject({ status: 2, id: "cli.usage", seen: {} });
    });
  }

  for (const [name, args] of Object.entries({
    "a number out of range": ["x", "--count", "10"],
    "a number that is none": ["x", "--count", "3x"],
    "another word": ["x", "--mode", "medium"],
  })) {
    test(`refuse ${name}`, async () => {
      expect(await run(args)).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    });
  }
});

describe("a variadic argument", () => {
  const run = async (args: string[], optional: boolean) => {
    let seen: unknown;
    let stderr = "";
    const last = { name: "FILE", about: "what to read", variadic: true } as const;
    const several = defineVerb({
      path: "thing list",
      description: "Lists things.",
      positionals: [{ name: "KIND", about: "of what kind" }, optional ? { ...last, optional: true } : last],
      flags: { force: { kind: "switch", about: "even so" } },
      examples: [{ about: "two", line: "cai thing list x a b" }],
      run: async ({ positionals: [kind, files] }) => {
        seen = { kind, files: files.map((file) => file.toUpperCase()) };
      },
    });
    let stdout = "";
    const status = await runVerb(several, args, {
      environment: {},
      stdout: {
        write: (text) => {
          stdout += text;
        },
      },
      stderr: {
        write: (text) => {
          stderr += text;
        },
      },
    });
    return { status, seen, stdout, id: /^cai: ([\w.-]+):/.exec(stderr)?.[1] };
  };

  test("is the list of everything that is left", async () => {
    expect((await run(["x", "a"], false)).seen).toEqual({ kind: "x", files: ["A"] });
    expect((await run(["x", "a", "--force", "b", "-"], false)).seen).toEqual({ kind: "x", files: ["A", "B", "-"] });
    expect((await run(["x", "--", "--a", "b"], false)).seen).toEqual({ kind: "x", files: ["--A", "B"] });
  });

  test("needs one, unless it is optional", async () => {
    expect(await run(["x"], false)).toMatchObject({ status: 2, id: "cli.usage" });
    expect((await run(["x"], true)).seen).toEqual({ kind: "x", files: [] });
  });

  test("shows in the synopsis", async () => {
    expect((await run(["--help"], false)).stdout).toContain("cai thing list KIND FILE… [flags]");
    expect((await run(["--help"], true)).stdout).toContain("cai thing list KIND [FILE…] [flags]");
  });
});

describe("settings", () => {
  const folder = mkdtempSync(join(tmpdir(), "cai-settings-"));
  const file = join(folder, "settings.toml");
  const write = (text: string) => writeFileSync(file, text);

  test("come from the flag before the variable before the file before the default", async () => {
    write('url = "from-file"\ncount = 5\nforce = true\n');
    const { seen } = await run(["x", "--url", "from-flag"], { CAI_URL: "from-variable", CAI_COUNT: "4" }, file);
    expect(seen).toMatchObject({ url: "from-flag", count: 4, force: true });
  });

  test("are looked for where the flag, the variable or the default says", async () => {
    const places: unknown[] = [];
    const locate: Locate = ({ url }) => {
      places.push(url);
      return undefined;
    };
    await run(["x", "--url", "by-flag"], { CAI_URL: "by-variable" }, locate);
    await run(["x"], { CAI_URL: "by-variable" }, locate);
    await run(["x"], {}, locate);
    expect(places).toEqual(["by-flag", "by-variable", "http://here"]);
  });

  test("that a variable leaves empty are refused, for empty is not the same as not set", async () => {
    expect(await run(["x"], { CAI_MODE: "" })).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    expect((await run(["x", "--mode", "fast"], { CAI_MODE: "" })).seen["mode"]).toBe("fast");
  });

  test("of a missing default file are no error, of a missing named one are", async () => {
    expect((await run(["x"], {}, join(folder, "absent.toml"))).status).toBe(0);
    expect(await run(["x", "--config", join(folder, "absent.toml")])).toMatchObject({ status: 2, id: "cli.input-unreadable" });
  });

  test("with an unknown key are refused, naming the nearest known one", async () => {
    write("cuont = 5\n");
    const ended = await run(["x"], {}, file);
    expect(ended).toMatchObject({ status: 2, id: "cli.setting-unknown" });
    expect(ended.stderr).toContain("has the unknown key cuont");
    expect(ended.stderr).toContain("expected: count");
  });

  test("that cannot be are refused by the name that they have where they stand", async () => {
    write("count = 1000000\n");
    expect((await run(["x"], {}, file)).stderr).toContain(`count in ${file} cannot be 1000000`);
    expect((await run(["x"], { CAI_COUNT: "many" }, file)).stderr).toContain('the variable CAI_COUNT cannot be "many"');
    expect((await run(["x", "--count", "many"], {}, file)).stderr).toContain('--count cannot be "many"');
  });

  test("of a file that is no TOML are refused with the place, and no line of the file is shown", async () => {
    const secret = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    write(secret);
    const ended = await run(["x", "--config", file]);
    expect(ended).toMatchObject({ status: 2, id: "cli.input-unreadable" });
    expect(ended.stderr).toContain("(line 1, column");
    expect(ended.stderr).toContain("hint:     Correct that line");
    for (const line of secret.trim().split("\n")) expect(ended.stderr).not.toContain(line);
  });

  test("that widen what is allowed come from a flag or a file, and a variable for one is refused", async () => {
    expect(await run(["x"], { CAI_WIDE: "true" })).toMatchObject({ status: 2, id: "cli.setting-invalid", seen: {} });
    write("wide = true\n");
    expect((await run(["x"], {}, file)).seen["wide"]).toBe(true);
    expect((await run(["x", "--wide"])).seen["wide"]).toBe(true);
  });

  test("that are for the command line only come neither from a variable nor from a file", async () => {
    expect((await run(["x"], { CAI_ONLY_HERE: "true" })).seen["only-here"]).toBe(false);
    write("only_here = true\n");
    expect(await run(["x"], {}, file)).toMatchObject({ status: 2, id: "cli.setting-unknown" });
    rmSync(folder, { recursive: true });
  });
});

describe("what the terminal shows", () => {
  test("is a help with synopsis, flags, exit status and examples", async () => {
    let help = "";
    await runVerb(
      verb(() => {}),
      ["--help"],
      {
        environment: {},
        stdout: {
          write: (text) => {
            help += text;
          },
        },
        stderr: { write: () => {} },
      },
    );
    for (const part of ["Usage: cai thing do INPUT [flags]", "-o, --output FILE", "(default 3)", "[CAI_URL]", "Exit status:", "Examples:"])
      expect(help).toContain(part);
  });

  test("is a progress bar on a terminal only", () => {
    const drawn: string[] = [];
    let time = 0;
    const bar = createProgress("encrypting", { isTTY: true, write: (text) => drawn.push(text) }, () => time);
    time = 1000;
    bar.update(512 * 1024 * 1024, 1024 * 1024 * 1024);
    expect(drawn.at(-1)).toContain("encrypting [##############..............]  50%  512.0 MiB of 1.00 GiB  537 MB/s  1 s left");
    time = 1001;
    bar.update(513 * 1024 * 1024, 1024 * 1024 * 1024);
    expect(drawn.length).toBe(1);
    const silent: string[] = [];
    createProgress("encrypting", { isTTY: false, write: (text) => silent.push(text) }).update(1, 2);
    expect(silent).toEqual([]);
  });

  test("is a table whose columns line up", () => {
    expect(
      formatTable([
        ["a", "bb"],
        ["ccc", "d"],
      ]),
    ).toBe("a    bb\nccc  d");
  });

  test("is no control character of an error or a table, whoever wrote it", () => {
    const hostile = "a\u001b[2J\u009b31mb\rc\u0007";
    const error = new CaiError("owner.trustee-refused", `refused: ${hostile}`, {
      expected: hostile,
      got: `${hostile}\n  hint:     run this`,
    });
    const shown = errorText(error);
    expect(shown.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(shown.split("\n").map((line) => line.slice(0, 11))).toEqual(["cai: owner.", "  expected:", "  got:     ", "  hint:    "]);
    expect(formatTable([[hostile, "b\nc"]])).not.toMatch(/\p{Cc}/u);
  });

  test("is a size in the unit that fits", () => {
    expect([0, 1023, 1024, 1536, 10 * 1024 ** 3].map(formatBytes)).toEqual(["0 B", "1023 B", "1.00 KiB", "1.50 KiB", "10.0 GiB"]);
  });
});

describe("the nearest word", () => {
  test("is a candidate one slip away, and none for a word like no other", () => {
    expect(nearest("modle", ["model", "agent"])).toBe("model");
    expect(nearest("trustee-pni", ["trustee", "trustee-pin"])).toBe("trustee-pin");
    expect(nearest("rm", ["ls"])).toBeUndefined();
    expect(nearest("zzzzzz", ["model", "agent"])).toBeUndefined();
  });

  test("of a candidate is the candidate itself", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1 }), { minLength: 1 }),
        fc.nat(),
        (words, i) => nearest(words[i % words.length]!, words) === words[i % words.length],
      ),
    );
  });
});

test("an unexpected failure keeps its message and gets an id", () => {
  expect(CaiError.from(new TypeError("broken"))).toMatchObject({ id: "internal.unexpected", message: "broken", exitCode: 1 });
});

test("an error without a hint of its own shows the remedy of its id", () => {
  expect(errorText(new CaiError("net.timeout", "late"))).toBe(
    "cai: net.timeout: late\n  hint:     Check the peer's load and the network between.",
  );
  expect(errorText(new CaiError("net.timeout", "late", { expected: "soon", got: "never", hint: "wait" }))).toBe(
    "cai: net.timeout: late\n  expected: soon\n  got:      never\n  hint:     wait",
  );
});
