# Tests of the templates that decide on resources. `data.world` is the world that the template is for, `data.untagged` true where it takes
# evidence without a tag.
package policy_test

import data.fixtures
import data.policy
import rego.v1

good := fixtures.tdx.affirming.token if data.world == "production"

good := fixtures.tdx.simulated.token if data.world == "simulated"

other := fixtures.tdx.simulated.token if data.world == "production"

other := fixtures.tdx.affirming.token if data.world == "simulated"

allowed(token) if policy.allow with input as token

changed(vector) := object.union(good, {"submods": {"cpu0": {"ear.trustworthiness-vector": vector}}})

test_allows_a_good_guest if allowed(good)

test_denies_a_guest_of_the_other_world if not allowed(other)

test_denies_a_guest_in_any_other_state if {
	every state in ["debug", "out_of_date", "other_software"] {
		not allowed(fixtures.tdx[state].token)
	}
}

test_denies_every_other_platform if {
	every platform in ["csv", "snp", "sgx", "tpm", "system", "sample"] {
		every _, state in fixtures[platform] {
			not allowed(state.token)
		}
	}
}

test_denies_claims_outside_the_affirming_tier if {
	every claim in ["configuration", "executables", "hardware"] {
		every value in [0, 1, -1, 33, 97, -97, null, "2"] {
			not allowed(changed({claim: value}))
		}
	}
}

test_takes_no_claim_about_files_and_an_affirming_one if {
	allowed(changed({"file-system": 0}))
	allowed(changed({"file-system": 2}))
	not allowed(changed({"file-system": 35}))
}

test_answers_to_the_binding if {
	every binding in ["none", null] {
		not allowed(object.union(good, {"cai": {"binding": binding}}))
	}
	untagged := object.union(good, {"cai": {"binding": "plain"}})
	allowances := [true | allowed(untagged)]
	allowances == [true | data.untagged == true]
}

test_denies_a_token_of_another_program if not allowed(object.remove(good, ["cai"]))

test_denies_an_empty_token if not allowed({})
