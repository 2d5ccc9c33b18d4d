# Resource policy: only guests with GPUs in confidential mode, bound to the same attestation.
#
# Weights leave the TEE when they are loaded to a GPU that is not in confidential mode. The trustee makes a submodule `gpu0`, `gpu1` … only
# of devices whose evidence carries this run's nonce. A device that was not attested has no submodule, so a missing one has to deny: count
# them. What one GPU's claims have to be is the attestation policy's matter, here its grade counts.
package policy

import rego.v1

default allow := false

# As many as the machine has. More or fewer are another machine than you think.
gpus_expected := 1

allow if {
	affirming(cpu)
	input.cai.world == "production"
	input.cai.binding == "tagged"
	evidence.tdx.td_attributes.debug == false

	count(gpus) == gpus_expected
	every gpu in gpus {
		affirming(gpu)
	}
}

cpu := input.submods.cpu0

evidence := cpu["ear.veraison.annotated-evidence"]

gpus := [submod | some name, submod in input.submods; regex.match(`^gpu\d+$`, name)]

affirming(submod) if {
	submod["ear.status"] == "affirming"
	every claim in ["configuration", "executables", "hardware"] {
		submod["ear.trustworthiness-vector"][claim] in numbers.range(2, 31)
	}
}
