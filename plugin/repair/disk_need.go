package repair

import (
	"fmt"
	"time"

	"ganeti-autorepair/tagstore"
)

// The rows of the table of repairs for instances on good nodes.
const (
	RowLook     = "D2" // a sign, and no look that tells what it means
	RowRebuild  = "D3" // the secondary has lost its copy
	RowPrimary  = "D4" // the primary has lost its copy
	RowPerson   = "D5" // only a person may do anything
	RowGroupBad = "D8" // the storage of a node is gone
	RowRelocate = "R1" // ganeti-watcher cannot start it
)

// OnGoodNodes reports whether the need is one of an instance that lives on good nodes.
func (n Need) OnGoodNodes() bool { return n.Row != "" && n.Row[0] != 'P' }

// rowMark returns the row as the reason trail of a job has it: only of instances on good
// nodes.
func (n Need) rowMark() string {
	if n.OnGoodNodes() {
		return n.Row
	}
	return ""
}

// diagnoseDisks says what an instance on good nodes needs because of its disks, by signs
// and by the last look (D1 to D5, D8). Nothing is needed without a sign.
func diagnoseDisks(s *Snapshot, i *Instance) Need {
	if !s.Disks.Repair {
		return Need{}
	}
	sign, signed := s.Disks.Signs[i.Name]
	if !signed || s.hasLeft(i, sign) {
		return Need{}
	}
	if node, why := s.StorageGone(i); node != "" {
		return Need{Row: RowGroupBad, Type: tagstore.FixStorage, Blocked: ReasonNodeStorage, Detail: why}
	}
	look, fresh := s.lookAt(i)
	need := Need{Type: tagstore.FixStorage}
	switch {
	case !fresh || s.changedSince(i, look):
		need.Row, need.Look, need.Blocked, need.Detail = RowLook, true, ReasonDisksUnknown, sign.inWords()+"; a closer look is not there yet"
	case look.Condition == DisksWell && look.Begun > sign.Newest:
		return Need{}
	case look.Condition == DisksWell:
		// It was listed again since.
		need.Row, need.Look, need.Blocked, need.Detail = RowLook, true, ReasonDisksUnknown, sign.inWords()+"; a new look is not there yet"
	case look.Condition == DisksSecondaryLost:
		need.Row, need.Steps, need.Detail = RowRebuild, []Step{StepReplaceDisks}, look.Detail
	case look.Condition == DisksPrimaryDiskless:
		need.Row, need.Steps, need.Disks, need.Detail = RowPrimary, []Step{StepReplaceOnPrimary}, look.Disks, look.Detail
	default:
		need.Row, need.Detail = RowPerson, look.Detail
		need.Blocked = personReasons[look.Condition]
		// How they are changes without anybody's doing: it is looked at again.
		need.Look = s.Time.Unix()-look.Begun >= int64(lookAgain/time.Second)
		if need.Blocked == "" {
			need.Blocked = ReasonDisksUnknown
		}
	}
	return need
}

// personReasons are the reasons for which what a look has found is left alone: it mends
// itself, or a person has to (D5).
var personReasons = map[DiskCondition]Reason{
	DisksSyncing: ReasonResyncing, DisksDisconnected: ReasonDisconnected, DisksBroken: ReasonDisksBroken, DisksLastCopy: ReasonDisksBroken,
	DisksMissing: ReasonDiskMissing,
}

// hasLeft reports whether the instance has lost volumes only on nodes that it has left since,
// or has left the node group whose verifications list it, which may be verified no more. The
// next verification of its disks lists it no more, or says what is wrong now.
func (s *Snapshot) hasLeft(i *Instance, sign DiskSign) bool {
	if sign.Inactive {
		return false
	}
	there := sign.Group == ""
	for _, name := range i.Nodes() {
		n := s.Nodes[name]
		if n == nil || contains(sign.Lost, n.UUID) {
			return false
		}
		there = there || n.Group == sign.Group
	}
	return len(sign.Lost) > 0 || !there
}

// lookAgain is how old a look is that is taken again, although what it found does not let
// anything be done.
const lookAgain = 10 * time.Minute

// lookAt returns the last closer look at the disks of the instance, and whether it still
// tells how they are: it is not old, and the instance has not moved since.
func (s *Snapshot) lookAt(i *Instance) (DiskLook, bool) {
	look, known := s.Disks.Looks[i.UUID]
	fresh := s.Time.Unix()-look.Begun <= int64(lookLasts/time.Second) && look.Begun <= s.Time.Unix()
	return look, known && fresh && look.isOf(i)
}

// isOf reports whether the instance has the nodes that it had when it was looked at.
func (l DiskLook) isOf(i *Instance) bool {
	secondary := ""
	if len(i.Secondaries) == 1 {
		secondary = i.Secondaries[0]
	}
	return l.Primary == i.Primary && l.Secondary == secondary
}

// changedSince reports whether the instance was changed since the look began, or a node of it
// in the configuration. The copies on a node that was offline then look lost.
func (s *Snapshot) changedSince(i *Instance, look DiskLook) bool {
	if look.Outdated {
		return true
	}
	for _, name := range i.Nodes() {
		if n := s.Nodes[name]; n != nil && n.Modified > look.Begun {
			return true
		}
	}
	return false
}

// inWords says what the sign is.
func (sign DiskSign) inWords() string {
	switch {
	case sign.Verified > 0:
		return fmt.Sprintf("%d verifications of disks in a row list it", sign.Verified)
	case sign.Inactive:
		return "it runs although its disks are marked inactive"
	}
	return "its disks may be broken"
}

// SignOf says what tells that disks of the instance, which lives on good nodes, may be
// broken; "" if nothing does.
func (s *Snapshot) SignOf(i *Instance) string {
	sign, signed := s.Disks.Signs[i.Name]
	if !signed || s.hasLeft(i, sign) || Diagnose(s, i).Row != "" && !Diagnose(s, i).OnGoodNodes() {
		return ""
	}
	text := sign.inWords()
	var names []string
	for _, n := range s.SortedNodes() {
		if contains(sign.Lost, n.UUID) {
			names = append(names, n.Name)
		}
	}
	if len(names) > 0 {
		text += ", with volumes missing on " + joined(names)
	}
	return text
}

// StorageGone returns a node of the instance whose storage is gone, and that in words: more
// than half of the mirrored instances that it has, and at least four, lack volumes there
// (D8). It returns "" where there is none.
func (s *Snapshot) StorageGone(i *Instance) (node, why string) {
	for _, name := range i.Nodes() {
		if _, _, gone := s.lacking(name); gone {
			return name, s.StorageWords(name)
		}
	}
	return "", ""
}

// NodesWithoutStorage returns the good nodes whose storage is gone, by name (D8).
func (s *Snapshot) NodesWithoutStorage() []*Node {
	if len(s.Disks.Signs) == 0 {
		return nil
	}
	var gone []*Node
	for _, n := range s.SortedNodes() {
		if _, _, is := s.lacking(n.Name); is && !n.Offline && !n.Drained {
			gone = append(gone, n)
		}
	}
	return gone
}

// StorageWords says how many instances have lost their disks on the node.
func (s *Snapshot) StorageWords(name string) string {
	lacking, all, _ := s.lacking(name)
	return fmt.Sprintf("%d of %d mirrored instances have lost their disks on %s: its storage is gone", lacking, all, name)
}

// lacking counts the mirrored instances that have lost disks on the node, and all mirrored
// ones that it has. The latter are known where their places are.
func (s *Snapshot) lacking(name string) (lacking, all int, gone bool) {
	node := s.Nodes[name]
	if node == nil || s.Disks.lossesOn(node) < storageGoneAt {
		return 0, 0, false
	}
	instances := s.Instances
	if s.Whole != nil {
		instances = s.Whole.Instances
	}
	for _, i := range instances {
		if !i.PlaceKnown || i.Template != "drbd" || i.Primary != name && !contains(i.Secondaries, name) {
			continue
		}
		all++
		if s.lostOn(i, node) {
			lacking++
		}
	}
	return lacking, all, lacking >= storageGoneAt && 2*lacking > all
}

// lossesOn counts what tells that an instance has lost disks on the node: at least as many as
// there are such instances. It spares going through all of them for most nodes.
func (f DiskFacts) lossesOn(node *Node) int {
	n := 0
	for _, nodes := range f.Lost {
		if contains(nodes, node.UUID) {
			n++
		}
	}
	for _, look := range f.Looks {
		if look.lossOn() == node.Name {
			n++
		}
	}
	return n
}

// lossOn returns the node that has lost its copy, as the look found; "" if none has.
func (l DiskLook) lossOn() string {
	switch l.Condition {
	case DisksSecondaryLost:
		return l.Secondary
	case DisksPrimaryDiskless:
		return l.Primary
	}
	return ""
}

// storageGoneAt is how many instances at least have lost disks on a node whose storage is
// gone.
const storageGoneAt = 4

// lostOn reports whether the newest verification that reached the node, or a look, found
// that it has lost volumes of the instance.
func (s *Snapshot) lostOn(i *Instance, node *Node) bool {
	if contains(s.Disks.Lost[i.Name], node.UUID) {
		return true
	}
	look, fresh := s.lookAt(i)
	return fresh && look.lossOn() == node.Name
}

// StorageGoneMayBe reports whether so many instances have lost disks on one node that the
// places of all instances have to be known to tell whether its storage is gone (D8).
func (f DiskFacts) StorageGoneMayBe() bool {
	if len(f.Signs) == 0 {
		return false
	}
	// Verifications name nodes by UUID, looks by name.
	lost, looked := make(map[string]int), make(map[string]int)
	for _, nodes := range f.Lost {
		for _, uuid := range nodes {
			lost[uuid]++
		}
	}
	for _, look := range f.Looks {
		if node := look.lossOn(); node != "" {
			looked[node]++
		}
	}
	return most(lost)+most(looked) >= storageGoneAt
}

// most returns the greatest of the counts.
func most(count map[string]int) int {
	n := 0
	for _, c := range count {
		if c > n {
			n = c
		}
	}
	return n
}

// staleCopy returns why the copy that the failover of P4 would start the instance from is
// known to be incomplete, or "" (D9).
func staleCopy(s *Snapshot, i *Instance, secondary *Node) string {
	if s.Disks.Repair && (contains(s.Disks.Lost[i.Name], secondary.UUID) || s.lookedStale(i, secondary)) {
		return fmt.Sprintf("before its primary node was lost, disks of it were missing on %s; if that copy is to be used all the same: ganeti-autorepair repair %s failover", secondary.Name, i.Name)
	}
	return ""
}

// lookedStale reports whether a look found that the secondary node lacks its copy of a disk,
// and nothing has said otherwise since. However old the look is, the copy gets no better once
// the primary node is lost.
func (s *Snapshot) lookedStale(i *Instance, secondary *Node) bool {
	look, known := s.Disks.Looks[i.UUID]
	return known && look.isOf(i) && look.lacks(secondary.Name) && !s.mendedSince(i, look)
}

// disklessPrimary blocks a migration of a drbd instance whose primary node runs it without
// its disk: the two ends are disconnected for a moment, and it would lose all storage
// (P19). One that the newest verification lists, or whose primary node it did not reach, is
// looked at first, whatever the setting disks says. What a look has found holds until another one: verifications name instances
// by names, which change.
func disklessPrimary(s *Snapshot, i *Instance, need Need) Need {
	_, signed := s.Disks.Signs[i.Name]
	// Verifications leave out what has inactive disks.
	inactive := i.DisksActive != nil && !*i.DisksActive && i.Live != nil && i.Live.Status == "running"
	signed = signed || s.Disks.Fresh[i.Name] || inactive || s.primaryUnseen(i)
	look, fresh := s.lookAt(i)
	diskless := s.Disks.Looks[i.UUID].isOf(i) && (look.Condition == DisksPrimaryDiskless || look.Condition == DisksBroken)
	if i.Template != "drbd" || need.First() != StepMigrate || need.Blocked != "" || !signed && !diskless {
		return need
	}
	switch {
	case !fresh, look.Outdated, !signed && s.Time.Unix()-look.Begun >= int64(lookAgain/time.Second):
		need.Look, need.Blocked, need.Detail = true, ReasonDisksUnknown, "its disks may be broken; a closer look is needed before it is migrated, and is not there yet"
	case look.Condition == DisksPrimaryDiskless:
		need.Blocked, need.Detail = ReasonDisklessPrimary, look.Detail+"; a migration would take that from it: gnt-instance replace-disks -p "+i.Name+", or, where the volume group is gone: gnt-instance failover "+i.Name
	case look.Condition == DisksBroken || look.Condition == DisksLastCopy || look.Condition == DisksDisconnected:
		// The primary may lack its disk as well, and the secondary's come back alone.
		need.Blocked, need.Detail = personReasons[look.Condition], look.Detail
		need.Look = s.Time.Unix()-look.Begun >= int64(lookAgain/time.Second)
	case look.Condition == DisksUnclear:
		need.Blocked, need.Detail = ReasonDisksUnknown, look.Detail
		need.Look = s.Time.Unix()-look.Begun >= int64(lookAgain/time.Second)
	}
	return need
}

// primaryUnseen reports whether the newest verification did not reach the primary node of the
// instance, so that it says nothing of the disks there.
func (s *Snapshot) primaryUnseen(i *Instance) bool {
	n := s.Nodes[i.Primary]
	return n != nil && contains(s.Disks.Newest[n.Group].Unreached, n.UUID)
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
