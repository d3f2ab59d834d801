package main

import (
	"ganeti-autorepair/plugin/repair"
)

// found tells what the last pass met that goes away by itself: a lock, a refused job.
func (c *checkup) found(plan *repair.Plan) {
	names := make(map[repair.Reason][]string)
	for _, d := range plan.Decisions {
		if info := d.Reason.Info(); info.Found && !info.Person {
			names[d.Reason] = append(names[d.Reason], d.Instance.Name+" ("+d.Detail+")")
		}
	}
	for _, info := range repair.ReasonTable() {
		if list := names[info.Reason]; len(list) > 0 {
			c.add(levelOK, string(info.Reason), "the next pass tries again: %s", someNames(list))
		}
	}
}
