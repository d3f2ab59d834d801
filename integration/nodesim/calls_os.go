package nodesim

import (
	"fmt"
	"strings"
)

// osValidate takes whether the system must be there, and its name with a variant.
func osValidate(n *node, a *arguments) (interface{}, error) {
	required, name := a.flag(0), systemOf(a.text(1))
	if contains(n.systems, name) {
		return true, nil
	}
	if required {
		return nil, callError(fmt.Sprintf("Directory for OS %s not found in search path", name))
	}
	return false, nil
}

func osDiagnose(n *node, _ *arguments) (interface{}, error) { return n.diagnoseSystems(), nil }

// diagnoseSystems lists the operating systems of the node with all that Ganeti wants
// to know of them.
func (n *node) diagnoseSystems() []interface{} {
	list := []interface{}{}
	for _, name := range n.systems {
		list = append(list, []interface{}{name, "/srv/ganeti/os/" + name, true, "", []string{}, []string{}, []int{20}, true})
	}
	return list
}

// systemOf is the name of an operating system without its variant.
func systemOf(name string) string {
	base, _, _ := strings.Cut(name, "+")
	return base
}
