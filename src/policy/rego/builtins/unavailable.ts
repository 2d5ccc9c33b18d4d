/** Why a built-in function is not offered, by name. A name that ends in a dot stands for all that start with it. */
const REASONS: { readonly [name: string]: string } = {
  "http.send": "a policy reaches no network",
  query_artifact_server: "a policy reaches no network",
  "net.lookup_ip_addr": "a policy reaches no network",
  "opa.runtime": "a policy sees no environment",
  "rego.metadata.": "rule and chain are there, for calls within a rule: they say what stands above it",
  "rego.parse_module": "a policy does not read policies",
  "rand.intn": "chance would make a decision unrepeatable",
  "uuid.rfc4122": "chance would make a decision unrepeatable",
  "crypto.x509.": "chains are verified before a policy sees claims",
  "crypto.parse_private_keys": "a policy has no business with private keys",
  "providers.aws.": "a policy calls no cloud",
  "graphql.": "claims are no GraphQL",
  "json.match_schema": "claims have a schema before a policy sees them",
  "json.verify_schema": "claims have a schema before a policy sees them",
  "strings.render_template": "it runs templates of another language; sprintf and template strings are there",
  // These exist where the runtime has asymmetric cryptography; this is what a build without it says.
  "io.jwt.": "signatures are not verified in this build",
};

/** @returns why a function is not offered; undefined for a name that no built-in has */
export function unavailableReason(name: string): string | undefined {
  const key = Object.keys(REASONS).find((one) => (one.endsWith(".") ? name.startsWith(one) : name === one));
  return key === undefined ? undefined : REASONS[key];
}
