# Attestation policy: only kernels and command lines that you list.
#
# The command line decides what the initrd mounts and starts, so a kernel without its command line proves little. Where the command line
# carries the root hash of the root file system (dm-verity), pinning it pins the whole system.
#
# Reference values, each an array of allowed SHA-384 digests in lower-case hex:
#
#   tdx.mr_td                            the firmware
#   measurement.kernel.SHA-384           the kernel, as the boot loader measured it
#   measurement.kernel_cmdline.SHA-384   its command line
#
# Every kernel and every command line in the event log has to be listed: with "one of them is", a guest that started another kernel first
# would pass. The log is believed because the verifier replays it to the signed registers before this policy sees it.
#
# By itself this is level L0: the initrd and the rest of the boot may be anything. Compare the registers too, as the template `attestation`
# does, to demand L1.
package policy

import rego.v1

default hardware := 97

default executables := 33

default configuration := 36

hardware := 2 if {
	input.tdx.simulated == false
	input.tdx.quote.header.tee_type == "81000000"
	input.tdx.tcb_status == "UpToDate"
	input.tdx.tcb_verification.collateral_expired == false
}

executables := 3 if {
	input.tdx.quote.body.mr_td in allowed("tdx.mr_td")
	only_listed(kernels, "measurement.kernel.SHA-384")
	only_listed(command_lines, "measurement.kernel_cmdline.SHA-384")
}

configuration := 2 if {
	input.tdx.td_attributes.debug == false
	startswith(input.tdx.quote.body.td_attributes, "00")
}

# A kernel that the boot loader loaded, by the words it measured beside it.
kernels := {digest |
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_IPL"
	contains(event.details.string, "Kernel")
	digest := sha384(event)
}

command_lines := {digest |
	some event in input.tdx.uefi_event_logs
	event.type_name == "EV_IPL"
	some start in ["grub_cmd linux", "kernel_cmdline", "grub_kernel_cmdline"]
	startswith(event.details.string, start)
	digest := sha384(event)
}

# An event without such a digest counts as one that is not listed.
sha384(event) := digest if {
	some one in event.digests
	one.alg in {"SHA-384", "SHA384"}
	digest := lower(one.digest)
} else := "none"

only_listed(digests, name) if {
	count(digests) > 0
	every digest in digests {
		digest in allowed(name)
	}
}

allowed(name) := values if {
	values := query_reference_value(name)
	is_array(values)
} else := []
