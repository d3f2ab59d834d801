package repair

import (
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// Step is one operation of a repair.
type Step string

// The steps of repairs.
const (
	StepReplaceDisks Step = "replace-disks"
	// StepReplaceOnPrimary makes disks of the primary node anew from the secondary's (D4).
	StepReplaceOnPrimary Step = "replace-on-primary"
	StepMigrate          Step = "migrate"
	StepFailover         Step = "failover"
	StepReinstall        Step = "reinstall" // the chain recreate-disks, shutdown, reinstall, startup
)

// rebuilds reports whether the step makes disks anew from a copy that is whole.
func (step Step) rebuilds() bool { return step == StepReplaceDisks || step == StepReplaceOnPrimary }

// Need is what is wrong with an instance's place and what would mend it.
type Need struct {
	Row     string        // the row of the table of repairs, "P4"; empty if healthy
	Type    tagstore.Type // the highest type any of the steps has
	Steps   []Step        // from here to the end, in order
	Blocked Reason        // why no step can be taken now; empty if the first one can
	Detail  string        // the same in words
	// PrimaryBroken says that the primary node itself is offline or drained.
	PrimaryBroken bool
	// Start says that a reinstallation ends by starting the instance: it is admin up, or
	// was before a reinstallation that failed (S18).
	Start bool
	// Look says that a closer look at the disks is wanted (D2), and Disks are the numbers of
	// those that the first step is about, if not all.
	Look  bool
	Disks []int
}

// Healthy reports whether the instance lives on good nodes only.
func (n Need) Healthy() bool { return n.Row == "" && n.Blocked == "" }

// Possible reports whether a repair exists that could begin now.
func (n Need) Possible() bool { return len(n.Steps) > 0 && n.Blocked == "" }

// TypeOf returns the type of repair that permits one of the steps.
func (n Need) TypeOf(step Step) tagstore.Type {
	switch step {
	case StepReplaceDisks, StepReplaceOnPrimary:
		return tagstore.FixStorage
	case StepMigrate:
		return tagstore.Migrate
	case StepReinstall:
		return tagstore.Reinstall
	}
	return n.Type
}

// First returns the first of the steps; empty if there is none.
func (n Need) First() Step {
	if len(n.Steps) == 0 {
		return ""
	}
	return n.Steps[0]
}

// NextType returns the type of the first step alone: a repair that was asked for is
// brought on as far as its type allows (S9).
func (n Need) NextType() tagstore.Type {
	if len(n.Steps) == 0 {
		return n.Type
	}
	return n.TypeOf(n.Steps[0])
}

// newNodes returns how many nodes the first step brings the instance to that it is not on
// yet.
func (n Need) newNodes(i *Instance) int {
	switch n.First() {
	case StepReinstall:
		return 1 + len(i.Secondaries)
	case StepReplaceDisks:
		return 1
	case StepMigrate, StepFailover:
		if i.Template != "drbd" {
			return 1
		}
	}
	return 0
}

// usableBeside counts the nodes of the instance's node group that could take it and that
// it is not on.
func usableBeside(s *Snapshot, i *Instance) int {
	own := make(map[string]bool)
	for _, name := range i.Nodes() {
		own[name] = true
	}
	n, group := 0, s.GroupID(i)
	for _, node := range s.Nodes {
		if node.Group == group && node.Usable() && !own[node.Name] {
			n++
		}
	}
	return n
}

// MoveCommand returns the command that moves an instance, with downtime, to the first
// usable node of its node group that it is not on; "" where there is none. Ganeti itself
// tells then whether there is room.
func MoveCommand(s *Snapshot, i *Instance) string {
	first, group := "", s.GroupID(i)
	for _, node := range s.Nodes {
		if node.Group == group && node.Usable() && node.Name != i.Primary && (first == "" || NiceLess(node.Name, first)) {
			first = node.Name
		}
	}
	if first == "" {
		return ""
	}
	return fmt.Sprintf("gnt-instance move -n %s %s", first, i.Name)
}

func moveInWords(s *Snapshot, i *Instance) string {
	if command := MoveCommand(s, i); command != "" {
		return "move it with downtime: " + command
	}
	return "no other node can take it"
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
		need := diagnoseDisks(s, i)
		if need.Healthy() {
			need = diagnoseStart(s, i)
		}
		return withTarget(s, i, need)
	}
	need := needFor(s, i, pri, sec, len(i.Secondaries))
	need.PrimaryBroken = pri != NodeOK
	if len(need.Steps) == 0 {
		return need
	}
	need = withTarget(s, i, need)
	if need.Row == "P4" && need.Blocked == "" {
		if why := staleCopy(s, i, secondary); why != "" {
			need.Blocked, need.Detail = ReasonStaleCopy, why
		}
	}
	need = disklessPrimary(s, i, need)
	if chain, failed := s.Past.Chain(i); need.First() == StepReinstall {
		need.Start = i.AdminState == "up" || failed && chain.WasUp
	}
	return need
}

// withTarget blocks a need whose first step has no node to go to.
//
// drbd moves to its secondary and nowhere else. In which node group that is does not matter,
// as the copy is there (P11); Ganeti itself does not look whether it may run instances
// (lib/cmdlib/instance_migration.py).
func withTarget(s *Snapshot, i *Instance, need Need) Need {
	if i.Template == "drbd" && (need.First() == StepMigrate || need.First() == StepFailover) {
		for _, name := range i.Secondaries {
			if n := s.Nodes[name]; n != nil && !n.VMCapable {
				need.Blocked, need.Detail = ReasonNoTarget, "its secondary node "+name+" is not vm_capable"
			}
		}
	}
	if need.Blocked == "" && need.newNodes(i) > usableBeside(s, i) {
		need.Blocked, need.Detail = ReasonNoTarget, fmt.Sprintf("node group %s has no other node that could take it", s.Groups[s.GroupID(i)].Name)
	}
	return need
}

// needFor is the table of repairs, P1 to P9.
func needFor(s *Snapshot, i *Instance, pri, sec condition, secondaries int) Need {
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
		return none("the primary node is offline, and Ganeti does not fail over to the drained secondary, which has the data: undrain that node")
	case externallyMirrored(i.Template) && secondaries == 0:
		if pri == NodeDrained {
			return moving(i, Need{Row: "P6", Type: tagstore.Migrate}, nil, nil)
		}
		return Need{Row: "P7", Type: tagstore.Failover, Steps: []Step{StepFailover}}
	case Unmirrored(i.Template) && secondaries == 0:
		if pri == NodeOffline {
			return chain(i, "P8")
		}
		return none("its data is safe on the drained node; " + moveInWords(s, i))
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
	if move == StepMigrate && why == "" && !migrates(i) {
		// Ganeti makes a failover of it, and the instance loses its running state (P18).
		move, n.Type = StepFailover, tagstore.Failover
	}
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
		if i.AdminState == "down" {
			return StepFailover, "" // Ganeti has marked it down by now (S17)
		}
		return StepMigrate, "its user shut it down; ganeti-watcher has to mark it down first"
	}
	return StepMigrate, "whether it runs is not known: its status is " + i.Live.Status
}

// migrates reports whether Ganeti migrates the instance where it is asked to
// (lib/cmdlib/instance_migration.py; CAN_MIGRATE in lib/hypervisor). A hypervisor that
// was not told counts as one that can, as most do.
func migrates(i *Instance) bool {
	if i.AlwaysFailover {
		return false
	}
	switch i.Hypervisor {
	case "", "kvm", "xen-pvm", "xen-hvm", "fake":
		return true
	}
	return false
}

// comparesCopies reports whether a failover is to compare the copies of the disks first:
// Ganeti does so only while the disks are active, and what is stopped on a node that is
// online has its newest data there (P19).
func comparesCopies(s *Snapshot, i *Instance) bool {
	primary := s.Nodes[i.Primary]
	return i.Template == "drbd" && primary != nil && !primary.Offline
}

// leftActive reports whether a failover that compared the copies may have left the disks
// of an instance active that is stopped (P19).
func leftActive(s *Snapshot, i *Instance, jobs []*JobFact) bool {
	last := lastJob(jobs)
	if last == nil || last.Outcome.ChangedNothing() || i.AdminState == "up" || !comparesCopies(s, i) {
		return false
	}
	for _, op := range last.Info.Ops {
		if op.ID == luxi.OpInstanceActivateDisks && op.Begun() {
			return true
		}
	}
	return false
}

// NeedsLive reports whether diagnosing the instance takes its live status.
func NeedsLive(s *Snapshot, i *Instance) bool {
	primary := s.Nodes[i.Primary]
	if _, gaveUp := s.gaveUp(i); gaveUp && i.AdminState == "up" {
		return true
	}
	if primary == nil || primary.Condition() != NodeDrained {
		return false
	}
	for _, step := range Diagnose(s, i).Steps {
		if step == StepMigrate || step == StepFailover {
			return true
		}
	}
	return false
}

func quoted(s string) string { return "\"" + s + "\"" }
