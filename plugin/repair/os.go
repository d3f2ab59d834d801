package repair

import (
	"strings"
)

// lacksOS returns why an instance with the operating system cannot be reinstalled on the
// node, as far as is known, or "". Ganeti looks for it on all nodes of the instance, and wants a variant if
// and only if it has some there (CheckOSParams in lib/cmdlib/common.py, ValidateOS and
// _CheckOSVariant in lib/backend.py), but not before the disks were made anew.
func (p *Placer) lacksOS(os, node string) refusal {
	if os == "" || p.unknownOS(os, node) {
		return "" // without an operating system there is nothing to install
	}
	name, variant, _ := strings.Cut(os, "+")
	at := p.Installed[name][node]
	switch {
	case !at.Valid:
		return refusal("operating system " + name + " is missing on")
	case variant == "" && len(at.Variants) == 0:
		return ""
	case variant == "":
		return refusal("operating system " + name + " needs a variant on")
	}
	for _, v := range at.Variants {
		if v == variant {
			return ""
		}
	}
	return refusal("operating system " + name + " has no variant " + variant + " on")
}

// unknownOS reports whether it is not known if the node has the operating system. Of one
// that no node has, Ganeti does not tell which nodes it has asked.
func (p *Placer) unknownOS(os, node string) bool {
	name, _, _ := strings.Cut(os, "+")
	nodes, somewhere := p.Installed[name]
	_, told := nodes[node]
	return os != "" && (p.Installed == nil || somewhere && !told)
}
