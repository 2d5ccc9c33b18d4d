package policy_test

import data.fixtures
import data.policy
import rego.v1

token(binding) := object.union(fixtures.tdx.affirming.token, {"cai": {"binding": binding}})

allowed(who, path) if policy.allow with input as who with data["resource-path-parts"] as path

test_allows_plain_and_tagged_evidence if {
	allowed(token("plain"), ["upstream", "key", "1"])
	allowed(token("tagged"), ["upstream", "key", "1"])
}

test_denies_evidence_that_is_not_bound if {
	not allowed(token("none"), ["upstream", "key", "1"])
	not allowed(token(null), ["upstream", "key", "1"])
	not allowed(object.remove(token("plain"), ["cai"]), ["upstream", "key", "1"])
}

test_denies_other_repositories if {
	not allowed(token("plain"), ["default", "key", "1"])
	not allowed(token("tagged"), ["default", "upstream", "1"])
	not allowed(token("plain"), "upstream")
	not allowed(token("plain"), [])
}

test_denies_what_is_not_affirming if {
	every state in ["debug", "out_of_date", "other_software", "simulated"] {
		not allowed(fixtures.tdx[state].token, ["upstream", "key", "1"])
	}
	not allowed({}, ["upstream", "key", "1"])
}
