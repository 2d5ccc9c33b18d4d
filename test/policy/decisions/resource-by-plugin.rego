# Releases what the plugin `resource` holds to anything but sample evidence (trustee.md §5.6).
package policy

import rego.v1

default allow := false

allow if {
	data.plugin == "resource"
	count(input.submods) > 0
	every submod in input.submods {
		not submod["ear.veraison.annotated-evidence"].sample
	}
}
