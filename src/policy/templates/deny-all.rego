# Releases nothing: what a new trustee starts with.
package policy

import rego.v1

default allow := false
