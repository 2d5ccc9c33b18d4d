# Grades the evidence of an Intel TDX guest of a production store.
#
# Claims start contraindicated or in the warning tier and are raised only by what was compared. Without reference values nothing
# but the hardware is affirmed, so no resource template releases anything. Reference values, each an array of allowed values in
# lower-case hex: tdx.mr_td, tdx.rtmr_0 … tdx.rtmr_2; tdx.rtmr_3, tdx.mr_seam, tdx.tcb_svn and tdx.xfam narrow further where they
# are given. What this demands is level L1: firmware, kernel, initrd and command line. It says nothing of the root file system.
package policy

import rego.v1

default hardware := 97

default executables := 33

default configuration := 36

hardware := 2 if {
	right_world
	genuine
	input.tdx.tcb_status == "UpToDate"

	# The module that runs now, where the claims tell it apart from the one at launch.
	object.get(input.tdx, "tcb_status_current", "UpToDate") == "UpToDate"
	input.tdx.tcb_verification.collateral_expired == false
	matches_if_given("mr_seam")
	matches_if_given("tcb_svn")
}

executables := 3 if {
	right_world
	every register in ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] {
		matches(register)
	}
	matches_if_given("rtmr_3")
}

configuration := 2 if {
	right_world
	input.tdx.td_attributes.debug == false
	not_debug_class(input.tdx.quote.body.td_attributes)
	count(allowed("mr_td")) > 0
	matches_if_given("xfam")
}

right_world if input.tdx.simulated == false

# A TD, not an SGX enclave: TEE type 0x81, little-endian.
genuine if input.tdx.quote.header.tee_type == "81000000"

# Bits 0 to 7 of the attributes are DEBUG and its kind; they are the first byte in little-endian hex.
not_debug_class(attributes) if {
	is_string(attributes)
	count(attributes) == 16
	startswith(attributes, "00")
}

# The allowed values of a field; empty where there is no such reference value.
allowed(field) := values if {
	values := query_reference_value(sprintf("tdx.%s", [field]))
	is_array(values)
} else := []

matches(field) if input.tdx.quote.body[field] in allowed(field)

# A field that narrows: only a reference value that was never given is no demand. An empty array or another type allows nothing.
matches_if_given(field) if is_null(query_reference_value(sprintf("tdx.%s", [field])))

matches_if_given(field) if matches(field)
