package judge

import "strings"

// What may be done to an instance that lives on good nodes, by what is true of its disks
// (D3, D4, D10) and of its state (R1 to R3).

// onGoodNodes returns the type of repair that permits the step for an instance on good
// nodes, or why nothing does.
func onGoodNodes(c *Cluster, i *Instance, j *Job) (typ, why string) {
	const well = "it lives on good nodes"
	op := j.stepOp()
	switch j.Step() {
	case stepRD:
		mode := op.Text("mode")
		switch {
		case !c.Settings.MendsDisks || i.Secondary == "" || !i.Truth:
			return "", well
		case mode == "replace_new_secondary" && contains(i.Whole, i.Primary) && !contains(i.Faulty, i.Primary) && contains(i.Faulty, i.Secondary):
			return "fix-storage", ""
		case mode == "replace_on_primary" && contains(i.Whole, i.Secondary) && contains(i.Faulty, i.Primary) && !contains(i.Faulty, i.Secondary):
			return "fix-storage", ""
		case mode == "replace_new_secondary" || mode == "replace_on_primary":
			return "", well + ", and its disks are not such as that mends"
		}
		return "", "disks are never replaced in the mode " + mode + " (D10)"
	case stepF:
		if !c.Settings.Relocates || i.Admin != "up" {
			return "", well
		}
		if len(i.RunsOn) > 0 {
			return "", well + ", and it runs"
		}
		return "failover", ""
	}
	return "", well
}

// row returns the row of the table that a repair job of an instance on good nodes says it
// is for; "" of all others.
func (j *Job) row() string {
	for _, op := range j.Ops {
		for _, r := range op.Reason {
			if r[0] == source && strings.HasPrefix(r[1], "row ") {
				return strings.TrimPrefix(r[1], "row ")
			}
		}
	}
	return ""
}

// mending reports whether an open repair of the instance has begun to mend it on good
// nodes: its result may have to wait for the disks to be verified (D6).
func (v *verdict) mending(i *Instance) bool {
	for _, p := range recordsOf(i.Tags).pending {
		for id, j := range v.jobs {
			if p.names(id) && j.row() != "" {
				return true
			}
		}
	}
	return false
}
