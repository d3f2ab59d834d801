package judge

// Need is what the table of repairs says of an instance (P1 to P9).
type Need struct {
	Row   string   // "P1" to "P9"; "" if the instance lives on good nodes
	Type  string   // the type that the whole repair takes
	Steps []string // from here to the end, in order
	Held  string   // why the first step may not be taken whatever is permitted
}

// Healthy reports whether the instance lives on good nodes.
func (n Need) Healthy() bool { return n.Row == "" }

func (n Need) first() string {
	if len(n.Steps) == 0 {
		return ""
	}
	return n.Steps[0]
}

// shared reports whether all nodes see the same data of the template.
func shared(template string) bool {
	switch template {
	case "diskless", "sharedfile", "gluster", "rbd", "ext", "blockdev":
		return true
	}
	return false
}

func local(template string) bool { return template == "plain" || template == "file" }

// NeedOf reads the table of repairs.
func NeedOf(c *Cluster, i *Instance) Need {
	primary, secondary := c.Nodes[i.Primary], Node{}
	if i.Secondary != "" {
		secondary = c.Nodes[i.Secondary]
	}
	if !primary.bad() && !secondary.bad() {
		return Need{}
	}
	move, typ, unknown := mover(i)
	chain := Need{Type: "reinstall", Steps: []string{stepChain}}
	if i.Admin == "offline" {
		chain.Held = "it is marked offline (P10)"
	}
	switch {
	case i.Template == "drbd" && i.Secondary != "":
		held := ""
		if secondary.NotVMCapable {
			held = "its secondary node is not vm_capable (P11)"
		}
		switch {
		case !primary.bad():
			return Need{Row: "P1", Type: "fix-storage", Steps: []string{stepRD}}
		case primary.drained() && !secondary.bad():
			if held == "" {
				held = unknown
			}
			return Need{Row: "P2", Type: typ, Steps: []string{move, stepRD}, Held: held}
		case primary.drained():
			return Need{Row: "P3", Type: typ, Steps: []string{stepRD, move, stepRD}}
		case !secondary.bad():
			return Need{Row: "P4", Type: "failover", Steps: []string{stepF, stepRD}, Held: held}
		case secondary.Offline:
			chain.Row = "P5"
			return chain
		}
	case shared(i.Template) && i.Secondary == "":
		if primary.drained() {
			return Need{Row: "P6", Type: typ, Steps: []string{move}, Held: unknown}
		}
		return Need{Row: "P7", Type: "failover", Steps: []string{stepF}}
	case local(i.Template) && i.Secondary == "" && primary.Offline:
		chain.Row = "P8"
		return chain
	}
	return Need{Row: "P9", Held: "no repair exists (P9)"}
}

// mover says how an instance leaves a drained node, of what type that is (P18), and
// why that cannot be told, if so.
func mover(i *Instance) (step, typ, unknown string) {
	switch i.Status {
	case "running", "ERROR_up":
		if i.NoMigration {
			return stepF, "failover", ""
		}
		return stepM, "migrate", ""
	case "ADMIN_down", "ADMIN_offline", "ERROR_down":
		return stepF, "migrate", ""
	case "USER_down":
		if i.Admin == "down" {
			return stepF, "migrate", "" // S17
		}
	}
	return stepM, "migrate", "its live status does not say whether it runs"
}

// Least returns the least type of repair that permits the step for the instance as
// it is, or why nothing does.
func Least(c *Cluster, i *Instance, j *Job) (typ, why string) {
	step := j.Step()
	need, primary := NeedOf(c, i), c.Nodes[i.Primary]
	next := need.first()
	if step == stepM && next == stepF && primary.drained() || step == stepF && next == stepM && (!i.running() || i.NoMigration) {
		next = step // which of the two it takes depends on what may have changed since
	}
	switch {
	case need.Healthy():
		return onGoodNodes(c, i, j)
	case next != step && primary.drained() && step == stepF && next == stepM:
		return "", "it runs on a drained node, and can be migrated"
	case next != step:
		return "", "the next step is " + next
	case step == stepRD:
		return "fix-storage", ""
	case step == stepChain:
		return "reinstall", ""
	case primary.Offline || i.NoMigration && i.running():
		return "failover", ""
	}
	return "migrate", ""
}
