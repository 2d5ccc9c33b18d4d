package policy_test

import data.fixtures
import data.policy
import rego.v1

event(operation, content) := {"domain": "cai", "operation": operation, "content": content}

model(root) := event("model", {"root": root, "uri": "kbs:///default/model/1"})

asked := event("trustee", policy.trustee)

token(log) := object.union(
	fixtures.tdx.affirming.token,
	{"submods": {"cpu0": {"ear.veraison.annotated-evidence": {"tdx": {"measured": {"runtime_events": log}}}}}},
)

allowed(log) if policy.allow with input as token(log)

test_allows_a_guest_that_loaded_nothing_yet if allowed([event("instance", "r"), asked])

test_allows_the_old_and_the_new_version if {
	allowed([asked, model(policy.old_root)])
	allowed([asked, model(policy.new_root), model(policy.new_root)])
}

test_denies_both_versions_in_one_guest if not allowed([asked, model(policy.old_root), model(policy.new_root)])

test_denies_another_model_before_the_good_one if not allowed([asked, model("sha256:33"), model(policy.new_root)])

test_denies_a_model_event_that_cannot_be_read if {
	not allowed([asked, event("model", "{")])
	not allowed([asked, event("model", {"root": 1})])
	not allowed([asked, event("model", {})])
}

test_denies_a_guest_that_asked_another_trustee_too if not allowed([asked, event("trustee", "none")])

test_denies_a_guest_that_says_nothing_of_its_trustee if not allowed([model(policy.new_root)])

test_does_not_read_events_of_other_domains if {
	foreign := object.union(model(policy.new_root), {"domain": "file"})
	allowed([asked, foreign])
}

test_denies_a_log_with_an_event_that_its_digest_does_not_prove if {
	whole := token([asked, model(policy.new_root)])
	policy.allow with input as whole
	hidden := "submods/cpu0/ear.veraison.annotated-evidence/tdx/measured/runtime_events"
	not policy.allow with input as json.remove(whole, [hidden])
}

test_denies_events_that_no_register_covers if {
	unbound := {"submods": {"cpu0": {"ear.veraison.annotated-evidence": {"tdx": {"events_bound": false}}}}}
	not policy.allow with input as object.union(token([asked]), unbound)
}

test_denies_what_is_not_affirming if {
	every state in ["debug", "out_of_date", "other_software", "simulated"] {
		not policy.allow with input as fixtures.tdx[state].token
	}
	not policy.allow with input as {}
}
