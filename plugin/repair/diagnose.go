package repair

import (
	"ganeti-autorepair/tagstore"
)

// Step is one operation of a repair.
type Step string

// The steps of repairs.
const (
	StepReplaceDisks Step = "replace-disks"
	StepMigrate      Step = "migrate"
	StepFailover     Step = "failover"
	StepReinstall    Step = "reinstall" // the chain recreate-disks, shutdown, reinstall, startup
)

// Need is what is wrong with an instance's place and what would mend it.
type Need struct {
	Row     string        // the row of the table of repairs, "P4"; empty if healthy
	Type    tagstore.Type // the highest type any of the steps has
	Steps   []Step        // from here to the end, in order
	Blocked Reason        // why no step can be taken now; empty if the first one can
	Detail  string        // the same in words
	// PrimaryBroken says that the primary node itself is offline or drained.
	PrimaryBroken bool
}

// Healthy reports whether the instance lives on good nodes only.
func (n Need) Healthy() bool { return n.Row == "" && n.Blocked == "" }

// Possible reports whether a repair exists that could begin now.
func (n Need) Possible() bool { return len(n.Steps) > 0 && n.Blocked == "" }

// NextType is the type of the first step alone: a repair that was asked for is
// brought on as far as its type allows (S9).
func (n Need) NextType() tagstore.Type {
	if len(n.Steps) > 0 && n.Steps[0] == StepReplaceDisks {
		return tagstore.FixStorage
	}
	return n.Type
}

// condition of a node, from the configuration's flags alone.
type condition int

const (
	NodeOK condition = iota
	NodeDrained
	NodeOffline
)

func (n *Node) Condition() condition {
	switch {
	case n.Offline:
		return NodeOffline
	case n.Drained:
		return NodeDrained
	}
	return NodeOK
}

// mirror classes of disk templates (lib/_constants.py DTS_*).
func externallyMirrored(template string) bool {
	switch template {
	case "diskless", "sharedfile", "gluster", "rbd", "ext", "blockdev":
		return true
	}
	return false
}

func Unmirrored(template string) bool { return template == "plain" || template == "file" }

// Diagnose says what an instance needs. It looks at configuration flags; the
// live status matters only for how a drained primary node is left (P2, P3, P6).
func Diagnose(s *Snapshot, i *Instance) Need {
	if !i.PlaceKnown {
		return Need{} // not read because its nodes are fine
	}
	if i.Forthcoming {
		return Need{}
	}
	primary := s.Nodes[i.Primary]
	if primary == nil {
		return Need{Blocked: ReasonUnknownPlace, Detail: "its primary node " + quoted(i.Primary) + " is not a node of the cluster"}
	}
	pri := primary.Condition()
	sec := NodeOK
	var secondary *Node
	for _, name := range i.Secondaries {
		n := s.Nodes[name]
		if n == nil {
			return Need{Blocked: ReasonUnknownPlace, Detail: "its secondary node " + quoted(name) + " is not a node of the cluster"}
		}
		if secondary == nil || n.Condition() > sec {
			secondary, sec = n, n.Condition()
		}
	}
	switch {
	case pri == NodeOK && i.Template == "drbd" && secondary == nil:
		return Need{Blocked: ReasonUnknownPlace, Detail: "its secondary node was not told"}
	case pri == NodeOK && sec == NodeOK:
		return Need{}
	}
	need := needFor(i, pri, sec, len(i.Secondaries))
	need.PrimaryBroken = pri != NodeOK
	if len(need.Steps) == 0 {
		return need
	}
	// drbd moves to its secondary and nowhere else; Ganeti itself looks at
	// neither vm_capable nor the group (lib/cmdlib/instance_migration.py).
	if i.Template == "drbd" && (need.Steps[0] == StepMigrate || need.Steps[0] == StepFailover) {
		switch {
		case !secondary.VMCapable:
			need.Blocked, need.Detail = ReasonNoTarget, "its secondary node "+secondary.Name+" is not vm_capable"
		case secondary.Group != primary.Group:
			need.Blocked, need.Detail = ReasonNoTarget, "its secondary node "+secondary.Name+" is in another node group"
		}
	}
	return need
}

// needFor is the table of repairs, P1 to P9.
func needFor(i *Instance, pri, sec condition, secondaries int) Need {
	switch {
	case i.Template == "drbd" && secondaries == 1:
		switch {
		case pri == NodeOK:
			return Need{Row: "P1", Type: tagstore.FixStorage, Steps: []Step{StepReplaceDisks}}
		case pri == NodeDrained && sec == NodeOK:
			return moving(i, Need{Row: "P2", Type: tagstore.Migrate}, nil, []Step{StepReplaceDisks})
		case pri == NodeDrained:
			return moving(i, Need{Row: "P3", Type: tagstore.Migrate}, []Step{StepReplaceDisks}, []Step{StepReplaceDisks})
		case sec == NodeOK:
			return Need{Row: "P4", Type: tagstore.Failover, Steps: []Step{StepFailover, StepReplaceDisks}}
		case sec == NodeOffline:
			return chain(i, "P5")
		}
		return none("the primary node is offline and the data on the drained secondary is intact: undrain it, or fail over by hand")
	case externallyMirrored(i.Template) && secondaries == 0:
		if pri == NodeDrained {
			return moving(i, Need{Row: "P6", Type: tagstore.Migrate}, nil, nil)
		}
		return Need{Row: "P7", Type: tagstore.Failover, Steps: []Step{StepFailover}}
	case Unmirrored(i.Template) && secondaries == 0:
		if pri == NodeOffline {
			return chain(i, "P8")
		}
		return none("its data is intact on the drained node and cannot be moved without downtime: use gnt-instance move")
	}
	return none("no repair is known for disk template " + quoted(i.Template))
}

func none(why string) Need {
	return Need{Row: "P9", Blocked: ReasonNoRepair, Detail: why}
}

// chain is the reinstall chain, which an admin-offline instance cannot have (P10).
func chain(i *Instance, row string) Need {
	n := Need{Row: row, Type: tagstore.Reinstall, Steps: []Step{StepReinstall}}
	switch i.AdminState {
	case "up", "down":
	case "offline":
		n.Blocked = ReasonAdminOffline
		n.Detail = "an instance marked offline cannot be reinstalled: gnt-instance modify --online " + i.Name
	default:
		n.Blocked, n.Detail = ReasonNoRepair, "its admin state "+quoted(i.AdminState)+" is unknown"
	}
	return n
}

// moving completes a need whose primary node is drained: what runs is
// migrated, what has no running state to lose is failed over. The steps before
// the move do not depend on it.
func moving(i *Instance, n Need, before, after []Step) Need {
	move, why := mover(i)
	n.Steps = append(append(append([]Step(nil), before...), move), after...)
	if why != "" && len(before) == 0 {
		n.Blocked, n.Detail = ReasonNoLiveStatus, why
	}
	return n
}

// mover says how an instance leaves a drained node, or why that cannot be told.
func mover(i *Instance) (Step, string) {
	if i.Live == nil {
		return StepMigrate, "whether it runs is not known: its primary node did not say"
	}
	switch i.Live.Status {
	case "running", "ERROR_up":
		return StepMigrate, ""
	case "ADMIN_down", "ADMIN_offline", "ERROR_down":
		return StepFailover, ""
	case "USER_down":
		return StepMigrate, "its user shut it down; ganeti-watcher has to mark it down first"
	}
	return StepMigrate, "whether it runs is not known: its status is " + i.Live.Status
}

// NeedsLive reports whether diagnosing the instance takes its live status.
func NeedsLive(s *Snapshot, i *Instance) bool {
	n := Diagnose(s, i)
	for _, step := range n.Steps {
		if step == StepMigrate || (step == StepFailover && n.Type == tagstore.Migrate) {
			return true
		}
	}
	return false
}

func quoted(s string) string { return "\"" + s + "\"" }
