export { EnvelopeKeys } from "./envelope-keys.ts";
export { envelopePlugin } from "./envelope-plugin.ts";
export type { Plugin } from "./plugin.ts";
export { pluginRoutes } from "./plugin-routes.ts";
export { resourcePlugin } from "./resource-plugin.ts";
