package nodesim

import "fmt"

// running is the process of an instance on a node.
type running struct {
	hypervisor    string
	memory, vcpus int
	state         runState
}

// runState is what the process of an instance does. Node daemons answer in all states
// that the instance runs: they look for KVM's process, and not at what it does.
type runState int

const (
	executing runState = iota
	incoming           // it waits to be migrated to this node
	migrated           // it was migrated away, and its process has not been ended
	shutDown           // its user has shut it down, and its process has not been ended
)

// migration is a migration between its begin and its end.
type migration struct {
	source, target *node
	polls          int // status calls left until all is transferred
}

// RunsOn lists the nodes on which the instance runs, sorted. A process that waits
// for a migration, or is left of one, does not count.
func (f *Fleet) RunsOn(instance string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runsOn(instance)
}

func (f *Fleet) runsOn(instance string) []string {
	var list []string
	for _, n := range f.sorted() {
		if r := n.running[instance]; r != nil && r.state == executing {
			list = append(list, n.spec.Name)
		}
	}
	return list
}

// CrashInstance ends an instance wherever it runs.
func (f *Fleet) CrashInstance(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		delete(n.running, instance)
	}
	delete(f.migrating, instance)
}

// LoseMigrations makes the last call of migrations of an instance to their source
// (instance_finalize_migration_src) fail although it was executed. The instance has
// moved, the job ends with an error, and the configuration stays as it was. The
// function that it returns ends this.
func (f *Fleet) LoseMigrations(instance string) (lift func()) {
	return f.Inject(Fault{Call: "instance_finalize_migration_src", Instance: instance, After: true, Fail: "the answer was lost"})
}

// begins lets an instance use its disks on the node, and reports what is wrong with
// that. It fails if the disks cannot be used.
func (n *node) begins(i instance) error {
	for _, d := range i.Disks {
		key := d.key()
		dev := n.drbd[key]
		v := n.volumeOf(d)
		switch {
		case d.DevType == "blockdev":
		case d.DevType == "drbd" && (dev == nil || !dev.primary):
			return callError("Could not start instance: disk " + key + " is not primary here")
		case d.DevType == "drbd" && len(n.copies(key)) == 0:
			return callError("Could not start instance: disk " + key + " cannot be read")
		case d.DevType != "drbd" && (v == nil || v.broken):
			return callError(fmt.Sprintf("Could not start instance: disk %s is not there", key))
		}
	}
	n.checkSecondRun(i.Name)
	for _, d := range i.Disks {
		key := d.key()
		if d.DevType == "drbd" {
			n.checkStaleStart(i.Name, key, n.copies(key)[0])
		}
		n.write(key, "")
	}
	return nil
}

func (i instance) process(state runState) *running {
	return &running{hypervisor: i.Hypervisor, memory: i.BEParams.MaxMem, vcpus: i.BEParams.VCPUs, state: state}
}

// cannotMigrate are hypervisors that refuse to migrate, with what they say
// (lib/hypervisor/hv_chroot.py and hv_lxc.py). They need no preparation on the target.
var cannotMigrate = map[string]string{
	"chroot": "Migration not supported by the chroot hypervisor",
	"lxc":    "Migration is not supported by the LXC hypervisor",
}

// accept lets a process wait for an instance that is to be migrated to the node.
func (n *node) accept(i instance) error {
	if cannotMigrate[i.Hypervisor] != "" {
		return nil
	}
	if n.running[i.Name] != nil {
		return callError("Failed to accept instance: Failed to start instance " + i.Name + ": already running")
	}
	n.running[i.Name] = i.process(incoming)
	return nil
}

// migrate begins to transfer an instance to a node that has accepted it.
func (n *node) migrate(i instance) error {
	r := n.running[i.Name]
	if r == nil || r.state != executing {
		return callError("Failed to migrate instance: Instance not running, cannot migrate")
	}
	if refusal := cannotMigrate[i.Hypervisor]; refusal != "" {
		return callError("Failed to migrate instance: " + refusal)
	}
	for _, other := range n.fleet.sorted() {
		if t := other.running[i.Name]; other != n && t != nil && t.state == incoming {
			n.fleet.migrating[i.Name] = &migration{source: n, target: other, polls: n.fleet.polls}
			return nil
		}
	}
	return callError("Failed to migrate instance: no node has accepted " + i.Name)
}

// transfer brings a migration one status call further and returns its status. When all
// is transferred the instance runs on the target, whatever the master learns later.
func (n *node) transfer(i instance) (string, error) {
	m := n.fleet.migrating[i.Name]
	switch {
	case m == nil || m.source != n:
		if r := n.running[i.Name]; r != nil && r.state == migrated {
			return "completed", nil
		}
		return "", callError("Failed to get migration status: no migration of " + i.Name)
	case m.polls > 0:
		m.polls--
		return "active", nil
	}
	delete(n.fleet.migrating, i.Name)
	n.running[i.Name].state = migrated
	m.target.running[i.Name].state = executing
	if err := m.target.begins(i); err != nil {
		delete(m.target.running, i.Name)
		n.running[i.Name].state = executing
		return "failed", nil
	}
	return "completed", nil
}

// endSource ends a migration on its source: the process goes if the migration was
// a success, and else the instance goes on there.
func (n *node) endSource(i instance, success bool) {
	delete(n.fleet.migrating, i.Name)
	r := n.running[i.Name]
	switch {
	case r == nil:
	case success:
		delete(n.running, i.Name)
	case r.state == migrated:
		r.state = executing
		n.fleet.report(Incident{Kind: Resumed, Instance: i.Name, Node: n.spec.Name},
			"%s goes on on %s where its migration began, although it has run elsewhere since", i.Name, n.spec.Name)
		n.checkSecondRun(i.Name)
		n.writeAll(i.Name)
	}
}

// endTarget ends a migration on its target: the process goes unless the migration
// was a success.
func (n *node) endTarget(i instance, success bool) {
	if !success {
		delete(n.fleet.migrating, i.Name)
		delete(n.running, i.Name)
	}
}
