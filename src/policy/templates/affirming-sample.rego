# The template `affirming-simulated` for sample evidence, which unmodified clients of both upstream families can make anywhere. It proves
# nothing: whoever reaches the trustee can make it up, and get what this releases. For trying out clients with worthless secrets only.
#
# Demanded of the primary CPU evidence: status affirming; configuration, executables and hardware set, and affirming each; sample evidence
# without debug in the simulated world; a report bound to the request, tagged or not.
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
	sample(cpu["ear.veraison.annotated-evidence"])
	input.cai.binding in {"tagged", "plain"}
}

affirms(value) if {
	is_number(value)
	value >= 2
	value <= 32
}

sample(evidence) if {
	input.cai.world == "simulated"
	evidence.sample.simulated == true

	# One family's evidence has no such claim; there is no debug mode to be in.
	object.get(evidence.sample, "debug", false) == false
}
