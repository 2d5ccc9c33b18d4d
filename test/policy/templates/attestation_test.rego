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
	every platform in ["csv", "snp", "sgx", "tpm", "system", "sample"] {
		every _, state in fixtures[platform] {
			vector(state.evidence) == {"hardware": 97, "executables": 33, "configuration": 36}
		}
	}
}
