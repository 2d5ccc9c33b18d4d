package policy_test

import data.fixtures
import data.policy
import rego.v1

token(digest) := object.union(
	fixtures.tdx.affirming.token,
	{"submods": {"cpu0": {"ear.veraison.annotated-evidence": {"init_data": digest}}}},
)

guest(repository) := [token(digest) | some digest in policy.repositories[repository]][0]

allowed(who, path) if {
	policy.allow with input as who with data.plugin as "resource" with data["resource-path-parts"] as path
}

test_allows_each_tenant_its_own_repository if {
	every repository in ["team-a", "team-b"] {
		allowed(guest(repository), [repository, "key", "1"])
	}
}

test_allows_both_configurations_during_a_change if {
	every digest in policy.repositories["team-a"] {
		allowed(token(digest), ["team-a", "key", "1"])
	}
}

test_denies_the_other_tenant_s_repository if {
	not allowed(guest("team-a"), ["team-b", "key", "1"])
	not allowed(guest("team-b"), ["team-a", "key", "1"])
}

test_denies_names_that_only_start_alike if {
	not allowed(guest("team-a"), ["team-ab", "key", "1"])
	not allowed(guest("team-a"), ["team", "key", "1"])
}

test_denies_paths_of_another_length if {
	not allowed(guest("team-a"), ["team-a"])
	not allowed(guest("team-a"), ["team-a", "key", "1", "2"])
	not allowed(guest("team-a"), "team-a/key/1")
}

test_denies_another_plugin if {
	not policy.allow with input as guest("team-a") with data.plugin as "pkcs11" with data["resource-path-parts"] as ["team-a", "key", "1"]
}

test_denies_guests_without_a_configuration_of_ours if {
	not allowed(fixtures.tdx.affirming.token, ["team-a", "key", "1"])
	not allowed(token(null), ["team-a", "key", "1"])
}

test_denies_what_is_not_affirming if {
	digest := [one | some one in policy.repositories["team-a"]][0]
	changed := {"submods": {"cpu0": {"ear.veraison.annotated-evidence": {"init_data": digest}}}}
	every state in ["debug", "simulated", "other_software", "out_of_date"] {
		not allowed(object.union(fixtures.tdx[state].token, changed), ["team-a", "key", "1"])
	}
}
