package repairtest

import (
	"fmt"
	"strings"

	"ganeti-autorepair/plugin/repair"
)

// Render writes a decision as state and reason, then what shall be done: the
// step to start with the pending tag as it will be but for its job, results to
// be written, tags to be removed. The present is written NOW.
func Render(d repair.Decision) string {
	parts := []string{string(d.State) + " " + string(d.Reason)}
	if d.Repair != nil {
		parts[0] += fmt.Sprintf(" (%s+%d)", d.Repair.ID, d.Behind)
	}
	if st := d.Start; st != nil {
		tag, _ := st.Repair.Format()
		word := "start " + string(st.Step) + " " + Cut(tag)
		if st.New {
			word += " new"
		}
		if st.Probe {
			word += " probe"
		}
		if st.Tries > 0 {
			word += fmt.Sprintf(" tries=%d", st.Tries)
		}
		if len(st.Old) > 0 {
			word += " for " + CutAll(st.Old)
		}
		parts = append(parts, word)
	}
	for _, st := range d.Settled {
		tag, _ := st.Result.Format()
		parts = append(parts, "add "+Cut(tag))
	}
	if len(d.Remove) > 0 {
		parts = append(parts, "remove "+CutAll(d.Remove))
	}
	if d.Changes() != (len(parts) > 1) {
		parts = append(parts, fmt.Sprintf("change=%v", d.Changes()))
	}
	return strings.ReplaceAll(strings.Join(parts, " | "), fmt.Sprint(Present.Unix()), "NOW")
}
