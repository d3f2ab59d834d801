package luxitest

import (
	"fmt"
	"sort"
	"strings"
)

// The allocator stands in for hail. It never chooses nodes that are offline, drained or not vm_capable, and prefers
// the node with the most free memory; names decide between equals.

// runAllocator checks the conditions of every run of an allocator: the script is known, and every node that is online and
// vm_capable answers (py:masterd/iallocator.py).
func (m *Master) runAllocator(name string) *opError {
	for _, n := range m.cluster.Nodes {
		if msg := m.rpc(n.Name); msg != "" && !n.Offline && !n.NotVMCapable {
			return execError("Can't get data for node %s: %s", n.Name, msg)
		}
	}
	if name != "hail" {
		return execError("Failure while running the iallocator script: iallocator module '%s' not found in the search path", name)
	}
	return nil
}

// candidate is a node with its free resources as hail counts them.
type candidate struct {
	node    *Node
	memory  int // free of what instances use that are up or running
	reserve int // free of what all instances may use, stopped ones included (hs:HTools/Node.hs fMemForth)
	storage int
}

func (m *Master) candidates(group string, i *Instance, except []string) []candidate {
	var list []candidate
	for _, n := range m.cluster.Nodes {
		if n.Offline || n.Drained || n.NotVMCapable || n.Group != group || contains(except, n.Name) {
			continue
		}
		c := candidate{n, n.Memory, n.Memory, m.cluster.freeStorage(n, storageKind(i.Template))}
		for _, o := range m.cluster.Instances {
			here := o.Primary == n.Name
			runs := contains(o.RunsOn, n.Name)
			if runs || here && o.AdminState == AdminUp {
				c.memory -= o.Memory
			}
			if runs || here {
				c.reserve -= o.Memory
			}
		}
		list = append(list, c)
	}
	sort.SliceStable(list, func(a, b int) bool {
		if list[a].reserve != list[b].reserve {
			return list[a].reserve > list[b].reserve
		}
		return list[a].node.Name < list[b].node.Name
	})
	return list
}

// exclusionTags lists the instance's tags that keep it away from others with one of them: those that begin with a prefix
// which the cluster's tags "htools:iextags:PREFIX" name (hs:HTools/Loader.hs).
func (c *Cluster) exclusionTags(i *Instance) []string {
	var list []string
	for _, t := range c.Tags {
		prefix := strings.TrimPrefix(t, "htools:iextags:")
		if prefix == t || prefix == "" {
			continue
		}
		for _, tag := range i.Tags {
			if strings.HasPrefix(tag, prefix) {
				list = with(list, tag)
			}
		}
	}
	return list
}

// excluded reports whether the node is the primary of another instance with one of the instance's exclusion tags.
func (c *Cluster) excluded(i *Instance, n *Node) bool {
	tags := c.exclusionTags(i)
	for _, o := range c.Instances {
		if o != i && o.Primary == n.Name && len(common(c.exclusionTags(o), tags)) > 0 {
			return true
		}
	}
	return false
}

// lacks names what the node has too little of for the instance, "" if it fits (hs:HTools/Node.hs addPriEx, addSecEx).
// Something must remain free. Coming from a bad node (forced) the memory set aside for stopped instances, and for the
// failover of drbd instances, does not count.
func (m *Master) lacks(c candidate, i *Instance, up, secondary, forced bool) string {
	switch {
	case !secondary && up && c.memory <= i.Memory, !forced && c.reserve <= i.Memory:
		return "FailMem"
	case nodeBound(i.Template) && c.storage <= i.DiskSize:
		return "FailDisk"
	case !secondary && !forced && m.cluster.excluded(i, c.node):
		return "FailTags"
	}
	return ""
}

// relocate chooses a node of the primary's group to replace the given one (hail mode relocate): the primary for shared
// storage, the secondary for drbd.
func (m *Master) relocate(_ *execution, i *Instance, allocator, from string) (string, *opError) {
	if err := m.runAllocator(allocator); err != nil {
		return "", err
	}
	old := m.cluster.Node(from)
	forced := old.Offline || old.Drained || old.NotVMCapable
	var reasons []string
	for _, c := range m.candidates(m.cluster.Node(i.Primary).Group, i, i.Nodes()) {
		lack := m.lacks(c, i, i.AdminState == AdminUp, intMirrored(i.Template), forced)
		if lack == "" {
			return c.node.Name, nil
		}
		reasons = append(reasons, fmt.Sprintf(" Node %s failed: %s;", c.node.Name, lack))
	}
	sort.Strings(reasons)
	return "", refused(allocator, "Can't find any good node: "+strings.Join(reasons, ""))
}

// allocate chooses nodes for a new instance like the given one, in any group (hail mode allocate). The instance itself
// still counts where it is.
func (m *Master) allocate(_ *execution, i *Instance, allocator string) ([]string, *opError) {
	if err := m.runAllocator(allocator); err != nil {
		return nil, err
	}
	need := len(i.Nodes())
	var best []candidate
	var reasons []string
	for _, policy := range []string{"preferred", "last_resort"} {
		for _, g := range m.cluster.Groups {
			if g.AllocPolicy != policy {
				continue
			}
			fit, why := m.fitting(g, i, need)
			if fit == nil {
				reasons = append(reasons, "Group "+g.Name+why)
			} else if best == nil || fit[0].reserve > best[0].reserve {
				best = fit
			}
		}
		if best != nil {
			break
		}
	}
	if best == nil {
		return nil, refused(allocator, strings.Join(reasons, ", "))
	}
	var names []string
	for _, c := range best {
		names = append(names, c.node.Name)
	}
	return names, nil
}

// fitting chooses nodes of one group. If there are none it returns the reason, as hail's answer has it behind the group's
// name.
func (m *Master) fitting(group *Group, i *Instance, need int) ([]candidate, string) {
	failures := make(map[string]int)
	var fit []candidate
	for _, c := range m.candidates(group.Name, i, nil) {
		if lack := m.lacks(c, i, true, false, false); lack != "" {
			failures[lack]++
		} else if len(fit) < need {
			fit = append(fit, c)
		}
	}
	if len(fit) == need && m.opts.FailN1 && !m.cluster.NoCapacityChecks && nodeBound(i.Template) && !m.redundant(group.Name) {
		fit, failures = nil, map[string]int{"FailN1": 1}
	}
	if len(fit) == need {
		return fit, ""
	}
	var list []string
	for what, n := range failures {
		list = append(list, fmt.Sprintf("%s: %d", what, n))
	}
	sort.Strings(list)
	switch {
	case len(list) > 0:
		return nil, fmt.Sprintf(" (%s): No valid allocation solutions, failure reasons: %s", group.AllocPolicy, strings.Join(list, ", "))
	case need > 1:
		return nil, ": error Not enough online nodes"
	}
	return nil, ": error No online nodes"
}

// redundant reports whether hail takes the group for N+1 redundant: no drbd instance has lost its secondary alone, or
// both its nodes.
func (m *Master) redundant(group string) bool {
	for _, i := range m.cluster.Instances {
		if i.Template != DRBD || m.cluster.Node(i.Primary).Group != group {
			continue
		}
		if m.cluster.Node(i.Secondaries[0]).Offline {
			return false
		}
	}
	return true
}

func refused(allocator, why string) *opError {
	return prereq(codeNoRes, "Can't compute nodes using iallocator '%s': Request failed: %s", allocator, why)
}
