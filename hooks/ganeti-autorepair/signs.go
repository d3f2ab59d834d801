package main

import (
	"fmt"

	"ganeti-autorepair/plugin/repair"
)

// signLines tells, in lines of status, of the instances whose disks may be broken and about
// which nothing is done.
func signLines(p *repair.Plan) []string {
	if p.Snapshot.Disks.Repair {
		return nil // the table has them
	}
	var names []string
	for _, d := range p.Decisions {
		if p.Snapshot.SignOf(d.Instance) != "" {
			names = append(names, d.Instance.Name)
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("disks of %s may be broken: ganeti-autorepair explain %s", names[0], names[0])}
	}
	return []string{fmt.Sprintf("disks of %d instances may be broken: %s: ganeti-autorepair check -v", len(names), fewNodes(names, func(s string) string { return s }))}
}
