# The template `affirming` for agents that cannot tag their report data.
#
# What that costs: whoever reaches a quoting interface inside the guest, an unprivileged process or a server that can be made to
# fetch a URL, can have a key of its own quoted and open RCAR with it. The untagged report does not show who asked for it.
# Use it only where every process in the guest may have the secret.
#
# Demanded of the primary CPU evidence: status affirming; configuration, executables and hardware set, and affirming each;
# no simulated platform; no debug attribute; a report bound to the request, tagged or not.
#
# `file-system` may be absent or 0: both mean that the attestation policy makes no claim about files, as for a TD whose root
# file system is covered by its measured command line. Where it is set, it has to be affirming too.
package policy

import rego.v1

default allow := false

allow if {
	cpu := input.submods.cpu0
	cpu["ear.status"] == "affirming"
	vector := cpu["ear.trustworthiness-vector"]
	every claim in ["configuration", "executables", "hardware"] {
		affirms(vector[claim])
	}
	files_accepted(vector)
	production(cpu["ear.veraison.annotated-evidence"])
	not_debug(cpu["ear.veraison.annotated-evidence"])
	input.cai.binding in {"tagged", "plain"}
}

affirms(value) if {
	is_number(value)
	value >= 2
	value <= 32
}

files_accepted(vector) if object.get(vector, "file-system", 0) == 0

files_accepted(vector) if affirms(vector["file-system"])

# The world has to be stated: a token that leaves it out is refused.
production(evidence) if {
	input.cai.world == "production"
	evidence.tdx.simulated == false
}

# The attribute has to be there and false: `not debug` would also hold on a platform that has no such claim.
not_debug(evidence) if evidence.tdx.td_attributes.debug == false
