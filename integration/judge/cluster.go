package judge

import (
	"sort"
	"strconv"
	"strings"
	"time"
)

// Cluster is the configuration at one moment, with the settings of the program and,
// where it is known, what is true of instances and nodes.
type Cluster struct {
	Time      time.Time // by the master's clock
	Clock     time.Time // by that of the program
	Tags      []string
	Master    string
	Paused    bool                // ganeti-watcher is, by the clocks of the master and of the program
	Groups    map[string][]string // tags of the groups, by name
	Nodes     map[string]Node
	Instances []*Instance
	Settings  Settings
	Slots     int // of the job queue; 0 if not known
}

// Settings are those of the program's settings that matter to the judge.
type Settings struct {
	MaxAttempts       int
	Interval          time.Duration
	ReplaceDisksAfter time.Duration // 0 if the program has no such setting
	RefusedByFence    map[string]bool
	// MendsDisks and Relocates say that disks and relocate are "repair".
	MendsDisks, Relocates bool
	Marking               Marking
	// RestartTries is after how many failed starts an instance is moved, RepeatAfter how
	// long policy allows no second repair on good nodes, and MaxRelocations how many
	// instances of a group a pass moves.
	RestartTries, MaxRelocations int
	RepeatAfter                  time.Duration
}

// Node is a node. Offline and Drained are the administrator's flags; Dead is the
// truth.
type Node struct {
	Group                          string
	Offline, Drained, NotVMCapable bool
	Dead                           bool
	Candidate                      bool // for the role of the master
	Tags                           []string
	Changed                        time.Time // when its configuration last changed; zero if not known
	OSes                           []string  // that it has; nil if it has all
	Memory                         int       // MiB that are free
}

// vouched reports whether a tag says that nothing runs on the node, and that the node
// was not changed later than a minute after it.
func (n Node) vouched(now time.Time) bool {
	for _, tag := range n.Tags {
		sec, err := strconv.ParseInt(strings.TrimPrefix(tag, Prefix+"fenced:"), 10, 64)
		if err == nil && !n.Changed.IsZero() && !n.Changed.After(time.Unix(sec, 0).Add(time.Minute)) && sec <= now.Add(time.Minute).Unix() {
			return true
		}
	}
	return false
}

func (n Node) drained() bool { return n.Drained && !n.Offline }
func (n Node) bad() bool     { return n.Offline || n.Drained }
func (n Node) fit() bool     { return !n.bad() && !n.NotVMCapable }

// Instance is an instance.
type Instance struct {
	Name, UUID, Template string
	Admin                string // admin state: "up", "down", "offline"
	// Status is the live status as Ganeti tells it, "" if nobody asked.
	Status             string
	Primary, Secondary string // Secondary is "" unless the template is drbd
	Memory             int    // MiB
	DisksActive        bool   // as Ganeti has noted it
	OS                 string
	Tags               []string
	// NoMigration is set if a migration of the instance would be a failover:
	// be/always_failover, or a hypervisor that cannot migrate.
	NoMigration bool
	// Truth says that RunsOn, Whole and Generation are known.
	Truth  bool
	RunsOn []string // nodes on which it runs
	Faulty []string // nodes on which drbd goes on without the disk of it, or its volumes are lost
	Split  bool     // each of its two copies has writes that the other lacks
	Whole  []string // nodes with a complete copy of its data that lacks no write
	// Generation is 1 for the data that the instance began with, and grows whenever
	// that is replaced.
	Generation int
}

// nodes lists the primary and the secondary node.
func (i *Instance) nodes() []string {
	if i.Secondary == "" {
		return []string{i.Primary}
	}
	return []string{i.Primary, i.Secondary}
}

// running reports whether the instance runs on its primary node, as far as that is
// known.
func (i *Instance) running() bool {
	if i.Truth {
		return contains(i.RunsOn, i.Primary)
	}
	return i.Status == "running" || i.Status == "ERROR_up"
}

// ByUUID returns the instance, nil if there is none.
func (c *Cluster) ByUUID(uuid string) *Instance {
	for _, i := range c.Instances {
		if i.UUID == uuid {
			return i
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func sorted(set map[string]bool) []string {
	var list []string
	for s := range set {
		list = append(list, s)
	}
	sort.Strings(list)
	return list
}
