# Resource policy: only the machines that you list.
#
# A measurement says what runs, not where. Whoever has extracted the attestation key of one genuine machine passes every measurement, but
# only as that machine: a list of yours keeps all others out. `cai verify --json` shows the id of a machine you have.
#
# The provider id (PPID) names the processor package; the instance id changes when the platform is set up anew. Pin the first, or both.
package policy

import rego.v1

default allow := false

machines := {"81f83f5bc58e59f9c793690f6063a96b"}

allow if {
	affirming
	lower(evidence.tdx.platform_provider_id) in machines
}

cpu := input.submods.cpu0

evidence := cpu["ear.veraison.annotated-evidence"]

affirming if {
	cpu["ear.status"] == "affirming"
	every claim in ["configuration", "executables", "hardware"] {
		cpu["ear.trustworthiness-vector"][claim] in numbers.range(2, 31)
	}
	input.cai.world == "production"
	input.cai.binding == "tagged"
	evidence.tdx.td_attributes.debug == false
}
