package policy_test

import data.fixtures
import data.policy
import rego.v1

boot_event(words, digest) := {
	"index": 3,
	"type_name": "EV_IPL",
	"digests": [{"alg": "SHA-384", "digest": digest}],
	"details": {"string": words},
}

good_log := [
	boot_event("grub_cmd: set root=hd0", "00"),
	boot_event("grub_kernel_cmdline /vmlinuz ro roothash=1", "c1"),
	boot_event("grub_linuxefi Kernel", "a1"),
]

evidence(log) := object.union(fixtures.tdx.affirming.evidence, {"tdx": {"uefi_event_logs": log}})

references(name) := {
	"tdx.mr_td": fixtures.tdx.affirming.references["tdx.mr_td"],
	"measurement.kernel.SHA-384": ["a0", "a1"],
	"measurement.kernel_cmdline.SHA-384": ["c1"],
}[name]

no_references(_) := null

executables(log) := claim if {
	claim := policy.executables with input as evidence(log) with query_reference_value as references
}

test_affirms_a_listed_kernel_and_command_line if {
	executables(good_log) == 3
	policy.hardware == 2 with input as evidence(good_log)
	policy.configuration == 2 with input as evidence(good_log)
}

test_reads_digests_in_capitals if executables([
	boot_event("kernel_cmdline: ro", "C1"),
	boot_event("grub_linuxefi Kernel", "A1"),
]) == 3

test_refuses_another_kernel if executables([good_log[1], boot_event("grub_linuxefi Kernel", "a2")]) == 33

test_refuses_another_command_line if executables([boot_event("grub_cmd linux /vmlinuz init=/bin/sh", "c2"), good_log[2]]) == 33

test_refuses_a_second_kernel_beside_the_listed_one if {
	executables(array.concat(good_log, [boot_event("grub_linuxefi Kernel", "a2")])) == 33
}

test_refuses_a_kernel_without_a_digest_that_counts if {
	other := object.union(good_log[2], {"digests": [{"alg": "SHA-256", "digest": "a1"}]})
	executables(array.concat(good_log, [other])) == 33
}

test_refuses_a_log_without_kernel if executables([good_log[0]]) == 33

test_refuses_evidence_without_log if {
	policy.executables == 33 with input as fixtures.tdx.affirming.evidence with query_reference_value as references
}

test_refuses_everything_without_reference_values if {
	policy.executables == 33 with input as evidence(good_log) with query_reference_value as no_references
}

test_refuses_debug_and_simulated_guests if {
	policy.configuration == 36 with input as fixtures.tdx.debug.evidence
	policy.hardware == 97 with input as fixtures.tdx.simulated.evidence
	policy.hardware == 97 with input as fixtures.tdx.out_of_date.evidence
}

test_refuses_other_platforms if {
	every other in [fixtures.csv.affirming.evidence, fixtures.snp.affirming.evidence, {}] {
		policy.executables == 33 with input as other with query_reference_value as references
		policy.hardware == 97 with input as other
	}
}
