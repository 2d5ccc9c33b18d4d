# Resource policy: guests whose agent is not `cai` and so cannot tag its report data.
#
# What that costs: the report does not show who asked for it. Whoever reaches a quoting interface in the guest, an unprivileged process or a
# served application that can be made to fetch a URL, can have a key of its own quoted and then get the secret. Use it for guests in which
# every process may have the secret, and go back to `tagged` once the agents are replaced.
#
# `cai.binding` is written by this trustee; it is "plain" where the report data hold the digest of this run's key and nonce without a tag.
package policy

import rego.v1

default allow := false

# Only these repositories are open to such guests: what you put there is what the cost above applies to.
repositories := {"upstream"}

allow if {
	affirming
	input.cai.binding in {"plain", "tagged"}
	data["resource-path-parts"][0] in repositories
}

cpu := input.submods.cpu0

evidence := cpu["ear.veraison.annotated-evidence"]

affirming if {
	cpu["ear.status"] == "affirming"
	every claim in ["configuration", "executables", "hardware"] {
		cpu["ear.trustworthiness-vector"][claim] in numbers.range(2, 31)
	}
	input.cai.world == "production"
	evidence.tdx.td_attributes.debug == false
}
