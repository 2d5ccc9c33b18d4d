# Grades evidence in the dialect whose server asks for one object `data.policy.trust_claims`, keys with hyphens, and for
# `data.policy.extensions`, a list of members to add beside it (trustee.md §5.2, §5.7). Reference values by their short names.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 36

trust_claims := {
	"executables": executables,
	"hardware": hardware,
	"configuration": configuration,
	"file-system": 0,
	"instance-identity": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}

extensions := [{"name": "platform", "key": 21, "value": platform} | some platform in platforms]

platforms := {name |
	some name in ["tdx", "snp", "sample"]
	input[name]
}

executables := 3 if {
	input.tdx.quote.body.rtmr_1 in query_reference_value("rtmr_1")
	input.tdx.quote.body.rtmr_2 in query_reference_value("rtmr_2")
	kernel_measured
}

executables := 3 if input.snp.measurement in query_reference_value("snp_launch_measurement")

executables := 3 if input.sample.launch_digest in query_reference_value("launch_digest")

hardware := 2 if {
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.quote.body.mr_td in query_reference_value("mr_td")
	input.tdx.tcb_status == "UpToDate"
	input.tdx.collateral_expiration_status == "0"
}

hardware := 2 if {
	input.snp.reported_tcb_bootloader in query_reference_value("snp_bootloader")
	input.snp.reported_tcb_microcode in query_reference_value("snp_microcode")
	input.snp.reported_tcb_snp in query_reference_value("snp_snp_svn")
	input.snp.reported_tcb_tee in query_reference_value("snp_tee_svn")
}

hardware := 2 if {
	input.sample.svn in query_reference_value("svn")
	input.sample.platform_version.major == query_reference_value("major_version")
	input.sample.platform_version.minor >= query_reference_value("minimum_minor_version")
}

configuration := 2 if {
	input.tdx.td_attributes.debug == false
	input.tdx.quote.body.xfam in query_reference_value("xfam")
}

configuration := 2 if {
	input.snp.policy_debug_allowed == false
	input.snp.platform_smt_enabled in query_reference_value("snp_smt_enabled")
	input.snp.policy_abi_major in query_reference_value("snp_guest_abi_major")
}

configuration := 2 if input.sample.debug == false

kernel_measured if {
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_IPL"
	event.digest_matches_event == true
	contains(event.details.string, "Kernel")
	some digest in event.digests
	digest.digest in query_reference_value("tdvfkernel")
}
