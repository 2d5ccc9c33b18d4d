import { type CommandDef, defineCommand, runCommand, type SubCommandsDef } from "citty";
import {
  CaiError,
  type CommandHost,
  commit,
  groupUsage,
  nearest,
  refuseUnsafeEnvironment,
  reportError,
  runVerb,
  type Verb,
  version,
} from "./system/index.ts";

/** A verb that is loaded only when it is called, with the line that its group's help shows. */
interface LazyVerb {
  readonly summary: string;
  readonly load: () => Promise<{ default: Verb }>;
}

interface Group {
  readonly summary: string;
  readonly members: Readonly<Record<string, LazyVerb | Group>>;
}

const tree: Group = {
  summary: "cai runs AI models and data on machines you do not trust: trustee, guest agent and the tools of a model's owner in one file.",
  members: {
    demo: { summary: "the whole story on this machine, without TEE hardware", load: () => import("./roles/demo/commands/demo.ts") },
    doctor: { summary: "what this machine is and lacks, and what mends it", load: () => import("./roles/doctor/commands/doctor.ts") },
    trustee: {
      summary: "at the model owner's home: verify environments, release keys to those that pass",
      members: {
        init: { summary: "make the keys and settings of a new trustee", load: () => import("./roles/trustee/commands/init.ts") },
        serve: { summary: "serve the KBS protocol", load: () => import("./roles/trustee/commands/serve.ts") },
        backup: { summary: "write everything into one encrypted file", load: () => import("./roles/trustee/commands/backup.ts") },
        restore: { summary: "make a trustee of a backup", load: () => import("./roles/trustee/commands/restore.ts") },
        rekey: { summary: "seal the store under a new master key", load: () => import("./roles/trustee/commands/rekey.ts") },
        import: { summary: "take over the data of another trustee", load: () => import("./roles/trustee/commands/import.ts") },
        ca: {
          summary: "print the authority by which a trustee certifies itself for TLS",
          load: () => import("./roles/trustee/commands/ca.ts"),
        },
        openapi: {
          summary: "print the description of everything that a trustee answers",
          load: () => import("./roles/trustee/commands/openapi.ts"),
        },
        config: {
          summary: "print the settings in force and where each came from",
          load: () => import("./roles/trustee/commands/config.ts"),
        },
        realm: {
          summary: "prefixes of resource paths with policies and values of their own (administrators)",
          members: {
            add: { summary: "declare a realm", load: () => import("./roles/owner/commands/trustee-realm-add.ts") },
            ls: { summary: "list realms", load: () => import("./roles/owner/commands/trustee-realm-ls.ts") },
            rm: { summary: "remove an empty realm", load: () => import("./roles/owner/commands/trustee-realm-rm.ts") },
          },
        },
        role: {
          summary: "what administrators may do (administrators)",
          members: {
            add: { summary: "make or replace a role", load: () => import("./roles/owner/commands/trustee-role-add.ts") },
            ls: { summary: "list roles", load: () => import("./roles/owner/commands/trustee-role-ls.ts") },
            rm: { summary: "remove a role", load: () => import("./roles/owner/commands/trustee-role-rm.ts") },
          },
        },
        admin: {
          summary: "who may administer a trustee (administrators)",
          members: {
            add: { summary: "add a key or an identity provider", load: () => import("./roles/owner/commands/trustee-admin-add.ts") },
            ls: { summary: "list administrators", load: () => import("./roles/owner/commands/trustee-admin-ls.ts") },
            rm: { summary: "remove an administrator", load: () => import("./roles/owner/commands/trustee-admin-rm.ts") },
          },
        },
        deny: {
          summary: "machines and builds that nothing is released to (administrators)",
          members: {
            add: { summary: "end trust in a machine or build", load: () => import("./roles/owner/commands/trustee-deny-add.ts") },
            ls: { summary: "list deny rows", load: () => import("./roles/owner/commands/trustee-deny-ls.ts") },
            rm: { summary: "remove a deny row", load: () => import("./roles/owner/commands/trustee-deny-rm.ts") },
          },
        },
        signer: {
          summary: "the keys that sign tokens (administrators)",
          members: {
            ls: {
              summary: "list them, and until when tokens of each are taken",
              load: () => import("./roles/owner/commands/trustee-signer-ls.ts"),
            },
            rotate: { summary: "have a new key sign from now on", load: () => import("./roles/owner/commands/trustee-signer-rotate.ts") },
          },
        },
      },
    },
    model: {
      summary: "encrypted models",
      members: {
        encrypt: { summary: "encrypt a folder or a file", load: () => import("./roles/owner/commands/model-encrypt.ts") },
        inspect: {
          summary: "show an encrypted model's header, without its key",
          load: () => import("./roles/owner/commands/model-inspect.ts"),
        },
        verify: { summary: "check every block of an encrypted model", load: () => import("./roles/owner/commands/model-verify.ts") },
        decrypt: { summary: "write the plain files of an encrypted model", load: () => import("./roles/owner/commands/model-decrypt.ts") },
      },
    },
    resource: {
      summary: "secrets on a trustee (administrators)",
      members: {
        set: { summary: "store a secret", load: () => import("./roles/owner/commands/resource-set.ts") },
        ls: { summary: "list the names of secrets", load: () => import("./roles/owner/commands/resource-ls.ts") },
        rm: { summary: "remove a secret", load: () => import("./roles/owner/commands/resource-rm.ts") },
      },
    },
    policy: {
      summary: "policies: those of a trustee (administrators), and work on files of your own",
      members: {
        set: { summary: "put a resource or attestation policy in force", load: () => import("./roles/owner/commands/policy-set.ts") },
        get: { summary: "print a policy in force", load: () => import("./roles/owner/commands/policy-get.ts") },
        ls: { summary: "list policies, and the templates that cai brings", load: () => import("./roles/owner/commands/policy-ls.ts") },
        rm: { summary: "remove an attestation policy", load: () => import("./roles/owner/commands/policy-rm.ts") },
        check: { summary: "find mistakes in policies without running them", load: () => import("./roles/owner/commands/policy-check.ts") },
        test: { summary: "run the tests of policies in a folder", load: () => import("./roles/owner/commands/policy-test.ts") },
        fmt: { summary: "lay policies out in one style", load: () => import("./roles/owner/commands/policy-fmt.ts") },
        explain: {
          summary: "say why a query over policies comes out as it does",
          load: () => import("./roles/owner/commands/policy-explain.ts"),
        },
        eval: { summary: "evaluate a query over policies on this machine", load: () => import("./roles/owner/commands/policy-eval.ts") },
      },
    },
    reference: {
      summary: "reference values of a trustee (administrators)",
      members: {
        set: { summary: "set the values that a measurement may have", load: () => import("./roles/owner/commands/reference-set.ts") },
        ls: { summary: "list reference values", load: () => import("./roles/owner/commands/reference-ls.ts") },
        learn: {
          summary: "propose reference values from verified evidence",
          load: () => import("./roles/owner/commands/reference-learn.ts"),
        },
        rm: { summary: "remove a reference value", load: () => import("./roles/owner/commands/reference-rm.ts") },
      },
    },
    collateral: {
      summary: "what the manufacturer says about platforms: get it, look at it, carry it where nothing can be fetched",
      members: {
        fetch: { summary: "get collateral into a file", load: () => import("./roles/owner/commands/collateral-fetch.ts") },
        export: {
          summary: "save what a trustee keeps as one file (administrators)",
          load: () => import("./roles/owner/commands/collateral-export.ts"),
        },
        import: { summary: "give a file to a trustee (administrators)", load: () => import("./roles/owner/commands/collateral-import.ts") },
        numbers: {
          summary: "list the TCB evaluation numbers that collateral can be asked for",
          load: () => import("./roles/owner/commands/collateral-numbers.ts"),
        },
        ls: { summary: "list the collateral of a trustee, or of a file", load: () => import("./roles/owner/commands/collateral-ls.ts") },
      },
    },
    agent: {
      summary: "inside the TEE: evidence, tokens, secrets, mounted models",
      members: {
        mount: {
          summary: "attest, fetch the key, mount an encrypted model read-only",
          load: () => import("./roles/agent/commands/mount.ts"),
        },
        evidence: { summary: "print evidence of this machine", load: () => import("./roles/agent/commands/evidence.ts") },
        token: { summary: "attest and print the token", load: () => import("./roles/agent/commands/token.ts") },
        resource: {
          summary: "secrets, by attestation",
          members: { get: { summary: "attest and fetch one secret", load: () => import("./roles/agent/commands/resource-get.ts") } },
        },
        config: { summary: "print the settings in force and where each came from", load: () => import("./roles/agent/commands/config.ts") },
      },
    },
    inspect: { summary: "explain an artefact of any kind, without judging it", load: () => import("./roles/owner/commands/inspect.ts") },
    verify: { summary: "verify evidence of a TEE on this machine", load: () => import("./roles/owner/commands/verify.ts") },
    sim: {
      summary: "simulated platforms, for trying, developing and testing",
      members: {
        tdx: {
          summary: "a simulated Intel TDX machine",
          members: {
            init: {
              summary: "make one: its state, trust anchor, collateral and reference values",
              load: () => import("./roles/sim/commands/tdx-init.ts"),
            },
            extend: { summary: "record a runtime event in it", load: () => import("./roles/sim/commands/tdx-extend.ts") },
            quote: { summary: "a quote of it over report data of your choice", load: () => import("./roles/sim/commands/tdx-quote.ts") },
            anchor: { summary: "print its trust anchor", load: () => import("./roles/sim/commands/tdx-anchor.ts") },
            collateral: { summary: "print its collateral bundle", load: () => import("./roles/sim/commands/tdx-collateral.ts") },
            pccs: { summary: "serve its collateral as a PCCS does", load: () => import("./roles/sim/commands/tdx-pccs.ts") },
          },
        },
      },
    },
  },
};

const host: CommandHost = { environment: process.env, stdout: process.stdout, stderr: process.stderr };

/** @returns the exit status of the program for its arguments */
async function main(args: readonly string[]): Promise<number> {
  refuseUnsafeEnvironment(process.env);
  if (args[0] === "--version" || args[0] === "-v") {
    process.stdout.write(args.includes("--json") ? `${JSON.stringify({ version, commit })}\n` : `cai ${version} (${commit})\n`);
    return 0;
  }
  const helpAt = groupAt(tree, args);
  if (helpAt) return printGroup(helpAt.path, helpAt.group, helpAt.unknown);
  let status = 0;
  const run = async (verb: Verb, verbArgs: readonly string[]) => {
    status = await runVerb(verb, verbArgs, host);
  };
  await runCommand(commandOf(tree, run), { rawArgs: [...args] });
  return status;
}

/**
 * The group that the arguments end in, where they name no verb: without a further word, with `--help`, or with a word it does not know.
 *
 * @throws CaiError `cli.usage` for a flag before the verb: help with status 0 would pass for whatever the verb was to find out
 */
function groupAt(root: Group, args: readonly string[]): { path: string; group: Group; unknown: string | undefined } | undefined {
  let group = root;
  const path: string[] = [];
  for (const word of args) {
    if (word === "--help" || word === "-h") break;
    if (word.startsWith("-")) {
      const command = ["cai", ...path].join(" ");
      const flag = word.replace(/=.*/s, "");
      throw new CaiError("cli.usage", `${flag} stands before the command`, {
        expected: `${command} <command> ${flag} …`,
        hint: `${command} --help`,
      });
    }
    const member = Object.hasOwn(group.members, word) ? group.members[word] : undefined;
    if (member === undefined) return { path: path.join(" "), group, unknown: word };
    if ("load" in member) return undefined;
    group = member;
    path.push(word);
  }
  return { path: path.join(" "), group, unknown: undefined };
}

function printGroup(path: string, group: Group, unknown: string | undefined): number {
  if (unknown !== undefined) {
    const near = nearest(unknown, Object.keys(group.members));
    const command = path === "" ? "cai" : `cai ${path}`;
    throw new CaiError("cli.usage", `\`${command}\` has no command ${JSON.stringify(unknown)}`, {
      ...(near && { expected: `${command} ${near}` }),
      hint: `${command} --help`,
    });
  }
  process.stdout.write(
    groupUsage(
      path,
      group.summary,
      Object.entries(group.members).map(([name, { summary }]) => [name, summary]),
    ),
  );
  return 0;
}

/** The command tree in citty's terms: a verb's own arguments are read by {@link runVerb}, which refuses what it does not know. */
function commandOf(group: Group, run: (verb: Verb, rawArgs: readonly string[]) => Promise<void>): CommandDef {
  const subCommands: SubCommandsDef = {};
  for (const [name, member] of Object.entries(group.members)) {
    subCommands[name] =
      "members" in member
        ? commandOf(member, run)
        : async () => {
            const { default: verb } = await member.load();
            return defineCommand({ meta: { name }, run: ({ rawArgs }) => run(verb, rawArgs) });
          };
  }
  return defineCommand({ meta: { description: group.summary }, subCommands });
}

// Whoever stops reading has read enough; a result that cannot be written is a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return;
  const failed = new CaiError("cli.output-failed", "cannot write to standard output", { got: error.code ?? error.message });
  process.exit(reportError(failed, process.argv.includes("--json"), host));
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes("--json"), host);
}
