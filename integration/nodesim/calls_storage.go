package nodesim

import (
	"fmt"
	"sort"
	"strings"
)

func (n *node) groupNames() []string {
	var names []string
	for name := range n.groups {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func volumeGroups(n *node, _ *arguments) (interface{}, error) { return n.groupSizes(), nil }

// groupSizes returns the size of each volume group in MiB.
func (n *node) groupSizes() map[string]float64 {
	sizes := make(map[string]float64)
	for name, g := range n.groups {
		sizes[name] = float64(g.size)
	}
	return sizes
}

// logicalVolumes takes the names of volume groups, or none for all.
func logicalVolumes(n *node, a *arguments) (interface{}, error) {
	var groups []string
	a.get(0, &groups)
	return n.logicalVolumes(groups), nil
}

// logicalVolumes lists volumes with their size, whether they are inactive and
// whether a process or a device has them open.
func (n *node) logicalVolumes(groups []string) map[string]interface{} {
	open := make(map[string]bool)
	for key := range n.drbd {
		if v := n.local(key); v != nil {
			open[key] = true
			open[n.drbd[key].meta] = true
		}
	}
	list := make(map[string]interface{})
	for key, v := range n.volumes {
		group := groupOf(key)
		if group == "" || len(groups) > 0 && !contains(groups, group) {
			continue
		}
		online := open[key]
		if !v.mirrored {
			online = n.running[v.owner] != nil
		}
		list[strings.TrimPrefix(key, "lvm:")] = []interface{}{fmt.Sprintf("%d.00", v.size), false, online}
	}
	return list
}

// nodeVolumes lists each volume with its physical volume.
func nodeVolumes(n *node, _ *arguments) (interface{}, error) {
	list := []interface{}{}
	for key, v := range n.volumes {
		if group := groupOf(key); group != "" {
			list = append(list, map[string]string{
				"name": strings.TrimPrefix(key, volumeKey(group, "")), "size": fmt.Sprintf("%d.00", v.size), "vg": group, "dev": physicalName(group, 0),
			})
		}
	}
	return list, nil
}

// physicalName is the device of the n-th physical volume of a group.
func physicalName(group string, n int) string { return fmt.Sprintf("/dev/%s-pv%d", group, n) }

// physicalVolumes lists those of a group with their sizes and how much of each is
// free, in MiB. Volumes fill them from the first on.
func (n *node) physicalVolumes(group string) (names []string, sizes, free []int) {
	g := n.groups[group]
	used, empty := g.size-n.freeGroup(group), g.count()
	if n.exclusive(group) {
		used, empty = 0, n.freePhysical(group)
	}
	for k := 0; k < g.count(); k++ {
		size := g.size / g.count()
		taken := size
		if used < taken {
			taken = used
		}
		used -= taken
		if k >= empty {
			taken = size
		}
		names, sizes, free = append(names, physicalName(group, k)), append(sizes, size), append(free, size-taken)
	}
	return names, sizes, free
}

// exclusive reports whether a volume of the group was made with exclusive storage.
func (n *node) exclusive(group string) bool {
	for key, v := range n.volumes {
		if groupOf(key) == group && v.spindles > 0 {
			return true
		}
	}
	return false
}

// storageList takes a storage type, the directories of file storage, the name of
// the only unit to list, or null, and the fields of the rows.
func storageList(n *node, a *arguments) (interface{}, error) {
	kind := a.text(0)
	var args [][]string
	var name *string
	var fields []string
	a.get(1, &args)
	a.get(2, &name)
	a.get(3, &fields)
	rows := []interface{}{}
	add := func(unit string, size, free int) {
		if name != nil && *name != unit {
			return
		}
		values := map[string]interface{}{"name": unit, "size": size, "used": size - free, "free": free, "allocatable": true}
		row := []interface{}{}
		for _, field := range fields {
			row = append(row, values[field])
		}
		rows = append(rows, row)
	}
	switch kind {
	case "lvm-vg":
		if name != nil && n.groups[*name] == nil {
			return nil, callError(fmt.Sprintf("Failed to run 'vgs', command output: Volume group %q not found", *name))
		}
		for _, group := range n.groupNames() {
			add(group, n.groups[group].size, n.freeGroup(group))
		}
	case "lvm-pv":
		for _, group := range n.groupNames() {
			names, sizes, free := n.physicalVolumes(group)
			for k := range names {
				add(names[k], sizes[k], free[k])
			}
		}
	case "file":
		units := []string{}
		if len(args) == 1 {
			units = args[0]
		}
		if name != nil {
			units = []string{*name}
		}
		for _, unit := range units {
			add(unit, n.fileStorage(), n.freeFile())
		}
	default:
		return nil, callError("nodesim does not list storage of type " + kind)
	}
	return rows, nil
}
