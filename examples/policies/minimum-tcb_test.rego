package policy_test

import data.fixtures
import data.policy
import rego.v1

before := time.parse_rfc3339_ns("2026-06-29T23:59:59Z")

after := time.parse_rfc3339_ns("2026-06-30T00:00:00Z")

hardware(changes, now) := claim if {
	evidence := object.union(fixtures.tdx.affirming.evidence, {"tdx": changes})
	claim := policy.hardware with input as evidence with time.now_ns as now
}

behind(advisories) := {"tcb_status": "OutOfDate", "advisory_ids": advisories}

test_affirms_a_current_platform if hardware({}, after) == 2

test_affirms_the_oldest_level_that_counts if {
	hardware({"tcb_date": "2025-01-01T00:00:00Z"}, after) == 2
	hardware({"tcb_date": "2024-12-31T23:59:59Z"}, after) == 97
}

test_affirms_a_tolerated_advisory_until_the_grace_date if {
	hardware(behind(["INTEL-SA-00837"]), before) == 2
	hardware(behind(["INTEL-SA-00837"]), after) == 97
}

test_refuses_an_advisory_that_nobody_looked_at if {
	hardware(behind(["INTEL-SA-00837", "INTEL-SA-99999"]), before) == 97
}

test_refuses_a_platform_that_is_behind_without_naming_why if {
	hardware(behind([]), before) == 97
	hardware(behind(null), before) == 97
	hardware(behind("INTEL-SA-00837"), before) == 97
}

test_refuses_other_standings if {
	every status in ["Revoked", "ConfigurationNeeded", "OutOfDateConfigurationNeeded", "", null] {
		hardware(object.union(behind(["INTEL-SA-00837"]), {"tcb_status": status}), before) == 97
	}
}

test_refuses_expired_collateral_and_simulated_platforms if {
	hardware({"tcb_verification": {"collateral_expired": true}}, before) == 97
	hardware({"simulated": true}, before) == 97
}

test_grades_software_by_the_reference_values if {
	policy.executables == 3 with input as fixtures.tdx.affirming.evidence with query_reference_value as lookup
	policy.executables == 33 with input as fixtures.tdx.other_software.evidence with query_reference_value as lookup
	policy.configuration == 36 with input as fixtures.tdx.debug.evidence
}

lookup(name) := fixtures.tdx.affirming.references[name]
