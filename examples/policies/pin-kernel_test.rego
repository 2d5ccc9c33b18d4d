package policy_test

import data.fixtures
import data.policy
import rego.v1

good := ["a1", "b1", "c1"]

evidence(rtmr_2, texts) := object.union(
	fixtures.tdx.affirming.evidence,
	{"tdx": {"measured": {"digests": {"rtmr_1": ["51", "ac"], "rtmr_2": rtmr_2}, "texts": texts}}},
)

action := {"ac": "Exit Boot Services Invocation"}

references(name) := object.get(
	{
		"tdx.mr_td": fixtures.tdx.affirming.references["tdx.mr_td"],
		"measurement.shim.SHA-384": ["51"],
		"measurement.kernel.SHA-384": ["a0", "a1"],
		"measurement.initrd.SHA-384": ["b1"],
		"measurement.kernel_cmdline.SHA-384": ["c1"],
	},
	name, null,
)

no_references(_) := null

executables(rtmr_2) := claim if {
	claim := policy.executables with input as evidence(rtmr_2, action) with query_reference_value as references
}

test_affirms_what_is_listed if {
	executables(good) == 3
	executables(["a0", "a1", "b1", "c1"]) == 3
	policy.hardware == 2 with input as evidence(good, action)
	policy.configuration == 2 with input as evidence(good, action)
}

real_references("tdx.mr_td") := fixtures.tdx.affirming.references["tdx.mr_td"]

real_references("measurement.other.SHA-384") := fixtures.tdx.affirming.evidence.tdx.measured.digests.rtmr_2

real_references(name) := fixtures.tdx.affirming.evidence.tdx.unproved_labels[split(name, ".")[1]]

test_affirms_the_log_of_a_machine_whose_parts_are_listed if {
	policy.executables == 3 with input as fixtures.tdx.affirming.evidence with query_reference_value as real_references
	policy.executables == 33 with input as fixtures.tdx.other_software.evidence with query_reference_value as real_references
}

test_refuses_another_kernel_whatever_the_log_calls_it if {
	executables(["a2", "b1", "c1"]) == 33
	executables(array.concat(good, ["a2"])) == 33
	named := {"tdx": {"unproved_labels": {"kernel": ["a1"]}, "uefi_event_logs": []}}
	policy.executables == 33 with input as object.union(evidence(["a2", "b1", "c1"], action), named)
		with query_reference_value as references
}

test_refuses_another_command_line if executables(["a1", "b1", "c2"]) == 33

test_refuses_a_text_that_is_of_no_measured_digest if {
	policy.executables == 33 with input as evidence(array.concat(good, ["a2"]), {"ac": "", "ff": "Exit Boot Services Invocation"})
		with query_reference_value as references
}

test_refuses_a_boot_without_one_of_its_parts if {
	every missing in good {
		executables([digest | some digest in good; digest != missing]) == 33
	}
}

test_refuses_evidence_without_log if {
	bare := json.remove(fixtures.tdx.affirming.evidence, ["tdx/measured"])
	policy.executables == 33 with input as bare with query_reference_value as references
}

test_refuses_everything_without_reference_values if {
	policy.executables == 33 with input as evidence(good, action) with query_reference_value as no_references
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
