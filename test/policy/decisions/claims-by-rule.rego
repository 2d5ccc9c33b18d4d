# Grades evidence of any platform, one rule a claim (trustee.md §5.7): the dialect whose server asks for `data.policy.executables`,
# `hardware`, `configuration` and `file_system` one by one. A claim starts at the value that means "not shown" and is raised by a
# platform's own rule. What is allowed comes from `query_reference_value` alone; a name without values raises nothing.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 36

default file_system := 35

# ---------------------------------------------------------------------------------------------------------------------------
# Intel TDX

executables := 3 if {
	input.tdx.quote
	some algorithm in log_algorithms
	boot_chain(input.tdx.uefi_event_logs, algorithm)
	command_line(input.tdx.uefi_event_logs, algorithm)
	models_known(input.tdx.uefi_event_logs)
	files_known(input.tdx.uefi_event_logs)
}

hardware := 2 if {
	tdx_quote_of_a_guest
	tdx_standing_accepted
	tdx_module_accepted
	tdx_firmware_accepted
}

configuration := 2 if {
	input.tdx.quote
	tdx_attributes_accepted
	input.tdx.quote.body.xfam in query_reference_value("tdx.xfam")
	tdx_owner_accepted
	load_config_known(input.tdx.uefi_event_logs)
}

file_system := 2 if {
	input.tdx.quote
	root_hash_known(input.tdx.uefi_event_logs)
}

tdx_quote_of_a_guest if {
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
	input.tdx.quote.header.version in {"0400", "0500"}
	input.tdx.quote.header.att_key_type == "0200"
}

# The standing as one platform verifier nests it, and as the other one lays it flat.
tdx_standing := input.tdx.tcb_verification.tcb_status

tdx_standing := input.tdx.tcb_status if {
	not input.tdx.tcb_verification.tcb_status
}

tdx_collateral_current if input.tdx.tcb_verification.collateral_expired == false

tdx_collateral_current if {
	not input.tdx.tcb_verification
	input.tdx.collateral_expiration_status == "0"
}

tdx_standing_accepted if {
	tdx_standing == "UpToDate"
	tdx_collateral_current
	count(tdx_advisories) == 0
}

tdx_standing_accepted if {
	tdx_standing in {"SWHardeningNeeded", "ConfigurationAndSWHardeningNeeded"}
	tdx_collateral_current
	tdx_advisories_accepted
}

tdx_advisories := {trim_space(one) |
	some one in split(input.tdx.tcb_verification.advisory_ids, ",")
	trim_space(one) != ""
} if {
	is_string(input.tdx.tcb_verification.advisory_ids)
}

tdx_advisories := {one | some one in input.tdx.advisory_ids} if {
	not input.tdx.tcb_verification
}

tdx_advisories_accepted if {
	accepted := query_reference_value("tdx.advisories")
	every one in tdx_advisories {
		one in accepted
	}
}

tdx_module_accepted if {
	unlisted("tdx.mr_seam")
}

tdx_module_accepted if {
	input.tdx.quote.body.mr_seam in query_reference_value("tdx.mr_seam")
	input.tdx.quote.body.mrsigner_seam == zeros(96)
	input.tdx.quote.body.seam_attributes == zeros(16)
}

tdx_firmware_accepted if {
	unlisted("tdx.mr_td")
}

tdx_firmware_accepted if {
	input.tdx.quote.body.mr_td in query_reference_value("tdx.mr_td")
}

tdx_attributes_accepted if {
	attributes := input.tdx.quote.body.td_attributes
	count(attributes) == 16

	# Debug and its kind are the first byte of the little-endian word.
	startswith(attributes, "00")
	every position in [14, 15] {
		regex.match(`^[0-9a-f]$`, substring(attributes, position, 1))
	}
}

tdx_owner_accepted if {
	input.tdx.quote.body.mr_owner == zeros(96)
	input.tdx.quote.body.mr_owner_config == zeros(96)
}

tdx_owner_accepted if {
	input.tdx.quote.body.mr_owner in query_reference_value("tdx.mr_owner")
}

# ---------------------------------------------------------------------------------------------------------------------------
# Hygon CSV

executables := 3 if {
	input.csv.measure
	some algorithm in log_algorithms
	boot_chain(input.csv.uefi_event_logs, algorithm)
	command_line(input.csv.uefi_event_logs, algorithm)
}

executables := 3 if {
	# The first report version has no registers: its one measurement covers the direct boot.
	input.csv.version == "1"
	input.csv.measure in query_reference_value("csv.measure")
}

hardware := 2 if {
	input.csv.version in {"1", "2"}
	not_below(input.csv.policy.hsk_version, "csv.hsk_version")
	not_below(input.csv.policy.cek_version, "csv.cek_version")
	input.csv.serial_number != ""
}

configuration := 2 if {
	input.csv.policy.nodbg == 1
	input.csv.policy.noks == 1
	input.csv.policy.es == 1
	input.csv.policy.asid_reuse == 0
	csv_firmware_accepted
}

file_system := 2 if {
	input.csv.version == "2"
	root_hash_known(input.csv.uefi_event_logs)
}

csv_firmware_accepted if unlisted("csv.api_major")

csv_firmware_accepted if {
	input.csv.policy.api_major in query_reference_value("csv.api_major")
	input.csv.policy.api_minor in query_reference_value("csv.api_minor")
}

# ---------------------------------------------------------------------------------------------------------------------------
# AMD SEV-SNP. One verifier gives numbers and booleans, the other one texts of them.

executables := 3 if {
	launch := snp_measurement
	launch in query_reference_value("snp.measurement")
}

hardware := 2 if {
	input.snp
	every part in ["bootloader", "microcode", "snp", "tee"] {
		version := snp_number(input.snp[sprintf("reported_tcb_%s", [part])])
		some allowed in query_reference_value(sprintf("snp.reported_tcb_%s", [part]))
		version == to_number(allowed)
	}
}

configuration := 2 if {
	input.snp
	snp_number(input.snp.policy_debug_allowed) == 0
	snp_number(input.snp.policy_migrate_ma) == 0
	allowed_number("snp.policy_abi_major", input.snp.policy_abi_major)
	allowed_number("snp.policy_abi_minor", input.snp.policy_abi_minor)
	allowed_number("snp.policy_smt_allowed", input.snp.policy_smt_allowed)
	allowed_number("snp.policy_single_socket", input.snp.policy_single_socket)
	allowed_number("snp.platform_smt_enabled", input.snp.platform_smt_enabled)
	allowed_number("snp.platform_tsme_enabled", input.snp.platform_tsme_enabled)
}

# Nothing in the report speaks of files: the claim is made, and says nothing.
file_system := 0 if input.snp

snp_measurement := input.snp.measurement if {
	regex.match(`^[0-9a-f]{96}$`, input.snp.measurement)
}

snp_measurement := hex.encode(base64.decode(input.snp.measurement)) if {
	not regex.match(`^[0-9a-f]{96}$`, input.snp.measurement)
}

snp_number(value) := value if is_number(value)

snp_number(value) := to_number(value) if is_string(value)

snp_number(true) := 1

snp_number(false) := 0

allowed_number(name, value) if {
	some allowed in query_reference_value(name)
	snp_number(allowed) == snp_number(value)
}

# ---------------------------------------------------------------------------------------------------------------------------
# A TPM. Its verifier replays the log itself and gives the measurements by name.

executables := 3 if {
	input.tpm
	some algorithm in ["SHA-1", "SHA-256", "SHA-384", "SM-3"]
	every component in ["shim", "grub", "kernel", "initrd", "kernel_cmdline"] {
		name := sprintf("measurement.%s.%s", [component, algorithm])
		input.tpm[name] in query_reference_value(name)
	}
}

hardware := 2 if {
	input.tpm["EK_cert_issuer.O"] in query_reference_value("tpm.EK_cert_issuer.O")
	input.tpm["quote.firmware_version"] in query_reference_value("tpm.firmware_version")
}

configuration := 2 if {
	input.tpm
	load_config_known(input.tpm.uefi_event_logs)
}

file_system := 2 if {
	input.tpm
	root_hash_known(input.tpm.uefi_event_logs)
}

# ---------------------------------------------------------------------------------------------------------------------------
# Intel SGX

executables := 3 if {
	input.sgx
	input.sgx.body.mr_enclave in query_reference_value("sgx.mr_enclave")
	input.sgx.body.mr_signer in query_reference_value("sgx.mr_signer")
}

hardware := 2 if {
	input.sgx
	input.sgx.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
	input.sgx.body.cpu_svn in query_reference_value("sgx.cpu_svn")
}

configuration := 2 if {
	input.sgx

	# The second bit of the first byte is DEBUG.
	flags := input.sgx.body["attributes.flags"]
	first := units_of(substring(flags, 0, 2))
	bits.and(first, 2) == 0
	input.sgx.body.isv_svn in query_reference_value("sgx.isv_svn")
}

# ---------------------------------------------------------------------------------------------------------------------------
# A plain machine without hardware roots

executables := 3 if {
	input.system
	some algorithm in log_algorithms
	boot_chain(input.system.uefi_event_logs, algorithm)
}

# ---------------------------------------------------------------------------------------------------------------------------
# The boot, as the event log tells it

log_algorithms := ["SHA-384", "SHA384", "SHA-256", "SM3"]

boot_chain(log, algorithm) if {
	loaded_from(log, "shim", algorithm)
	loaded_from(log, "grub", algorithm)
	measured_as(log, "Kernel", "kernel", algorithm)
	measured_as(log, "Initrd", "initrd", algorithm)
}

# A UEFI application by the path it was started from.
loaded_from(log, program, algorithm) if {
	allowed := component_values(program, algorithm)
	some event in log
	event.type_name == "EV_EFI_BOOT_SERVICES_APPLICATION"
	some path in event.details.device_paths
	contains(lower(path), program)
	digest_of(event, algorithm) in allowed
}

# What the boot loader measured, by the words it wrote beside the digest.
measured_as(log, word, component, algorithm) if {
	allowed := component_values(component, algorithm)
	some event in log
	event.type_name == "EV_IPL"
	contains(event.details.string, word)
	digest_of(event, algorithm) in allowed
}

command_line(log, algorithm) if {
	allowed := component_values("kernel_cmdline", algorithm)
	some event in log
	event.type_name == "EV_IPL"
	strings.any_prefix_match(event.details.string, {"grub_cmd linux", "kernel_cmdline", "grub_kernel_cmdline"})
	digest_of(event, algorithm) in allowed
}

component_values(component, algorithm) := query_reference_value(sprintf("measurement.%s.%s", [component, algorithm]))

digest_of(event, algorithm) := digest if {
	some one in event.digests
	one.alg == algorithm
	digest := lower(one.digest)
}

# ---------------------------------------------------------------------------------------------------------------------------
# Events of the guest's own

agent_events(log, domain, operation) := {event.details.data.content |
	some event in log
	event.type_name == "EV_EVENT_TAG"
	event.details.unicode_name == "AAEL"
	event.details.data.domain == domain
	event.details.data.operation == operation
}

# Exactly what is allowed and at least once: one event beside the allowed ones refuses.
only_known(contents, name) if {
	allowed := query_reference_value(name)
	count(contents) > 0
	every content in contents {
		content in allowed
	}
}

load_config_known(log) if {
	contents := agent_events(log, "cryptpilot.alibabacloud.com", "load_config")
	only_known(contents, "AA.eventlog.cryptpilot.alibabacloud.com.load_config")
}

root_hash_known(log) if {
	contents := agent_events(log, "cryptpilot.alibabacloud.com", "fde_rootfs_hash")
	only_known(contents, "AA.eventlog.cryptpilot.alibabacloud.com.fde_rootfs_hash")
}

# Each model that was loaded is one of those allowed for its id. The content of the event is an object already.
models_known(log) if {
	every model in loaded_models(log) {
		model.hash in query_reference_value(sprintf("measurement.model.%s", [model["model-id"]]))
	}
}

loaded_models(log) := [event.details.data.content |
	some event in log
	event.details.data.domain == "trustiflux.alibaba.com"
	startswith(event.details.data.operation, "load-model")
]

# Each measured file is one of those allowed for its path.
files_known(log) if {
	every file in measured_files(log) {
		file.hash in query_reference_value(sprintf("measurement.file.%s", [file.path]))
	}
}

measured_files(log) := [{"path": event.details.data.operation, "hash": event.details.data.content} |
	some event in log
	event.details.data.domain == "file"
]

# ---------------------------------------------------------------------------------------------------------------------------
# Small things

# True where the operator gave no values for a name: it then demands nothing.
unlisted(name) if is_null(query_reference_value(name))

not_below(_, name) if unlisted(name)

not_below(version, name) if {
	some least in query_reference_value(name)
	version >= least
}

zeros(digits) := concat("", ["0" | some _ in numbers.range(1, digits)])

hex_digits := "0123456789abcdef"

units_of(pair) := (16 * indexof(hex_digits, substring(pair, 0, 1))) + indexof(hex_digits, substring(pair, 1, 1))
