# Resource policy: two versions of a model during an upgrade, and nothing else ever loaded.
#
# A guest measures each model before it appears, and each trustee before it is asked. What it may have loaded when it asks for a key is
# one of a few exact sets: nothing yet, the old version, or the new one. "The log contains a good root" would also hold for a guest that
# loaded somebody else's model first.
#
# When the upgrade is over, take the old root out of `loads`.
package policy

import rego.v1

default allow := false

old_root := "sha256:1111111111111111111111111111111111111111111111111111111111111111"

new_root := "sha256:2222222222222222222222222222222222222222222222222222222222222222"

# The trustee's identity, as `cai trustee init` printed it.
trustee := "tid:0UVKwGPd239R04oPm_6Our3rQGO16r5I6r0mJozkjzA"

# Every set of model roots that a guest may have loaded.
loads := [set(), {old_root}, {new_root}]

allow if {
	affirming
	roots in loads
	trustees == {trustee}
}

roots := {event.content.root | some event in events; event.operation == "model"}

trustees := {event.content | some event in events; event.operation == "trustee"}

# Events of the agent itself: other callers cannot write into its domain. The list is there only where every event of the register is proved
# by its digest, so that nobody who carries the log can hide one.
events := [event |
	some event in evidence.tdx.measured.runtime_events
	event.domain == "cai"
]

# A model event whose content cannot be read must not look like no model event.
readable(event) if event.operation != "model"

readable(event) if is_string(event.content.root)

cpu := input.submods.cpu0

evidence := cpu["ear.veraison.annotated-evidence"]

affirming if {
	cpu["ear.status"] == "affirming"
	every claim in ["configuration", "executables", "hardware"] {
		cpu["ear.trustworthiness-vector"][claim] in numbers.range(2, 31)
	}
	input.cai.world == "production"
	input.cai.binding == "tagged"
	evidence.tdx.td_attributes.debug == false

	# A TD has registers behind its events. Where a verifier says that there are none, they are only what the guest says.
	object.get(evidence.tdx, "events_bound", true) == true
	is_array(evidence.tdx.measured.runtime_events)
	every event in events {
		readable(event)
	}
}
