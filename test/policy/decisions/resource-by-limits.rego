# Releases a resource where every claim of the primary evidence is at most 32 (trustee.md §5.6). A claim that is missing refuses;
# one that was set to 0 passes, and so would a negative value that contraindicates: the floor outside the policy caps that one.
package policy

import rego.v1

default allow := false

allow if {
	vector := input.submods.cpu0["ear.trustworthiness-vector"]
	every claim in ["configuration", "executables", "file-system", "hardware"] {
		vector[claim] <= 32
	}
}
