# Tests of the templates that grade evidence. `data.world` is the world that the template is for.
package policy_test

import data.fixtures
import data.policy
import rego.v1

good := fixtures.tdx.affirming if data.world == "production"

good := fixtures.tdx.simulated if data.world == "simulated"

lookup(name) := object.get(good.references, name, null)

nothing(_) := null

vector(evidence) := claims if {
	claims := {claim: value |
		some claim in ["hardware", "executables", "configuration"]
		value := policy[claim] with input as evidence with query_reference_value as lookup
	}
}

test_affirms_a_guest_that_equals_its_references if {
	vector(good.evidence) == {"hardware": 2, "executables": 3, "configuration": 2}
}

test_affirms_the_hardware_alone_without_references if {
	policy.hardware == 2 with input as good.evidence with query_reference_value as nothing
	policy.executables == 33 with input as good.evidence with query_reference_value as nothing
	policy.configuration == 36 with input as good.evidence with query_reference_value as nothing
}

test_does_not_affirm_other_software if {
	changed := object.union(good.evidence, {"tdx": {"quote": {"body": {"rtmr_2": "00"}}}})
	vector(changed).executables == 33
}

test_does_not_affirm_a_debug_guest if {
	changed := object.union(good.evidence, {"tdx": {"td_attributes": {"debug": true}}})
	vector(changed).configuration == 36
}

test_contraindicates_an_outdated_platform if {
	changed := object.union(good.evidence, {"tdx": {"tcb_status": "OutOfDate"}})
	vector(changed).hardware == 97
}

test_contraindicates_the_other_world if {
	changed := object.union(good.evidence, {"tdx": {"simulated": data.world == "production"}})
	vector(changed) == {"hardware": 97, "executables": 33, "configuration": 36}
}

test_affirms_nothing_of_other_platforms if {
	every platform in ["tpm", "hygontpm", "system", "sample", "se"] {
		every _, state in fixtures[platform] {
			graded(state.evidence, state.references) == unaffirmed
		}
	}
}

unaffirmed := {"hardware": 97, "executables": 33, "configuration": 36}

affirmed := {"hardware": 2, "executables": 3, "configuration": 2}

# The good state of a platform in the world of the template.
good_of(platform) := fixtures[platform].affirming if data.world == "production"

good_of(platform) := fixtures[platform].simulated if data.world == "simulated"

graded(evidence, references) := claims if {
	claims := {claim: value |
		some claim in ["hardware", "executables", "configuration"]
		value := policy[claim] with input as evidence with data.given as references with query_reference_value as given
	}
}

given(name) := object.get(data.given, name, null)

# The good state with some claims changed.
changed_of(platform, claims) := graded(object.union(good_of(platform).evidence, {platform: claims}), good_of(platform).references)

# The good state with one reference value that is another, or with some left out.
with_reference(platform, name, value) := graded(good_of(platform).evidence, object.union(good_of(platform).references, {name: value}))

without_references(platform, names) := graded(good_of(platform).evidence, object.remove(good_of(platform).references, names))

test_affirms_each_platform_that_equals_its_references if {
	every platform in ["csv", "sgx", "snp", "tdx"] {
		graded(good_of(platform).evidence, good_of(platform).references) == affirmed
	}
}

test_affirms_nothing_of_a_platform_without_references if {
	every platform in ["csv", "sgx", "snp"] {
		graded(good_of(platform).evidence, {}) == unaffirmed
	}
}

test_contraindicates_each_platform_of_the_other_world if {
	every platform in ["csv", "sgx", "snp", "tdx"] {
		every simulated in [data.world == "production", null, "false", "true", 0] {
			changed_of(platform, {"simulated": simulated}) == unaffirmed
		}
	}
}

test_affirms_nothing_of_evidence_of_two_platforms if {
	references := object.union(good_of("snp").references, good_of("tdx").references)
	graded(object.union(good_of("snp").evidence, good_of("tdx").evidence), references) == unaffirmed
	graded(object.union(good_of("snp").evidence, {"csv": null}), references) == unaffirmed
}

test_snp_debug_or_a_bit_that_is_not_told_affirms_executables_alone if {
	every bit in [true, "1", 1, null, "", "false", 0] {
		changed_of("snp", {"policy_debug_allowed": bit}) == {"hardware": 97, "executables": 3, "configuration": 36}
		changed_of("snp", {"policy_migrate_ma": bit}) == {"hardware": 2, "executables": 3, "configuration": 36}
	}
}

test_snp_bits_and_versions_may_be_text if {
	text := {"policy_debug_allowed": "0", "policy_migrate_ma": "0", "vmpl": "0", "reported_tcb_snp": "20"}
	references := object.union(good_of("snp").references, {"snp.reported_tcb_snp": ["20"]})
	graded(object.union(good_of("snp").evidence, {"snp": text}), references) == affirmed
}

test_snp_other_levels_contraindicate_the_hardware if {
	every level in [1, 3, "1", null, false] {
		changed_of("snp", {"vmpl": level}).hardware == 97
	}
}

test_snp_each_part_of_the_reported_tcb_counts if {
	every part in ["bootloader", "tee", "snp", "microcode"] {
		name := sprintf("reported_tcb_%s", [part])
		every value in [255, "x", null, true, ""] {
			changed_of("snp", {name: value}).hardware == 97
		}
		without_references("snp", [sprintf("snp.%s", [name])]).hardware == 97
		with_reference("snp", sprintf("snp.%s", [name]), []).hardware == 97
		with_reference("snp", sprintf("snp.%s", [name]), good_of("snp").evidence.snp[name]).hardware == 97
	}
	with_reference("snp", "snp.reported_tcb_fmc", [1]).hardware == 97
}

test_snp_other_software_is_not_affirmed if {
	every value in ["00", "", null, 1, []] {
		changed_of("snp", {"measurement": value}).executables == 33
	}
	without_references("snp", ["snp.measurement"]) == {"hardware": 2, "executables": 33, "configuration": 36}
	with_reference("snp", "snp.measurement", [null]).executables == 33
	with_reference("snp", "snp.measurement", good_of("snp").evidence.snp.measurement).executables == 33
}

test_csv_debug_or_a_bit_that_is_not_told_is_not_affirmed if {
	every bit in [0, "1", true, null] {
		changed_of("csv", {"policy": {"nodbg": bit}}) == {"hardware": 97, "executables": 3, "configuration": 36}
		changed_of("csv", {"policy": {"es": bit}}) == {"hardware": 2, "executables": 3, "configuration": 36}
	}
}

test_csv_without_its_measure_affirms_nothing if {
	every value in ["00", "", null, 1] {
		changed_of("csv", {"measure": value}) == unaffirmed
	}
	without_references("csv", ["csv.measure"]) == unaffirmed
}

test_csv_each_boot_register_counts if {
	every register in ["rtmr1", "rtmr2", "rtmr3"] {
		changed_of("csv", {register: "00"}).executables == 33
		changed_of("csv", {register: null}).executables == 33
		without_references("csv", [sprintf("csv.%s", [register])]).executables == 33
	}
	with_reference("csv", "csv.rtmr4", ["00"]).executables == 33
	with_reference("csv", "csv.rtmr4", [good_of("csv").evidence.csv.rtmr4]) == affirmed
}

test_csv_legacy_reports_affirm_no_executables if {
	every version in ["1", 2, null] {
		changed_of("csv", {"version": version}).executables == 33
	}
}

test_sgx_debug_or_other_flags_are_not_affirmed if {
	every flags in ["0700000000000000", "0400000000000000", "0f00000000000000", "05", "", null, 5] {
		changed_of("sgx", {"body": {"attributes.flags": flags}}) == {"hardware": 97, "executables": 3, "configuration": 36}
	}
}

test_sgx_other_platform_versions_contraindicate_the_hardware if {
	changed_of("sgx", {"body": {"cpu_svn": "00"}}).hardware == 97
	changed_of("sgx", {"header": {"pce_svn": "0c00"}}).hardware == 97
	without_references("sgx", ["sgx.cpu_svn"]).hardware == 97
	without_references("sgx", ["sgx.pce_svn"]).hardware == 97
	every standing in ["OutOfDate", "Revoked", "", null] {
		changed_of("sgx", {"tcb_status": standing}).hardware == 97
	}
	every verification in [{"collateral_expired": true}, {"collateral_expired": null}, {}, null] {
		changed_of("sgx", {"tcb_verification": verification}).hardware == 97
	}
	changed_of("sgx", {"tcb_status": "UpToDate", "tcb_verification": {"collateral_expired": false}}) == affirmed
}

test_sgx_other_enclaves_are_not_affirmed if {
	every value in ["00", "", null] {
		changed_of("sgx", {"body": {"mr_enclave": value}}).executables == 33
		changed_of("sgx", {"body": {"mr_signer": value}}).executables == 33
	}
	without_references("sgx", ["sgx.mr_enclave"]) == {"hardware": 2, "executables": 33, "configuration": 36}
	without_references("sgx", ["sgx.mr_signer"]) == affirmed
}
