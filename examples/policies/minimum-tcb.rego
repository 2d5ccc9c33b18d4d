# Attestation policy: a minimum TCB, with a grace date for one advisory that cannot be mended at once.
#
# `UpToDate` platforms are affirmed when their TCB level is not older than `oldest_level`. A platform that is behind is affirmed until
# `grace_until`, and only where every advisory that keeps it behind is one you have looked at. After the date the policy refuses by itself:
# nobody has to remember.
#
# Executables and configuration are graded as in the shipped template, against the reference values tdx.mr_td and tdx.rtmr_0 … tdx.rtmr_2.
package policy

import rego.v1

default hardware := 97

default executables := 33

default configuration := 36

oldest_level := "2025-01-01T00:00:00Z"

tolerated_advisories := {"INTEL-SA-00837", "INTEL-SA-00960"}

grace_until := "2026-06-30T00:00:00Z"

hardware := 2 if {
	genuine
	input.tdx.tcb_status == "UpToDate"
	time.parse_rfc3339_ns(input.tdx.tcb_date) >= time.parse_rfc3339_ns(oldest_level)
}

hardware := 2 if {
	genuine
	input.tdx.tcb_status in {"SWHardeningNeeded", "OutOfDate"}
	is_array(input.tdx.advisory_ids)
	count(input.tdx.advisory_ids) > 0
	every advisory in input.tdx.advisory_ids {
		advisory in tolerated_advisories
	}
	time.now_ns() < time.parse_rfc3339_ns(grace_until)
}

genuine if {
	input.tdx.simulated == false
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.tcb_verification.collateral_expired == false
}

executables := 3 if {
	every register in ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] {
		input.tdx.quote.body[register] in allowed(register)
	}
}

configuration := 2 if {
	input.tdx.td_attributes.debug == false
	startswith(input.tdx.quote.body.td_attributes, "00")
}

allowed(field) := values if {
	values := query_reference_value(sprintf("tdx.%s", [field]))
	is_array(values)
} else := []
