# Resource policy: each tenant's guests get the resources below the tenant's own repository.
#
# A tenant is known by the digest of the configuration that its guests are started with (init data). The hardware signs it (TDX MRCONFIGID,
# SNP HOST_DATA, CSV version 3), so a guest cannot choose to be another tenant's. `data["resource-path-parts"]` is the path as segments;
# comparing segments, not text, keeps `team-a` out of `team-ab`.
package policy

import rego.v1

default allow := false

# For each repository the init-data digests of its tenant's guests, in lower-case hex; two during a change of configuration.
repositories := {
	"team-a": {
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac",
	},
	"team-b": {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
}

allow if {
	affirming
	data.plugin == "resource"
	[repository, _, _] = data["resource-path-parts"]
	evidence.init_data in repositories[repository]
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
