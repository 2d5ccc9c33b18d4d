package policy_test

import data.fixtures
import data.policy
import rego.v1

allowed(id) if {
	token := object.union(
		fixtures.tdx.affirming.token,
		{"submods": {"cpu0": {"ear.veraison.annotated-evidence": {"tdx": {"platform_provider_id": id}}}}},
	)
	policy.allow with input as token
}

test_allows_a_listed_machine if {
	every id in policy.machines {
		allowed(id)
		allowed(upper(id))
	}
}

test_denies_another_machine if not allowed("00f83f5bc58e59f9c793690f6063a96b")

test_denies_a_machine_that_is_not_named if {
	not allowed("")
	token := json.remove(
		fixtures.tdx.affirming.token,
		["/submods/cpu0/ear.veraison.annotated-evidence/tdx/platform_provider_id"],
	)
	not policy.allow with input as token
}

test_denies_a_listed_machine_that_is_not_affirming if {
	every state in ["debug", "out_of_date", "other_software", "simulated"] {
		not policy.allow with input as fixtures.tdx[state].token
	}
}
