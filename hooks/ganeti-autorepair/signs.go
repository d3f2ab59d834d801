package main

import (
	"fmt"

	"ganeti-autorepair/plugin/repair"
)

// signInWords says what the findings about instances on good nodes are.
var signInWords = map[repair.FindingWord]string{
	repair.FindingBrokenDisks: "disks may be broken",
	repair.FindingNotStarted:  "ganeti-watcher cannot start it",
}

// signLines tells, in lines of status, of the instances whose disks may be broken, and of
// those that ganeti-watcher has given up, where nothing is done about them. Of what may be
// repaired the table tells.
func signLines(p *repair.Plan) []string {
	var broken, down []string
	for _, d := range p.Decisions {
		if !p.Snapshot.Disks.Repair && p.Snapshot.SignOf(d.Instance) != "" {
			broken = append(broken, d.Instance.Name)
		}
		if !p.Snapshot.Disks.Relocate && p.Snapshot.NotStarted(d.Instance) != "" {
			down = append(down, d.Instance.Name)
		}
	}
	lines := signLine(nil, "disks of %s may be broken", broken)
	return signLine(lines, "%s cannot be started by ganeti-watcher", down)
}

// signLine adds a line about instances to others, and with it the command that tells more.
func signLine(lines []string, format string, names []string) []string {
	switch len(names) {
	case 0:
		return lines
	case 1:
		return append(lines, fmt.Sprintf(format, names[0])+": ganeti-autorepair explain "+names[0])
	}
	some := fewNodes(names, func(s string) string { return s })
	return append(lines, fmt.Sprintf(format, fmt.Sprintf("%d instances", len(names)))+": "+some+": ganeti-autorepair check -v")
}
