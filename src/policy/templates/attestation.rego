# Grades the evidence of one confidential guest or enclave of a production store: Intel TDX, AMD SEV-SNP, Hygon CSV, Intel SGX.
#
# Claims start contraindicated or in the warning tier and are raised only by what was compared. A platform that is not below (a TPM by
# itself, `system`, `sample`) is never raised, nor is evidence that names two of those below. A reference value is an array of allowed
# values under the name <platform>.<claim>, spelt as the claim is. Without reference values only the hardware of TDX is affirmed, so no
# resource template releases anything. The most that this reaches is level L1: firmware, kernel, initrd and command line (TDX, CSV with
# registers); SNP and SGX stay at L0. It says nothing of the root file system.
package policy

import rego.v1

default hardware := 97

default executables := 33

default configuration := 36

# Intel TDX, level L1. References: tdx.mr_td, tdx.rtmr_0 … tdx.rtmr_2; tdx.rtmr_3, tdx.mr_seam, tdx.tcb_svn and tdx.xfam narrow
# further where they are given.

hardware := 2 if {
	right_world("tdx")
	genuine
	input.tdx.tcb_status == "UpToDate"

	# The module that runs now, where the claims tell it apart from the one at launch.
	object.get(input.tdx, "tcb_status_current", "UpToDate") == "UpToDate"
	input.tdx.tcb_verification.collateral_expired == false
	matches_if_given("tdx", input.tdx.quote.body, "mr_seam")
	matches_if_given("tdx", input.tdx.quote.body, "tcb_svn")
}

executables := 3 if {
	right_world("tdx")
	every register in ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2"] {
		matches("tdx", input.tdx.quote.body, register)
	}
	matches_if_given("tdx", input.tdx.quote.body, "rtmr_3")
}

configuration := 2 if {
	right_world("tdx")
	input.tdx.td_attributes.debug == false
	not_debug_class(input.tdx.quote.body.td_attributes)
	count(allowed("tdx", "mr_td")) > 0
	matches_if_given("tdx", input.tdx.quote.body, "xfam")
}

# A TD, not an SGX enclave: TEE type 0x81, little-endian.
genuine if input.tdx.quote.header.tee_type == "81000000"

# Bits 0 to 7 of the attributes are DEBUG and its kind; they are the first byte in little-endian hex.
not_debug_class(attributes) if {
	is_string(attributes)
	count(attributes) == 16
	startswith(attributes, "00")
}

# AMD SEV-SNP, level L0: the measurement covers kernel, initrd and command line only where the firmware was launched with their
# hashes, and nothing in the report says whether it was. Measure such a launch only. References: snp.measurement and each part of the
# reported TCB, snp.reported_tcb_bootloader, …_tee, …_snp, …_microcode; snp.reported_tcb_fmc narrows further where it is given.

hardware := 2 if {
	right_world("snp")
	input.snp.vmpl in [0, "0"]
	off(input.snp.policy_debug_allowed)
	every part in ["bootloader", "tee", "snp", "microcode"] {
		matches_version("snp", input.snp, sprintf("reported_tcb_%s", [part]))
	}
	fmc_matches_if_given
}

executables := 3 if {
	right_world("snp")
	matches("snp", input.snp, "measurement")
}

configuration := 2 if {
	right_world("snp")
	off(input.snp.policy_debug_allowed)

	# A migration agent has the guest's keys.
	off(input.snp.policy_migrate_ma)
	count(allowed("snp", "measurement")) > 0
}

fmc_matches_if_given if is_null(query_reference_value("snp.reported_tcb_fmc"))

fmc_matches_if_given if matches_version("snp", input.snp, "reported_tcb_fmc")

# Trustees write a policy bit as a boolean or as text.
off(bit) if bit in [false, "0"]

# Hygon CSV, level L1 with a version 2 report, whose registers 1 to 3 hold what boots after the firmware. A version 1 report has no
# registers and can be altered in all that is not compared: its executables are never affirmed. No report tells a TCB standing.
# References: csv.measure, csv.rtmr1 … csv.rtmr3; csv.rtmr4 narrows further where it is given.

hardware := 2 if {
	right_world("csv")
	input.csv.policy.nodbg == 1
	matches("csv", input.csv, "measure")
}

executables := 3 if {
	right_world("csv")
	input.csv.version == "2"
	every register in ["measure", "rtmr1", "rtmr2", "rtmr3"] {
		matches("csv", input.csv, register)
	}
	matches_if_given("csv", input.csv, "rtmr4")
}

configuration := 2 if {
	right_world("csv")
	input.csv.policy.nodbg == 1

	# The guest's registers are encrypted too.
	input.csv.policy.es == 1
	matches("csv", input.csv, "measure")
}

# Intel SGX, level L0: an enclave is the whole of its code, without a boot to compare. References: sgx.mr_enclave, and the versions of
# the processor and its provisioning enclave, sgx.cpu_svn and sgx.pce_svn; sgx.mr_signer narrows further where it is given.

hardware := 2 if {
	right_world("sgx")
	enclave_not_debug(input.sgx.body["attributes.flags"])
	matches("sgx", input.sgx.body, "cpu_svn")
	matches("sgx", input.sgx.header, "pce_svn")

	# The manufacturer's word, where the claims have it.
	object.get(input.sgx, "tcb_status", "UpToDate") == "UpToDate"
	object.get(input.sgx, "tcb_verification", {"collateral_expired": false}).collateral_expired == false
}

executables := 3 if {
	right_world("sgx")
	matches("sgx", input.sgx.body, "mr_enclave")
	matches_if_given("sgx", input.sgx.body, "mr_signer")
}

configuration := 2 if {
	right_world("sgx")
	enclave_not_debug(input.sgx.body["attributes.flags"])
	count(allowed("sgx", "mr_enclave")) > 0
}

# Of the flags, little-endian hex, bit 0 (INIT) is set and bit 1 (DEBUG) is not.
enclave_not_debug(flags) if {
	is_string(flags)
	regex.match(`^[0-9a-f][159d][0-9a-f]{14}$`, flags)
}

# Shared by the platforms.

right_world(platform) if {
	platforms == {platform}
	input[platform].simulated == false
}

# Those that the evidence speaks of. What one platform shows must not count for another.
platforms contains name if {
	some name in ["csv", "sample", "sgx", "snp", "tdx"]
	name in object.keys(input)
}

# The allowed values of a claim; empty where there is no such reference value.
allowed(platform, claim) := values if {
	values := query_reference_value(sprintf("%s.%s", [platform, claim]))
	is_array(values)
} else := []

matches(platform, claims, name) if {
	is_string(claims[name])
	claims[name] != ""
	claims[name] in allowed(platform, name)
}

# A part of a TCB: a number, or text with the same meaning, equal to a reference value of the same kind.
matches_version(platform, claims, name) if matches(platform, claims, name)

matches_version(platform, claims, name) if {
	is_number(claims[name])
	claims[name] in allowed(platform, name)
}

# A claim that narrows: only a reference value that was never given is no demand. An empty array or another type allows nothing.
matches_if_given(platform, _, name) if is_null(query_reference_value(sprintf("%s.%s", [platform, name])))

matches_if_given(platform, claims, name) if matches(platform, claims, name)
