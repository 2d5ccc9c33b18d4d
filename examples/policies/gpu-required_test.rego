package policy_test

import data.fixtures
import data.policy
import rego.v1

graded(status, hardware) := {
	"ear.status": status,
	"ear.trustworthiness-vector": {"configuration": 2, "executables": 3, "hardware": hardware},
}

good := graded("affirming", 2)

allowed(devices) if policy.allow with input as object.union(fixtures.tdx.affirming.token, {"submods": devices})

test_allows_the_gpu_that_was_attested if allowed({"gpu0": good})

test_denies_a_guest_without_gpu if not allowed({})

test_denies_a_gpu_that_is_not_affirming if {
	not allowed({"gpu0": graded("warning", 2)})
	not allowed({"gpu0": graded("affirming", 97)})
	not allowed({"gpu0": graded("affirming", 0)})
	not allowed({"gpu0": {"ear.status": "affirming"}})
}

test_denies_another_number_of_gpus if {
	not allowed({"gpu0": good, "gpu1": good})
	not allowed({"gpu0": good, "gpu1": graded("none", 0)})
}

test_takes_no_other_device_for_a_gpu if {
	not allowed({"switch0": good})
	not allowed({"gpu": good})
	not allowed({"my-gpu0": good})
}

test_denies_a_good_gpu_on_a_bad_machine if {
	every state in ["debug", "out_of_date", "other_software", "simulated"] {
		not policy.allow with input as object.union(fixtures.tdx[state].token, {"submods": {"gpu0": good}})
	}
}
