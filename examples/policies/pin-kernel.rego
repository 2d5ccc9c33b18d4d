# Attestation policy: only boot loaders, kernels, initrds and command lines that you list.
#
# Useful where several kernels are in use, or where a boot loader's menu differs from machine to machine, so that whole registers have no
# fixed values. The command line decides what the initrd mounts and starts; where it carries the root hash of the root file system
# (dm-verity), pinning it pins the whole system.
#
# Reference values, each an array of allowed SHA-384 digests in lower-case hex:
#
#   tdx.mr_td                            the firmware
#   measurement.shim.SHA-384             and the like for grub, kernel, initrd, kernel_cmdline, and other: whatever else is measured
#
# Everything that was measured into the boot's registers has to be listed, by its digest or, for what only has a text, by that text. To ask
# whether a good kernel is in the log would not do: a guest may have started another one first. Nor would it do to look for what the log
# calls a kernel: the digests of a log are proved by the quote, its names are not, and a host that carries the log can change them.
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
	every digest in boot {
		known(digest)
	}

	# What has to be there at all: an empty log lists nothing that is not allowed.
	every part in ["kernel", "initrd", "kernel_cmdline"] {
		some digest in boot
		digest in listed(part)
	}
}

configuration := 2 if {
	input.tdx.td_attributes.debug == false
	startswith(input.tdx.quote.body.td_attributes, "00")
}

# What boot loaders, kernel and initrd were measured into.
boot := array.concat(input.tdx.measured.digests.rtmr_1, input.tdx.measured.digests.rtmr_2)

parts := ["shim", "grub", "kernel", "initrd", "kernel_cmdline", "other"]

known(digest) if {
	some part in parts
	digest in listed(part)
}

# A text counts only as that of a measured digest. Texts by themselves need not be all that was measured.
known(digest) if input.tdx.measured.texts[digest] in harmless

# The digest of an EV_SEPARATOR: four bytes of zero.
known("394341b7182cd227c5c6b07ef8000cdfd86136c4292b8e576573ad7ed9ae41019f5818b4b971c9effc60e1ad9f1289f0")

harmless := {
	"Calling EFI Application from Boot Option",
	"Exit Boot Services Invocation",
	"Exit Boot Services Returned with Success",
}

listed(part) := allowed(sprintf("measurement.%s.SHA-384", [part]))

allowed(name) := values if {
	values := query_reference_value(name)
	is_array(values)
} else := []
