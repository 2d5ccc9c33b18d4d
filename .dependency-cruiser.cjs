/**
 * The rule of the rooms: imports go downwards only, roles never import one another, and a room is entered by its index.ts.
 * Order, from the top: main → roles → model, policy, tee, protocol → crypto → system. `tee` may import `protocol`.
 */
const room = (name) => `^src/${name}/`;
const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from: { path: from }, to: { path: to } });

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      comment: "a cycle hides which part is the foundation",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: ["^bun$", "^bun:"] } },
    {
      name: "roles-apart",
      comment: "a role never imports another role",
      severity: "error",
      from: { path: "^src/roles/([^/]+)/" },
      to: { path: "^src/roles/", pathNot: "^src/roles/$1/" },
    },
    {
      name: "roles-when-called",
      comment: "the entry loads a role only when it is called, so that `cai --version` loads no server",
      severity: "error",
      from: { path: "^src/main\\.ts$" },
      to: { path: "^src/(roles|model|policy|tee|protocol|crypto)/", dependencyTypesNot: ["dynamic-import"] },
    },
    forbid("main-on-top", "nothing imports the entry", "^src/(?!main\\.ts)", "^src/main\\.ts$"),
    forbid("model-below-roles", "model uses crypto and system only", room("model"), "^src/(roles|policy|tee|protocol)/"),
    forbid("policy-below-roles", "policy uses crypto and system only", room("policy"), "^src/(roles|model|tee|protocol)/"),
    forbid("tee-below-roles", "tee uses protocol, crypto and system only", room("tee"), "^src/(roles|model|policy)/"),
    forbid("protocol-below-roles", "protocol uses crypto and system only", room("protocol"), "^src/(roles|model|policy|tee)/"),
    forbid("crypto-below-protocol", "crypto uses system only", room("crypto"), "^src/(roles|model|policy|tee|protocol)/"),
    forbid("system-at-the-bottom", "system uses no other room", room("system"), "^src/(roles|model|policy|tee|protocol|crypto)/"),
    {
      name: "rooms-by-their-index",
      comment: "other rooms import a room's index.ts only (each platform folder of tee has its own)",
      severity: "error",
      from: { path: "^src/([^/]+)/" },
      to: {
        path: "^src/(model|policy|tee|protocol|crypto|system)/",
        pathNot: ["^src/$1/", "^src/[^/]+/index\\.ts$", "^src/tee/[^/]+/index\\.ts$"],
      },
    },
    forbid("ffi-in-system", "bun:ffi is used in src/system only", "^src/(?!system/)", "^bun:ffi$"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(node_modules|dist)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
