package policy_test

import data.fixtures
import data.policy
import rego.v1

test_denies_every_platform_in_every_state if {
	every _, platform in fixtures {
		every _, state in platform {
			policy.allow == false with input as state.token
		}
	}
}
